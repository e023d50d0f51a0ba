"""Words about what a chat wants: mute, unmute, quiet, digest, export, import, forget."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from advisories.filters import MAX_FILTERS_PER_CHAT
from bot.commands.base import Desk, WordError, destination_of, find_advisory, say, standing_of
from bot.commands.subscribing import read_filter
from bot.delivery.subscriber_file import lasting_mutes
from bot.messages import timing
from bot.messages.conversation import Answer, Button, Request
from bot.messages.safe import show_text
from bot.messages.timing import Timing
from storage import delivery_settings as store_wishes
from storage import identity
from storage.delivery import add_subscription, list_subscriptions

_SPAN = re.compile(r"([0-9]{1,3})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_MUTE = re.compile(r"(\S{1,40})(?:\s+for\s+(\S{1,8}))?")


class Exported(msgspec.Struct, forbid_unknown_fields=True):
    """What export gives and import takes. mutes: advisory, and until when (null: until it is taken back)."""

    subscriptions: list[str] = []
    settings: Timing = Timing()
    mutes: list[tuple[str, datetime | None]] = []
    patchwatch: int = 1


def mute(desk: Desk, request: Request, words: str) -> Answer:
    found = _MUTE.fullmatch(words.strip())
    if found is None:
        raise WordError("mute needs an advisory: mute CVE-2026-31431, or: mute CVE-2026-31431 for 7d")
    until = desk.clock() + _span(found[2]) if found[2] else None
    with desk.store.write() as connection:
        advisory = find_advisory(connection, found[1])
        store_wishes.mute(connection, destination_of(desk, connection, request), advisory.id, until=until)
    when = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until you say unmute"
    return say(f"{found[1].upper()} is muted {when}.", "Corrections of what you were told still come.")


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise WordError("a time looks like this: 12h, 7d, 2w")
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])


def unmute(desk: Desk, request: Request, words: str) -> Answer:
    with desk.store.write() as connection:
        advisory = find_advisory(connection, words.strip())
        known = standing_of(connection, request)
        if known is None or not store_wishes.unmute(connection, known.id, advisory.id):
            raise WordError(f"{show_text(words, limit=40)} is not muted here.")
    return say(f"{show_text(words, limit=40)} is heard again.")


def quiet(desk: Desk, request: Request, words: str) -> Answer:
    def changed(settings: Timing) -> Timing:
        try:
            return timing.parse_quiet(words, settings)
        except timing.TimingError as error:
            raise WordError(str(error)) from None

    now = _change(desk, request, changed)
    if not now.has_quiet_hours:
        return say("No quiet hours.")
    first, last = (f"{one // 60:02}:{one % 60:02}" for one in (now.quiet_from, now.quiet_to))
    return say(f"Quiet from {first} to {last} {now.zone}.", "What is urgent still comes, without a sound.")


def digest(desk: Desk, request: Request, words: str) -> Answer:
    wanted = words.strip().lower()
    if wanted not in ("daily", "weekly", "off"):
        raise WordError("digest daily, digest weekly or digest off")
    now = _change(desk, request, lambda settings: replace(settings, digest=wanted))
    if now.digest == "off":
        return say("Every change comes when it is known.")
    day = "Every day" if now.digest == "daily" else "Every Monday"
    return say(f"{day} at 08:00 {now.zone}; what is urgent comes at once.")


def _change(desk: Desk, request: Request, changed: Callable[[Timing], Timing]) -> Timing:
    with desk.store.write() as connection:
        destination = destination_of(desk, connection, request)
        before = timing.read_timing(store_wishes.load_destination(connection, destination).settings)
        after = changed(before)
        store_wishes.save_settings(connection, destination, timing.write_timing(after))
    return after


def export(desk: Desk, request: Request, words: str) -> Answer:
    """All that we keep of this chat, as JSON that import takes."""
    with desk.store.read() as connection:
        known = standing_of(connection, request)
        if known is None:
            raise WordError("I keep nothing of this chat.")
        kept = exported(connection, known.id)
    text = json.dumps(msgspec.to_builtins(kept), indent=1, ensure_ascii=False)
    return say("All that I keep of this chat", "import takes it back, here or elsewhere.", attachment=text)


def exported(connection: Connection, destination: int) -> Exported:
    return Exported(
        subscriptions=[one.filter for one in list_subscriptions(connection, destination)],
        settings=timing.read_timing(store_wishes.load_destination(connection, destination).settings),
        mutes=lasting_mutes(connection, destination),
    )


def import_back(desk: Desk, request: Request, words: str) -> Answer:
    """Takes the text of an export: filters are added, settings and mutes replaced."""
    try:
        given = msgspec.json.decode(words.encode("utf-8", "replace"), type=Exported)
    except (msgspec.DecodeError, RecursionError):
        raise WordError("import needs the text that export gave: import {…}") from None
    if len(given.subscriptions) > MAX_FILTERS_PER_CHAT or len(given.mutes) > 200:
        raise WordError(f"A chat keeps at most {MAX_FILTERS_PER_CHAT} filters.")
    if given.settings.digest not in ("off", "daily", "weekly") or not timing.is_zone(given.settings.zone):
        raise WordError("these settings are none of mine")
    filters = [str(read_filter(desk, one)) for one in given.subscriptions]
    with desk.store.write() as connection:
        destination = destination_of(desk, connection, request)
        kept = {one.filter for one in list_subscriptions(connection, destination)}
        if len(kept | set(filters)) > MAX_FILTERS_PER_CHAT:
            raise WordError(f"A chat keeps at most {MAX_FILTERS_PER_CHAT} filters; unsubscribe some first.")
        for one in filters:
            add_subscription(connection, destination, one, now=desk.clock())
        minutes = [max(0, min(one, 24 * 60 - 1)) for one in (given.settings.quiet_from, given.settings.quiet_to)]
        settings = replace(given.settings, quiet_from=minutes[0], quiet_to=minutes[1])
        store_wishes.save_settings(connection, destination, timing.write_timing(settings))
        for name, until in given.mutes:
            advisory = identity.resolve(connection, name[:40])
            aware = until if until is None or until.tzinfo else None
            if advisory is not None:
                store_wishes.mute(connection, destination, advisory, until=aware)
    return say(f"Taken back: {len(filters)} subscription{'' if len(filters) == 1 else 's'} and the settings.")


def forget(desk: Desk, request: Request, words: str) -> Answer:
    """Asks once, then nothing of this chat is kept."""
    if words.strip().lower() != "yes":
        button = Button(label="Forget everything", words="forget yes")
        return say("This deletes all that I keep of this chat.", "Write forget yes to do it.", buttons=((button,),))
    with desk.store.write() as connection:
        known = standing_of(connection, request)
        if known is not None:
            store_wishes.forget_destination(connection, known.id)
    store_wishes.erase_traces(desk.store)
    return say("Forgotten.")
