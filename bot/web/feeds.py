"""Feeds by HTTP: of all, of a topic, of an advisory, each narrowed by a filter in the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from sqlalchemy import Connection
from starlette.datastructures import QueryParams

from advisories.filters import CHANGE_WORDS, MAX_FILTER_CHARS, MAX_TERM_CHARS, Filter, matches, severity_rank
from advisories.model import Change
from advisories.words import SEVERITY_ORDER, Stage
from bot.feeds.entries import ARCHIVE_SPAN, MAX_ENTRIES, Afterwards, make_feed
from bot.feeds.writers import CONTENT_TYPES, write_feed, write_opml
from bot.web import lookup
from bot.web.shelf import Rendered
from bot.web.site import Site, WrongRequest
from storage import changes as change_store
from storage.advisories import advisory_titles

KINDS = ("distro", "stage", "branch", "change", "severity", "package", "text")
_CHUNK = 500
_MAX_SCANNED = 20_000  # a feed shows the newest; what lies further back has its archive in the API


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a feed is of: everything, a topic or an advisory. path: of the feed, without its ending."""

    title: str
    description: str
    path: str
    home: str
    topic: str | None = None
    advisory: str | None = None


def render_feed(site: Site, name: str, kind: str, query: QueryParams) -> Rendered:
    """The feed of a topic's slug or "all". Raises WrongRequest."""
    if name == "all":
        return _render(
            site, Scope(title="patchwatch", description="What changed", path="/feeds/all", home="/"), kind, query
        )
    topic = lookup.find_topic(site, name)
    scope = Scope(
        title=f"patchwatch: {topic.title}",
        description="What changed",
        path=f"/feeds/{topic.slug}",
        home=f"/topics/{topic.slug}",
        topic=topic.slug,
    )
    return _render(site, scope, kind, query)


def render_advisory_feed(site: Site, name: str, kind: str, query: QueryParams) -> Rendered:
    """The feed of one advisory. Raises WrongRequest."""
    with site.app.store.read() as connection:
        advisory = lookup.load_advisory(connection, name)
    scope = Scope(
        title=f"patchwatch: {lookup.name_of(advisory)}",
        description=advisory.title,
        path=f"/feeds/advisories/{advisory.id}",
        home=f"/advisories/{advisory.id}",
        advisory=advisory.id,
    )
    return _render(site, scope, kind, query)


def _render(site: Site, scope: Scope, kind: str, query: QueryParams) -> Rendered:
    before = _before(query)
    wanted, canonical = read_filter(query)
    description = f"{scope.description}, for {describe(query)}" if canonical else scope.description
    with site.app.store.read() as connection:
        afterwards = Afterwards()
        found, older = _newest(connection, afterwards, lambda one: matches(wanted, one.draft), scope, before)
        feed = make_feed(
            found,
            title=scope.title,
            description=description,
            path=f"{scope.path}.{kind}",
            home=scope.home,
            base_url=site.base_url,
            query=canonical,
            before=before,
            older=older,
            hub=site.app.config.text("web", "hub"),
            afterwards=afterwards,
            titles=dict(advisory_titles(connection)),
        )
    max_age = 60 if before is None else 3600
    return Rendered(body=write_feed(feed, kind), media=CONTENT_TYPES[kind], max_age=max_age, open_to_all=True)


