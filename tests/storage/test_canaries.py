"""Canaries in both databases: stored in the place of what was there, counted, seen equal, dropped."""

from __future__ import annotations

from advisories.observation import Observation
from storage.canaries import (
    Canary,
    count_by_source,
    drop_canaries,
    load_canaries,
    read_equal,
    save_canaries,
)
from storage.store import Store
from tests.build import at, cell


def canary(key: str, hours: float = 0, *said: Observation) -> Canary:
    return Canary(
        key=key, place="list", url="https://debian.example/list", at=at(hours), observations=said or (cell(),)
    )


def test_a_canary_is_its_record_again(store: Store) -> None:
    """With its observations, times and place; each source has its own."""
    with store.write() as connection:
        save_canaries(connection, "debian", [canary("b"), canary("a", 1, cell(fixed="6.1.170-1"))])
        save_canaries(connection, "ubuntu", [canary("a")])
    with store.read() as connection:
        assert list(load_canaries(connection, "debian").values()) == [
            canary("a", 1, cell(fixed="6.1.170-1")),
            canary("b"),
        ]


def test_the_newer_form_takes_the_place_of_the_older(store: Store) -> None:
    """One row a record."""
    with store.write() as connection:
        save_canaries(connection, "debian", [canary("a")])
        save_canaries(connection, "debian", [canary("a", 2, cell(fixed="1-1"))])
        assert load_canaries(connection, "debian") == {"a": canary("a", 2, cell(fixed="1-1"))}


def test_what_reads_the_same_again_is_dated(store: Store) -> None:
    """The newest date of each source is what people see; what is dropped is not counted."""
    with store.write() as connection:
        save_canaries(connection, "debian", [canary("a"), canary("b"), canary("c")])
        save_canaries(connection, "kev", [])
        read_equal(connection, "debian", ["a"], at=at(5))
        read_equal(connection, "debian", ["b"], at=at(3))
        assert count_by_source(connection) == {"debian": (3, at(5))}
        drop_canaries(connection, "debian", ["a"])
        assert count_by_source(connection) == {"debian": (2, at(3))}
