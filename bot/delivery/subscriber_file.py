"""All destinations as one JSON file: what they subscribed to, want and do not want to hear. For a move or a copy."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection

from advisories.filters import MAX_FILTERS_PER_CHAT, FilterError, parse_filter
from bot.app import App
from bot.delivery.destinations import DestinationError, Place, parse_destination
from bot.digest.periods import MailWishes
from bot.messages import timing
from bot.messages.safe import show_text
from storage import delivery, identity
from storage import delivery_settings as wishes
from storage.codec import from_text, to_text

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_MUTES = 200
_LAST_MINUTE = 24 * 60 - 1


class SubscriberFileError(ValueError):
    """A file that cannot be taken in; the text says what is wrong where."""


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """One destination. settings: null for those of a new one. mutes: advisory, and until when (null: for good).
    disabled: why nothing is sent there, "" where it is active."""

    destination: str
    subscriptions: list[str] = []
    settings: MailWishes | None = None
    mutes: list[tuple[str, datetime | None]] = []
    disabled: str = ""


class SubscriberFile(msgspec.Struct, forbid_unknown_fields=True):
    destinations: list[Kept]
    patchwatch: int = 1


def export_all(connection: Connection) -> str:
    """Every destination, as JSON with an indent."""
    kept = [_kept(connection, one) for one in wishes.list_destinations(connection)]
    return msgspec.json.format(to_text(SubscriberFile(destinations=kept)), indent=1) + "\n"


def _kept(connection: Connection, one: wishes.Standing) -> Kept:
    return Kept(
        destination=str(Place(kind=one.kind, address=one.address, thread=one.thread)),
        subscriptions=[each.filter for each in delivery.list_subscriptions(connection, one.id)],
        settings=from_text(one.settings, MailWishes) if one.settings not in ("", "{}") else None,
        mutes=lasting_mutes(connection, one.id),
        disabled="" if one.state == "active" else one.reason or "disabled",
    )


def lasting_mutes(connection: Connection, destination: int) -> list[tuple[str, datetime | None]]:
    """The mutes by CVE, which means the same in every store; by the advisory's own id where it has none."""
    named = []
    for advisory, until in wishes.mutes_of(connection, destination):
        aliases = identity.aliases_of(connection, advisory)
        named.append((next((one for one in aliases if one.startswith("CVE-")), advisory), until))
    return named


def import_all(app: App, text: bytes, *, now: datetime) -> tuple[int, int]:
    """Takes a file in, whole or not at all: filters are added, settings and mutes replaced; nothing is sent. Returns
    (destinations, subscriptions). Raises SubscriberFileError, StorageError."""
    read = read_file(text, frozenset(one.slug for one in app.topics))
    with app.store.write() as connection:
        for place, one, filters in read:
            _take(connection, place, one, filters, now)
    return len(read), sum(len(filters) for _, _, filters in read)


def read_file(text: bytes, topics: frozenset[str]) -> list[tuple[Place, Kept, list[str]]]:
    """Each destination with its canonical filters. Raises SubscriberFileError."""
    try:
        given = msgspec.json.decode(text, type=SubscriberFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SubscriberFileError(f"this is no file of `patchwatch destinations --export`: {error}") from None
    return [_read(one, topics) for one in given.destinations]


def _read(one: Kept, topics: frozenset[str]) -> tuple[Place, Kept, list[str]]:
    """The place and its canonical filters. Raises SubscriberFileError."""
    where = show_text(one.destination, limit=80)
    try:
        place = parse_destination(one.destination)
        filters = [str(parse_filter(each, known_topics=topics)) for each in one.subscriptions]
    except (DestinationError, FilterError) as error:
        raise SubscriberFileError(f"{where}: {show_text(str(error), limit=300)}") from None
    if len(filters) > MAX_FILTERS_PER_CHAT or len(one.mutes) > MAX_MUTES:
        raise SubscriberFileError(f"{where}: at most {MAX_FILTERS_PER_CHAT} subscriptions and {MAX_MUTES} mutes")
    wanted = one.settings
    if wanted is not None:
        minutes = (wanted.quiet_from, wanted.quiet_to)
        bounded = all(0 <= each <= _LAST_MINUTE for each in minutes)
        if not bounded or wanted.digest not in ("off", "daily", "weekly") or not timing.is_zone(wanted.zone):
            raise SubscriberFileError(f"{where}: these settings are none that export writes")
    return place, one, filters


def _take(connection: Connection, place: Place, one: Kept, filters: list[str], now: datetime) -> None:
    number = delivery.ensure_destination(
        connection, kind=place.kind, address=place.address, thread=place.thread, now=now
    )
    kept = {each.filter for each in delivery.list_subscriptions(connection, number)}
    if len(kept | set(filters)) > MAX_FILTERS_PER_CHAT:
        raise SubscriberFileError(f"{place}: with those that are there it has more than {MAX_FILTERS_PER_CHAT} filters")
    for each in filters:
        delivery.add_subscription(connection, number, each, now=now)
    if one.settings is not None:
        written = to_text(one.settings) if place.kind == "mail" else timing.write_timing(one.settings.timing)
        wishes.save_settings(connection, number, written)
    for advisory, until in one.mutes:
        found = identity.resolve(connection, advisory[:40])
        if found is not None:
            wishes.mute(connection, number, found, until=_aware(until))
    if one.disabled:
        delivery.disable_destination(connection, number, show_text(one.disabled, limit=300), at=now)


def _aware(moment: datetime | None) -> datetime | None:
    """A time without a zone is none of ours: the mute holds until it is taken back."""
    return moment if moment is None or moment.tzinfo else None
