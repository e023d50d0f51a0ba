"""The health of every source: the same for the command line, the board and the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

from bot.app import App
from bot.views.status import Json, when
from sources.base import Canary, SourceSpec
from sources.registry import MODULES, find_source, source_names
from storage import canaries as canary_store
from storage import source_health
from storage.source_health import SourceHealth

Canaries = tuple[int, datetime | None]  # how many, and when one of them last read the same again
NO_CANARY: Canaries = (0, None)


def source_views(app: App) -> list[Json]:
    """One object per source, configured further trees included, in the order of the registry."""
    now = datetime.now(UTC)
    with app.store.read() as connection:
        stored = {one.name: one for one in source_health.list_health(connection)}
        canaries = canary_store.count_by_source(connection)
    names = [name for name in source_names() if _is_there(name)]
    return [
        _view(app, name, stored.get(name), canaries.get(name, NO_CANARY), now)
        for name in (*names, *app.config.further_trees)
    ]


def _is_there(name: str) -> bool:
    """Whether the source's folder is part of this installation."""
    found = find_spec(MODULES[name])
    return found is not None and found.origin is not None


def _view(app: App, name: str, health: SourceHealth | None, canaries: Canaries, now: datetime) -> Json:
    spec = find_source(name)
    enabled = app.config.source(name).enabled
    return {
        "name": name,
        "title": spec.title,
        "gives": spec.gives,
        "state": _state(spec, health, now) if enabled else "off",
        "last_good": when(health.last_good_at) if health else None,
        "newest_record": when(health.newest_record_at) if health else None,
        "next_poll": when(health.next_due_at) if health else None,
        "failing_since": when(health.failing_since) if health else None,
        "failures": health.failures if health else 0,
        "why": _why(spec, health, now) if enabled else "switched off in the configuration",
        "url": health.error_url if health else None,
        "records": health.records if health else 0,
        "rejected": health.rejected if health else 0,
        "interval_seconds": spec.interval_seconds,
        "stale_after_seconds": spec.stale_after_seconds,
        "expected": f"a good answer at least every {_span(timedelta(seconds=spec.stale_after_seconds))}",
        "canaries": canaries[0],
        "canary_equal": when(canaries[1]),
        "canary": _canary_words(spec, health, canaries),
        "requests": health.requests if health else 0,
        "bytes": health.bytes if health else 0,
        "not_modified": health.not_modified if health else 0,
        "licence": spec.licence,
        "home": spec.home,
    }


def is_stale(spec: SourceSpec, health: SourceHealth, now: datetime) -> bool:
    """Whether the source has been silent past its freshness contract, or serves an old copy of its list for so long."""
    limit = timedelta(seconds=spec.stale_after_seconds)
    last = health.last_good_at or health.failing_since
    if last is not None and now - last > limit:
        return True
    return spec.whole_list and health.newest_record_at is not None and now - health.newest_record_at > limit


def stale_reason(spec: SourceSpec, health: SourceHealth, now: datetime) -> str:
    """What has not come for how long."""
    last = health.last_good_at or health.failing_since
    limit = timedelta(seconds=spec.stale_after_seconds)
    if last is not None and now - last > limit:
        return f"no good fetch for longer than {_span(limit)}"
    return f"its list has not changed for longer than {_span(limit)}: an old copy may be served"


def _canary_words(spec: SourceSpec, health: SourceHealth | None, canaries: Canaries) -> str:
    """What must read again as it did, and whether it does."""
    count, equal_at = canaries
    if spec.canary is Canary.READ_ONCE:
        return str(spec.canary.value)
    if health is not None and health.state == "held" and health.asked:
        return "differs: the source is held"
    if not count:
        return f"none yet; {spec.canary.value} will be"
    read = f"read the same {equal_at:%Y-%m-%d %H:%M}" if equal_at else "not read again yet"
    return f"{count} kept: {spec.canary.value}, {read}"


def _span(limit: timedelta) -> str:
    hours = int(limit.total_seconds()) // 3600
    return f"{hours // 24} days" if hours >= 48 else f"{hours} h"


def _state(spec: SourceSpec, health: SourceHealth | None, now: datetime) -> str:
    if health is None:
        return "waiting"
    if health.state in ("good", "failing") and is_stale(spec, health, now):
        return "stale"
    return health.state


def _why(spec: SourceSpec, health: SourceHealth | None, now: datetime) -> str | None:
    if health is None:
        return None
    if health.state == "held":
        return health.held_reason
    if health.error_text:
        since = f" since {health.failing_since:%Y-%m-%d %H:%M}" if health.failing_since else ""
        return f"{health.error_text}{since}"
    if is_stale(spec, health, now):
        return stale_reason(spec, health, now)
    return None