def _newest(
    connection: Connection,
    afterwards: Afterwards,
    wanted: Callable[[Change], bool],
    scope: Scope,
    before: int | None,
) -> tuple[list[Change], int | None]:
    """The newest changes that are wanted (of an archive: those of its span), and the `before` of the next archive.

    An archive holds whatever is wanted of `ARCHIVE_SPAN` numbers, so it stays as it is. The feed itself holds at least
    as many entries as a span has numbers: the span that its oldest entry lies in is over.
    What is said of a change later on is noted on the way.
    """
    found: list[Change] = []
    for change in _newest_first(connection, scope.topic, scope.advisory):
        afterwards.note(change)
        if (before is not None and change.seq >= before) or not wanted(change):
            continue
        if len(found) == MAX_ENTRIES or (before is not None and change.seq < before - ARCHIVE_SPAN):
            return found, (change.seq // ARCHIVE_SPAN + 1) * ARCHIVE_SPAN
        found.append(change)
    return found, None


def _newest_first(connection: Connection, topic: str | None, advisory: str | None) -> Iterator[Change]:
    limit = _CHUNK
    seen = 0
    while seen < _MAX_SCANNED:
        rows = change_store.list_changes(
            connection, topic=topic, advisory=advisory, newest_first=True, limit=limit, with_quiet=False
        )
        yield from rows[seen:]
        if len(rows) < limit:
            return
        seen, limit = len(rows), limit * 4


def read_filter(query: QueryParams) -> tuple[Filter, str]:
    """The filter of an address, and the same as its query in one fixed spelling. Raises WrongRequest.

    It means what the same words mean in a subscription: terms of one kind are alternatives, kinds must all hold.
    """
    for name in query:
        if name not in KINDS and name != "before":
            raise WrongRequest(f"A feed is narrowed by {', '.join(KINDS)}; {name[:40]!r} is none of them.")
    found = {kind: _terms(kind, query.getlist(kind)) for kind in KINDS}
    ranks = [severity_rank(one) for one in found["severity"]]
    pairs = [(kind, one) for kind in KINDS for one in sorted(found[kind])]
    canonical = f"?{urlencode(pairs, safe='/', quote_via=quote)}" if pairs else ""
    if len(canonical) > MAX_FILTER_CHARS * 3:
        raise WrongRequest(f"A filter has at most {MAX_FILTER_CHARS} characters.")
    wanted = Filter(
        distros=found["distro"],
        packages=found["package"],
        stages=found["stage"],
        branches=found["branch"],
        changes=found["change"],
        texts=found["text"],
        severity=min(ranks, default=None),
    )
    return wanted, canonical


def _before(query: QueryParams) -> int | None:
    """Which archive is asked for: its changes have a number below this one. Raises WrongRequest."""
    given = query.getlist("before")
    if not given:
        return None
    text = given[0]
    if len(given) == 1 and text.isascii() and text.isdigit() and len(text) < 16 and not int(text) % ARCHIVE_SPAN:
        return int(text)
    raise WrongRequest("before is what a feed's link to its archive says; start from the feed without it.")


def _terms(kind: str, given: list[str]) -> frozenset[str]:
    terms = frozenset(one.casefold() if kind == "text" else one.strip().lower() for one in given if one.strip())
    known = _known_words(kind)
    for one in terms:
        if len(one) > MAX_TERM_CHARS or not one.isprintable():
            raise WrongRequest(f"{kind} takes at most {MAX_TERM_CHARS} plain characters.")
        if known and one not in known:
            raise WrongRequest(f"{kind} takes one of: {', '.join(known)}.")
    return terms


def _known_words(kind: str) -> tuple[str, ...]:
    if kind == "stage":
        return tuple(Stage)
    if kind == "change":
        return CHANGE_WORDS
    return tuple(SEVERITY_ORDER) if kind == "severity" else ()


def describe(query: QueryParams) -> str:
    """ "distro debian/12, severity high"."""
    return ", ".join(f"{kind} {' or '.join(sorted(query.getlist(kind)))}" for kind in KINDS if query.getlist(kind))


def render_opml(site: Site) -> Rendered:
    """Every topic's feed and every advisory's, for a reader to take in at once."""
    base = site.base_url
    feeds = [("patchwatch: everything", f"{base}/feeds/all.atom", f"{base}/")]
    feeds += [(one.title, f"{base}/feeds/{one.slug}.atom", f"{base}/topics/{one.slug}") for one in site.app.topics]
    with site.app.store.read() as connection:
        for stored in lookup.list_stored(connection)[:500]:
            advisory = stored.advisory
            title = f"{lookup.name_of(advisory)}: {advisory.title}"
            feeds.append((title, f"{base}/feeds/advisories/{advisory.id}.atom", f"{base}/advisories/{advisory.id}"))
    return Rendered(body=write_opml("patchwatch", feeds), media="text/x-opml; charset=utf-8", open_to_all=True)
