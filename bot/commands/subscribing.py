"""Words that subscribe: subscribe, unsubscribe, list, preview, and the choosing by buttons."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from advisories import wording
from advisories.filters import MAX_FILTERS_PER_CHAT, Filter, FilterError, matches, parse_filter
from advisories.model import Change
from advisories.words import CellKind
from bot.commands.base import Desk, WordError, destination_of, rows_of, say, standing_of
from bot.commands.looking import change_line
from bot.messages.conversation import Answer, Button, Request
from bot.messages.model import Line, Span, Style
from bot.messages.safe import show_text
from storage import changes as change_store
from storage.advisories import list_advisories
from storage.delivery import add_subscription, list_subscriptions, remove_subscription

PREVIEW_DAYS = 30
_PREVIEWED = 10
_MAX_PLACES = 30
_CHANGE_CHOICES = (
    ("Everything", ""),
    ("Fixes only", "change:fixed_in change:correction"),
    ("Fixes, exploitation, alarms", "change:fixed_in change:correction change:exploitation_changed change:alarm"),
)


def read_filter(desk: Desk, words: str) -> Filter:
    try:
        return parse_filter(words, known_topics=desk.slugs)
    except FilterError as error:
        raise WordError(show_text(str(error), limit=500)) from None


def subscribe(desk: Desk, request: Request, words: str) -> Answer:
    """Keeps the filter; the first one of a chat is answered with how things stand, and never with history."""
    if not words.strip():
        return choose(desk, request, "")
    wanted = read_filter(desk, words)
    with desk.store.write() as connection:
        destination = destination_of(desk, connection, request)
        kept = list_subscriptions(connection, destination)
        if len(kept) >= MAX_FILTERS_PER_CHAT and str(wanted) not in {one.filter for one in kept}:
            raise WordError(f"A chat keeps at most {MAX_FILTERS_PER_CHAT} filters; unsubscribe one first.")
        number = add_subscription(connection, destination, str(wanted), now=desk.clock())
        standing = summary_lines(desk, connection, wanted)
    return say(f"Subscription {number}: {show_text(str(wanted), limit=512)}", *standing, "unsubscribe takes it back.")


def summary_lines(desk: Desk, connection: Connection, wanted: Filter) -> list[Line | str]:
    """How things stand for this filter now: one line per advisory it is about."""
    lines: list[Line | str] = []
    for _, _, advisory in list_advisories(connection):
        if wanted.topics and not wanted.topics & set(advisory.topics):
            continue
        if wanted.advisories and not wanted.advisories & {advisory.id, *advisory.aliases}:
            continue
        card = desk.composer.card(advisory, sorted(wanted.distros), most=4)
        lines.append(card.lines[0])
        lines += [line for line in card.lines[1:] if wanted.distros and any(span.style is Style.CODE for span in line)]
    shown = lines[:20]
    return [*shown, f"and {len(lines) - 20} more lines"] if len(lines) > 20 else shown


def unsubscribe(desk: Desk, request: Request, words: str) -> Answer:
    number = words.strip()
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        raise WordError("unsubscribe needs the number of a subscription; list shows them")
    with desk.store.write() as connection:
        known = standing_of(connection, request)
        if known is None or not remove_subscription(connection, known.id, int(number)):
            raise WordError(f"There is no subscription {number} here; list shows them.")
    return say(f"Subscription {number} is gone.")


def list_kept(desk: Desk, request: Request, words: str) -> Answer:
    with desk.store.read() as connection:
        known = standing_of(connection, request)
        kept = list_subscriptions(connection, known.id) if known is not None else []
    if not kept:
        return say("No subscription here.", "For example: subscribe copy-fail debian/12")
    return say(
        "Subscriptions", *((Span(text=f"{one.number}: "), Span(text=one.filter, style=Style.CODE)) for one in kept)
    )


def preview(desk: Desk, request: Request, words: str) -> Answer:
    """What the filter would have sent in the last 30 days."""
    wanted = read_filter(desk, words)
    with desk.store.read() as connection:
        found = would_send(desk, connection, wanted)
    head = f"{len(found)} change{'' if len(found) == 1 else 's'} in the last {PREVIEW_DAYS} days"
    return say(head, *(change_line(one) for one in found[-_PREVIEWED:]))


def would_send(desk: Desk, connection: Connection, wanted: Filter) -> list[Change]:
    since = desk.clock() - timedelta(days=PREVIEW_DAYS)
    recent = change_store.list_changes(connection, since=since, with_quiet=False)
    return [one for one in recent if not one.draft.quiet and matches(wanted, one.draft)]


def choose(desk: Desk, request: Request, words: str) -> Answer:
    """By buttons: a topic, then a distribution, then which changes; every button says words that stand for
    themselves, so a button that was tampered with is only another filter."""
    if not words.strip():
        buttons = [Button(label=show_text(one.title, limit=40), words=f"choose {one.slug}") for one in desk.topics]
        return say("Which topic?", buttons=rows_of(buttons, 1))
    wanted = read_filter(desk, words)
    if not wanted.distros:
        with desk.store.read() as connection:
            places = known_places(connection, wanted)
        buttons = [Button(label=label, words=f"choose {wanted} {place}") for place, label in places]
        every = Button(label="All distributions", words=f"subscribe {wanted}")
        return say("Which distribution?", buttons=((every,), *rows_of(buttons, 2)))
    buttons = [Button(label=label, words=f"subscribe {wanted} {more}".strip()) for label, more in _CHANGE_CHOICES]
    return say("Which changes?", buttons=rows_of(buttons, 1))


def known_places(connection: Connection, wanted: Filter) -> list[tuple[str, str]]:
    """(term, name) of the releases that the topic's advisories have a main-line package cell for."""
    places: dict[str, str] = {}
    for _, _, advisory in list_advisories(connection):
        if wanted.topics and not wanted.topics & set(advisory.topics):
            continue
        for cell in advisory.cells:
            if cell.kind is CellKind.PACKAGE and cell.stream is None:
                term = f"{cell.distro}/{cell.release}" if cell.release else cell.distro
                places[term.lower()] = show_text(wording.place(cell.distro, cell.release), limit=40)
    return sorted(places.items())[:_MAX_PLACES]
