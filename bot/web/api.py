"""/api/v1: the stored state as CONTRACT.md's JSON, in pages that a mirror can follow without missing anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from bot.views.changes import change_view
from bot.views.sources import source_views
from bot.views.status import Json, status_view, when
from bot.web import lookup
from bot.web.lookup import Stored
from bot.web.shelf import Rendered
from bot.web.site import Site, WrongRequest, as_of
from storage import advisories as advisory_store
from storage import changes as change_store
from storage.board import merged_advisories, sequence_before

JSON = "application/json"
PROBLEM = "application/problem+json"
MAX_PAGE = 200
DEFAULT_PAGE = 50
MAX_CURSOR = 2**53


def render_json(document: Json, *, max_age: int = 60) -> Rendered:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Rendered(body=body, media=JSON, max_age=max_age, open_to_all=True)


def problem(status: int, detail: str, title: str) -> Rendered:
    """RFC 9457."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Rendered(body=body, media=PROBLEM, status=status, max_age=0, open_to_all=True)


def advisories(site: Site, query: QueryParams) -> Rendered:
    """Advisories in the order of their last change. next: the cursor of what follows, now or later."""
    _only(query, ("topic", "since", "cursor", "limit"))
    topic, limit = query.get("topic"), _limit(query)
    if topic is not None:
        lookup.find_topic(site, topic)
    with site.app.store.read() as connection:
        after = _cursor(query)
        since = _since(query)
        if since is not None:
            after = max(after, sequence_before(connection, since))
        rows = advisory_store.list_advisories(connection, topic=topic, after_seq=after, limit=limit + 1)
        merged = merged_advisories(connection)
    found = [Stored(seq=seq, at=at, advisory=advisory) for seq, at, advisory in rows[:limit]]
    return render_json(
        {
            "advisories": [_stored_view(site, one) for one in found],
            "next": str(found[-1].seq if found else after),
            "more": len(rows) > limit,
            "merged": [{"id": younger, "into": older} for younger, older in merged],
        }
    )


def _stored_view(site: Site, stored: Stored) -> Json:
    view = status_view(stored.advisory, as_of=stored.at, topics=lookup.topics_of(site, stored.advisory))
    return {**view, "changed": when(stored.at)}


def advisory(site: Site, name: str) -> Rendered:
    """One advisory by id or alias, the same document as in the list."""
    with site.app.store.read() as connection:
        stored = lookup.load_stored(connection, name)
    return render_json(_stored_view(site, stored))


def path(site: Site, name: str) -> Rendered:
    """The life cycle of an advisory's patches."""
    with site.app.store.read() as connection:
        patches = lookup.patches_of(connection, lookup.resolve_name(connection, name))
    return render_json({"patches": patches})


def changes(site: Site, query: QueryParams) -> Rendered:
    """Changes by their number. next: the cursor of what follows, now or later."""
    _only(query, ("topic", "since", "cursor", "limit"))
    topic, limit = query.get("topic"), _limit(query)
    if topic is not None:
        lookup.find_topic(site, topic)
    with site.app.store.read() as connection:
        found = change_store.list_changes(
            connection,
            since=_since(query),
            after_seq=_cursor(query),
            topic=topic,
            limit=limit + 1,
            with_quiet=False,
        )
    page = found[:limit]
    return render_json(
        {
            "changes": [change_view(one) for one in page],
            "next": str(page[-1].seq if page else _cursor(query)),
            "more": len(found) > limit,
        }
    )


def sources(site: Site) -> Rendered:
    return render_json({"sources": source_views(site.app)}, max_age=10)


def matrix(site: Site) -> Rendered:
    """Every advisory with all its cells, in the form that `patchwatch check --matrix` reads."""
    with site.app.store.read() as connection:
        stored = lookup.list_stored(connection)
        moment = as_of(connection)
    views = [
        status_view(one.advisory, as_of=moment, topics=lookup.topics_of(site, one.advisory)) for one in reversed(stored)
    ]
    return render_json({"patchwatch_matrix": 1, "as_of": when(moment), "advisories": views}, max_age=300)


def _only(query: QueryParams, names: tuple[str, ...]) -> None:
    for name in query:
        if name not in names:
            raise WrongRequest(f"Unknown parameter {name[:40]!r}; there are: {', '.join(names)}.")
        if len(query.getlist(name)) > 1:
            raise WrongRequest(f"{name} may be given once.")


def _limit(query: QueryParams) -> int:
    text = query.get("limit")
    if text is None:
        return DEFAULT_PAGE
    if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_PAGE:
        return int(text)
    raise WrongRequest(f"limit takes a number from 1 to {MAX_PAGE}.")


def _cursor(query: QueryParams) -> int:
    text = query.get("cursor")
    if text is None:
        return 0
    if text.isascii() and text.isdigit() and len(text) < 17 and int(text) < MAX_CURSOR:
        return int(text)
    raise WrongRequest('cursor takes the "next" of an earlier answer.')


def _since(query: QueryParams) -> datetime | None:
    text = query.get("since")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text) if text.isascii() and len(text) < 40 else None
    except ValueError:
        moment = None
    if moment is None:
        raise WrongRequest("since takes a time: 2026-05-01 or 2026-05-01T12:00:00Z.")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return max(aware.astimezone(UTC), datetime(1970, 1, 2, tzinfo=UTC))
    except OverflowError:
        raise WrongRequest("since lies outside the calendar.") from None
