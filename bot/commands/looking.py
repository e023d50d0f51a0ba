"""Words that look: start, help, topics, status, path, latest, check, sources, why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from advisories.filters import matches, parse_stored
from advisories.model import Change
from bot.commands.base import Desk, Json, Word, WordError, find_advisory, rows_of, say, standing_of
from bot.delivery.folding import places_of
from bot.hostcheck.answer import answer_version, split_request
from bot.hostcheck.matrix import matrix_of_documents
from bot.messages.compose import MAX_CARD_CELLS
from bot.messages.conversation import Answer, Button, Request
from bot.messages.model import Message, Span, Style
from bot.messages.safe import show_text
from bot.views.status import status_view
from storage import changes as change_store
from storage import delivery_history as history
from storage import delivery_settings as wishes
from storage import source_health
from storage.delivery import list_subscriptions

LATEST = 10
_LOOKED_THROUGH = 400
_STATUS_CELLS = 60
_CHECKED_CHARS = 400


def start(desk: Desk, request: Request, words: str) -> Answer:
    """A greeting, and the topics as buttons; a chat that had been lost is served again."""
    with desk.store.write() as connection:
        known = standing_of(connection, request)
        if known is not None:
            wishes.enable_destination(connection, known.id)
    buttons = [Button(label=show_text(one.title, limit=40), words=f"choose {one.slug}") for one in desk.topics]
    return say(
        "I follow kernel changes from the first mail to your package.",
        "Choose a topic, or write for example: subscribe copy-fail debian/12",
        "help lists every word.",
        buttons=rows_of(buttons, 1),
    )


def help_with(words: Callable[[], Sequence[Word]]) -> Callable[[Desk, Request, str], Answer]:
    """`help`, which lists the registry that it is itself in."""

    def answer(desk: Desk, request: Request, given: str) -> Answer:
        lines = [(Span(text=one.whole, style=Style.CODE), Span(text=f" {one.says}")) for one in words()]
        example = 'A filter is words: copy-fail debian/12 rhel/9 stage:stable change:fixed_in severity:high text:"aead"'
        return say("What I understand", *lines, example)

    return answer


def topics(desk: Desk, request: Request, words: str) -> Answer:
    lines = [
        (
            Span(text=one.slug, style=Style.CODE),
            Span(text=f" {show_text(one.title, limit=100)}: {show_text(one.summary, limit=300)}"),
        )
        for one in desk.topics
    ]
    return say("Topics", *lines)


def status(desk: Desk, request: Request, words: str) -> Answer:
    """ID, and places after it; without places those of the chat's filters, else all."""
    name, *places = words.split()[:8] or [""]
    with desk.store.read() as connection:
        advisory = find_advisory(connection, name)
        known = standing_of(connection, request)
        own = places_of(connection, known.id) if known is not None else []
    message = desk.composer.card(advisory, [one.lower() for one in places] or own, most=_STATUS_CELLS)
    return Answer(message=Message(title=message.title, lines=message.lines))


def path(desk: Desk, request: Request, words: str) -> Answer:
    """The life of a change: stage by stage, with dates."""
    name = words.strip().partition(" ")[0][:200]
    if not name:
        raise WordError("path needs a PW id, a CVE, a commit or a Message-ID")
    with desk.store.read() as connection:
        found = desk.path(connection, name)
    patches = list((found or {}).get("patches", ()))
    if not patches:
        raise WordError(f"I know no way of {show_text(name, limit=60)}")
    lines: list[str] = []
    for one in patches[:5]:
        lines.append(show_text(str(one.get("subject", "")), limit=200))
        lines += [_landing(each) for each in list(one.get("landings", ()))[:20]]
        if one.get("missing"):
            lines.append(show_text(f"not yet in: {', '.join(map(str, one['missing']))}", limit=200))
    return say(f"Path of {show_text(name, limit=60)}", *lines)


def _landing(one: Json) -> str:
    where = one.get("version") or one.get("ref") or one.get("tree") or ""
    return show_text(f"{str(one.get('at') or '')[:10]} {one.get('stage')} {where}", limit=120)


