"""/metrics for Prometheus, /healthz and /readyz."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bot.app import App, program_version
from bot.views.sources import source_views
from bot.views.status import Json
from bot.web.shelf import Rendered
from storage.board import count_attempts, count_deliveries, delivery_times, oldest_unsent, store_version
from storage.errors import StorageError

METRICS = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("good", "waiting", "failing", "stale", "held", "off")


def render_metrics(app: App) -> Rendered:
    """The metrics of this moment, read from the store. Raises StorageError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(app))
    return Rendered(body=generate_latest(registry), media=METRICS, max_age=0)


class StoreCollector(Collector):
    """Turns what is stored into metrics when it is asked."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        yield from self._sources()
        yield from self._deliveries()
        with self._app.store.read() as connection:
            newest = store_version(connection)[0]
        yield GaugeMetricFamily("patchwatch_newest_change", "Number of the newest change", value=newest)
        build = GaugeMetricFamily("patchwatch_build", "Version that runs here", labels=["version"])
        build.add_metric([program_version()], 1)
        yield build

    def _sources(self) -> Iterator[Metric]:
        views, now = source_views(self._app), datetime.now(UTC)
        for name, text, key in (
            ("patchwatch_source_last_good_age_seconds", "Seconds since the last good answer of a source", "last_good"),
            ("patchwatch_source_newest_record_age_seconds", "Seconds since a source's newest record", "newest_record"),
            ("patchwatch_source_canary_age_seconds", "Seconds since a source's canaries read the same", "canary_equal"),
        ):
            ages = GaugeMetricFamily(name, text, labels=["source"])
            for view in views:
                if view[key]:
                    age = (now - datetime.fromisoformat(view[key])).total_seconds()
                    ages.add_metric([view["name"]], max(age, 0.0))
            yield ages
        for name, text, key in (
            ("patchwatch_source_records", "Records of a source's last answers", "records"),
            ("patchwatch_source_failures", "Failed polls of a source in a row", "failures"),
            ("patchwatch_source_canaries", "Records of a source that must read again as they did", "canaries"),
            ("patchwatch_source_stale_after_seconds", "Silence of a source that is an alarm", "stale_after_seconds"),
        ):
            yield _by_source(GaugeMetricFamily(name, text, labels=["source"]), views, key)
        for name, text, key in (
            ("patchwatch_source_requests", "Requests made to a source", "requests"),
            ("patchwatch_source_bytes", "Bytes taken from a source", "bytes"),
            ("patchwatch_source_not_modified", "Answers of a source that nothing had changed", "not_modified"),
        ):
            yield _by_source(CounterMetricFamily(name, text, labels=["source"]), views, key)
        states = GaugeMetricFamily(
            "patchwatch_source_state", "1 for the state a source is in", labels=["source", "state"]
        )
        for view in views:
            for state in STATES:
                states.add_metric([view["name"], state], float(view["state"] == state))
        yield states

    def _deliveries(self) -> Iterator[Metric]:
        with self._app.store.read() as connection:
            counts, oldest = count_deliveries(connection), oldest_unsent(connection)
            times, tried = delivery_times(connection), count_attempts(connection)
        deliveries = GaugeMetricFamily("patchwatch_deliveries", "Deliveries in the ledger", labels=["channel", "state"])
        for channel, state, count in counts:
            deliveries.add_metric([channel, state], count)
        yield deliveries
        results = CounterMetricFamily(
            "patchwatch_delivery_attempts", "Tries to send, by what came of them", labels=["channel", "answer"]
        )
        for channel, answer, count in tried:
            results.add_metric([channel, answer], count)
        yield results
        waited = SummaryMetricFamily(
            "patchwatch_delivery_seconds", "Seconds from a change being stored to its being sent", labels=["channel"]
        )
        for channel, count, seconds in times:
            waited.add_metric([channel], count_value=count, sum_value=seconds)
        yield waited
        age = 0.0 if oldest is None else max((datetime.now(UTC) - oldest).total_seconds(), 0.0)
        yield GaugeMetricFamily("patchwatch_queue_age_seconds", "Age of the oldest delivery not yet sent", value=age)


def _by_source(
    family: GaugeMetricFamily | CounterMetricFamily, views: list[Json], key: str
) -> GaugeMetricFamily | CounterMetricFamily:
    for view in views:
        family.add_metric([view["name"]], view[key])
    return family


def render_health() -> Rendered:
    """The process answers."""
    return Rendered(body=b"ok\n", media="text/plain; charset=utf-8", max_age=0)


def render_readiness(app: App) -> Rendered:
    """200 when the store answers and no source is past its limit; else 503 with what is wrong."""
    try:
        late = [view["name"] for view in source_views(app) if view["state"] in ("stale", "held")]
        storage = "good"
    except StorageError as error:
        late, storage = [], str(error)
    ready = storage == "good" and not late
    document = {"ready": ready, "storage": storage, "late": late}
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Rendered(body=body, media="application/json", status=200 if ready else 503, max_age=0)
