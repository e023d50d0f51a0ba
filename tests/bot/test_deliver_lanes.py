"""The lane of a channel: urgent first, each destination once, none before its time."""

from __future__ import annotations

import asyncio

from bot.delivery.lanes import Lane
from storage.delivery import DueDestination


def place(number: int, *, urgent: bool = False) -> DueDestination:
    return DueDestination(id=number, kind="telegram", address=str(number), thread="", urgent=urgent)


async def drain(lane: Lane) -> list[int]:
    served = []
    while (one := await lane.take()) is not None:
        served.append(one.id)
        lane.done(one, more=False)
    return served


def test_urgent_goes_first() -> None:
    """Those with something urgent before the others, each in the order in which they came."""

    async def run() -> list[int]:
        lane = Lane(lambda destination: 0.0)
        for one in (place(1), place(2), place(3, urgent=True), place(4)):
            lane.offer(one)
        lane.finish()
        return await drain(lane)

    assert asyncio.run(run()) == [3, 1, 2, 4]


def test_becoming_urgent_moves_up_and_is_served_once() -> None:
    """A queued destination that becomes urgent is served at its new place only."""

    async def run() -> list[int]:
        lane = Lane(lambda destination: 0.0)
        for one in (place(1), place(2), place(2, urgent=True), place(2, urgent=True), place(1)):
            lane.offer(one)
        lane.finish()
        return await drain(lane)

    assert asyncio.run(run()) == [2, 1]


def test_one_that_must_wait_holds_nobody_up() -> None:
    """A destination that has to wait comes after those that need not, however urgent."""
    waits = {1: [0.02, 0.0], 2: [0.0, 0.0]}

    async def run() -> list[int]:
        lane = Lane(lambda destination: waits[destination.id].pop(0) if waits[destination.id] else 0.0)
        for one in (place(1, urgent=True), place(2)):
            lane.offer(one)
        lane.finish()
        return await drain(lane)

    assert asyncio.run(run()) == [2, 1]


def test_more_is_served_again_and_closing_ends() -> None:
    """A destination with more comes back; while it is served it is not handed out twice; a closed lane gives none."""

    async def run() -> list[int | None]:
        lane = Lane(lambda destination: 0.0)
        lane.offer(place(1))
        first = await lane.take()
        assert first is not None
        lane.offer(place(1, urgent=True))
        lane.done(first, more=True)
        second = await lane.take()
        assert second is not None
        lane.done(second, more=False)
        lane.offer(place(3))
        lane.close()
        third = await lane.take()
        return [first.id, second.id, third.id if third else None]

    assert asyncio.run(run()) == [1, 1, None]