def latest(desk: Desk, request: Request, words: str) -> Answer:
    """The newest changes, of this chat's filters when it has some."""
    with desk.store.read() as connection:
        known = standing_of(connection, request)
        kept = list_subscriptions(connection, known.id) if known is not None else []
        newest = change_store.list_changes(connection, newest_first=True, limit=_LOOKED_THROUGH, with_quiet=False)
    filters = [parse_stored(one.filter) for one in kept]
    wanted = [one for one in newest if not filters or any(matches(each, one.draft) for each in filters)]
    return say("Latest", *(change_line(one) for one in wanted[:LATEST])) if wanted else say("Nothing new yet.")


def change_line(one: Change) -> str:
    draft = one.draft
    name = draft.name
    return show_text(f"{draft.at:%Y-%m-%d} {name} {draft.text} ({draft.source})", limit=400)


def check(desk: Desk, request: Request, words: str) -> Answer:
    """VERSION DISTRO [ID], or the line of /proc/version: the verdict of `patchwatch check`, from what can be known.

    Without an ID it is about the first topic's first CVE.
    """
    text, distro, ids = split_request(words)
    if not text or len(text) > _CHECKED_CHARS:
        raise WordError("check needs a version and a distribution: check 6.1.169-1 debian/12")
    with desk.store.read() as connection:
        found = [find_advisory(connection, one) for one in ids[:MAX_CARD_CELLS] or [_main_cve(desk)]]
        polled = [one.last_good_at for one in source_health.list_health(connection) if one.last_good_at]
    now = desk.clock()
    as_of = max(polled, default=now)
    documents = [status_view(one, as_of=as_of, topics=desk.topics, cells=one.cells) for one in found]
    known = matrix_of_documents(list(documents), origin="this patchwatch", as_of=as_of)
    lines = answer_version(text, distro, known, [one.name for one in found], now).splitlines()
    return say(f"Check of {show_text(text, limit=80)}", *(show_text(one, limit=400) for one in lines))


def _main_cve(desk: Desk) -> str:
    return next((sorted(one.cves)[0] for one in desk.topics if one.cves), "")


def sources(desk: Desk, request: Request, words: str) -> Answer:
    """Each source that is on: its state, and why where it is not good."""
    lines = []
    for one in desk.sources():
        why = f": {one['why']}" if one.get("why") else ""
        if one["state"] != "off":
            last = str(one.get("last_good") or "never")[:16].replace("T", " ")
            lines.append(show_text(f"{one['name']} {one['state']}, last good {last}{why}", limit=200))
    return say("Sources", *lines) if lines else say("No source is on.")


def why(desk: Desk, request: Request, words: str) -> Answer:
    """The newest deliveries of this chat, or one of them: change, filter, evidence, tries."""
    with desk.store.read() as connection:
        known = standing_of(connection, request)
        if known is None:
            raise WordError("Nothing was sent here yet.")
        number = words.strip()
        if number and not (number.isascii() and number.isdigit() and len(number) < 12):
            raise WordError("why needs the number of a delivery, or nothing for the last ones")
        wanted = [int(number)] if number else history.last_deliveries(connection, known.id)
        found = [history.explain(connection, one, destination=known.id) for one in wanted]
    told = [one for one in found if one is not None]
    if not told:
        raise WordError("There is no such delivery here." if words.strip() else "Nothing was sent here yet.")
    return say("Why", *(line for one in told for line in why_lines(one)))


def why_lines(one: history.Explained) -> list[str]:
    """A delivery in a few lines, for chat and command line."""
    what = show_text(one.change.draft.text, limit=300) if one.change else "a notice"
    if one.filter is not None:
        reason = f"subscription {one.number}: {one.filter}"
    else:
        reason = "you were told what this takes back" if one.change else "not about a change"
    lines = [
        f"{one.delivery}: {what}",
        f"  {one.state}{', urgent' if one.urgent else ''}; {show_text(reason, limit=300)}",
    ]
    if one.change is not None:
        evidence = one.change.draft.evidence
        source = f"from {evidence.source}, {evidence.evidence_class.value}: {evidence.url}"
        lines.append(f"  {show_text(source, limit=300)}")
    for attempt in one.attempts[-3:]:
        tried = f"{attempt.at:%Y-%m-%d %H:%M} UTC {attempt.answer} {attempt.text}"
        lines.append(f"  {show_text(tried, limit=200)}")
    return lines
