"""Feeds by HTTP: of all, of a topic, of an advisory, each narrowed by a filter in the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode

from sqlalchemy import Connection
from starlette.datastructures import QueryParams

from advisories.filters import MAX_FILTER_CHARS, MAX_TERM_CHARS, Filter, matches, severity_rank
from advisories.model import Change
from advisories.words import SEVERITY_ORDER, ChangeType, Stage
from bot.feeds.entries import MAX_ENTRIES, Afterwards, make_feed
from bot.feeds.writers import CONTENT_TYPES, write_feed, write_opml
from bot.web import lookup
from bot.web.shelf import Rendered
from bot.web.site import Site, WrongRequest
from storage import changes as change_store
from storage.advisories import advisory_titles

KINDS = ("distro", "stage", "branch", "change", "severity", "package", "text")
_CHUNK = 500
_MAX_SCANNED = 20_000  # a feed shows the newest; what lies further back has its archive in the API


def render_feed(site: Site, name: str, kind: str, query: QueryParams) -> Rendered:
    """The feed of a topic's slug or "all". Raises WrongRequest."""
    slug = None if name == "all" else lookup.find_topic(site, name).slug
    title = "patchwatch" if slug is None else f"patchwatch: {lookup.find_topic(site, slug).title}"
    wanted, canonical = read_filter(query)
    description = "What changed" if not canonical else f"What changed, for {describe(query)}"
    with site.app.store.read() as connection:
        afterwards = Afterwards()
        found = _newest(connection, afterwards, lambda one: matches(wanted, one.draft), topic=slug)
        feed = make_feed(
            found,
            title=title,
            description=description,
            path=f"/feeds/{name}.{kind}",
            home="/" if slug is None else f"/topics/{slug}",
            base_url=site.base_url,
            query=canonical,
            afterwards=afterwards,
            titles=dict(advisory_titles(connection)),
        )
    return Rendered(body=write_feed(feed, kind), media=CONTENT_TYPES[kind], max_age=60, open_to_all=True)


def render_advisory_feed(site: Site, name: str, kind: str) -> Rendered:
    """The feed of one advisory. Raises WrongRequest."""
    with site.app.store.read() as connection:
        advisory = lookup.load_advisory(connection, name)
        afterwards = Afterwards()
        found = _newest(connection, afterwards, _is_told, advisory=advisory.id)
        label = lookup.name_of(advisory)
        feed = make_feed(
            found,
            title=f"patchwatch: {label}",
            description=advisory.title,
            path=f"/feeds/advisories/{advisory.id}.{kind}",
            home=f"/advisories/{advisory.id}",
            base_url=site.base_url,
            afterwards=afterwards,
            titles={advisory.id: advisory.title},
        )
    return Rendered(body=write_feed(feed, kind), media=CONTENT_TYPES[kind], max_age=60, open_to_all=True)


def _is_told(change: Change) -> bool:
    return change.draft.told


def _newest(
    connection: Connection,
    afterwards: Afterwards,
    wanted: Callable[[Change], bool],
    *,
    topic: str | None = None,
    advisory: str | None = None,
) -> list[Change]:
    """The newest changes that are wanted; what is said of them later is noted on the way."""
    found: list[Change] = []
    for change in _newest_first(connection, topic, advisory):
        afterwards.note(change)
        if wanted(change):
            found.append(change)
            if len(found) == MAX_ENTRIES:
                break
    return found


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
        if name not in KINDS:
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
        return tuple(one for one in ChangeType if one is not ChangeType.TEXT_CHANGED)
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
