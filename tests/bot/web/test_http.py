"""How answers travel: validators, 304, gzip, freshness, and what a broken store or a taken port leads to."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, insert, select, update

from bot.app import App
from bot.config import ConfigError
from bot.delivery.outbox import enqueue_changes
from bot.web.routes import make_web
from bot.web.serve import listen_on, serve_web
from bot.web.shelf import MAX_ANSWERS, Rendered, Shelf, make_answer
from bot.web.site import base_url_of, make_site
from storage import delivery, source_health
from storage.changes import add_changes
from storage.delivery_tables import attempts, deliveries
from tests.advisories.test_filters import DRAFT, KEV, NOW
from tests.bot.web.asking import Ask, asker, free_port, served
from tests.bot.web.stores import make_app, open_filled
from tests.conftest import ROOT

KEPT = ("/", "/advisories/PW-2026-1", "/feeds/all.atom", "/feeds/copy-fail.rss", "/feeds/all.json", "/matrix.json",
        "/api/v1/advisories", "/api/v1/changes", "/opml", "/advisories/PW-2026-1/stages.svg")  # fmt: skip


@pytest.mark.parametrize("path", KEPT)
def test_what_is_held_is_not_sent(ask: Ask, path: str) -> None:
    """With the ETag, or else the time, of what is held comes 304 without a body."""
    first = ask(path)
    assert first.headers["cache-control"].startswith("public, max-age=")
    for headers in (
        {"if_none_match": first.headers["etag"]},
        {"if_none_match": f'"x", W/{first.headers["etag"]}'},
        {"if_modified_since": first.headers["last-modified"]},
    ):
        again = ask(path, **headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert ask(path, if_none_match='"other"').status_code == 200
    assert ask(path, if_modified_since="Wed, 22 Apr 2026 00:00:00 GMT").status_code == 200
    for odd in ("never", "Thu, 99 Foo 9999 99:99:99 GMT", f"Thu, 01 Jan {'9' * 14} 00:00:00 GMT"):
        assert ask(path, if_modified_since=odd).status_code == 200


@pytest.mark.parametrize("path", KEPT)
def test_gzip_for_whom_takes_it(ask: Ask, path: str) -> None:
    """gzip comes to those that ask for it, under an ETag of its own, and unpacks to the same bytes."""
    plain, zipped = ask(path), ask(path, accept_encoding="br, gzip;q=0.5")
    assert (plain.headers.get("content-encoding"), zipped.headers["content-encoding"]) == (None, "gzip")
    assert plain.content == zipped.content
    assert plain.headers["etag"] != zipped.headers["etag"]
    assert plain.headers["vary"].startswith("Accept-Encoding")
    assert ask(path, accept_encoding="gzip;q=0").headers.get("content-encoding") is None


def test_gzip_is_always_the_same() -> None:
    """The zipped body holds no time, so the same body has the same bytes everywhere."""
    rendered = Rendered(body=b"patchwatch " * 100, media="text/plain")
    first, second = make_answer(rendered), make_answer(rendered)
    assert first.zipped == second.zipped
    assert first.zipped is not None
    assert gzip.decompress(first.zipped) == rendered.body


def test_a_change_is_seen_at_once(tmp_path: Path) -> None:
    """A new change gives a new ETag; what did not change keeps its own and its time."""
    app = make_app(tmp_path)
    ask = asker(app)
    with app.store.write() as connection:
        add_changes(connection, [DRAFT])
    before, other = ask("/feeds/all.atom"), ask("/feeds/all.atom?distro=alpine/3.22&change=alarm")
    with app.store.write() as connection:
        add_changes(connection, [KEV])
    after = ask("/feeds/all.atom", if_none_match=before.headers["etag"])
    assert (after.status_code, KEV.text in after.text) == (200, True)
    unchanged = ask("/feeds/all.atom?distro=alpine/3.22&change=alarm", if_none_match=other.headers["etag"])
    assert (unchanged.status_code, unchanged.headers["last-modified"]) == (304, other.headers["last-modified"])
    app.store.close()


def test_shelf_looks_at_the_store_when_its_look_is_old(tmp_path: Path) -> None:
    """Within its freshness the shelf does not ask the store again, and it renders each address once."""
    app = make_app(tmp_path)
    shelf = Shelf(app.store, fresh_seconds=3600)
    rendered: list[str] = []

    def render() -> Rendered:
        rendered.append("once")
        return Rendered(body=b"x", media="text/plain")

    shelf.get("/a", render)
    with app.store.write() as connection:
        add_changes(connection, [DRAFT])
    shelf.get("/a", render)
    assert rendered == ["once"]
    assert shelf.peek("/a") is not None
    assert shelf.peek("/b") is None
    app.store.close()


def test_shelf_is_bounded(tmp_path: Path) -> None:
    """Many addresses push the oldest answers out."""
    app = make_app(tmp_path)
    shelf = Shelf(app.store, fresh_seconds=3600)
    for number in range(MAX_ANSWERS + 10):
        shelf.get(f"/{number}", lambda: Rendered(body=b"x", media="text/plain"))
    assert shelf.peek("/0") is None
    assert shelf.peek(f"/{MAX_ANSWERS}") is not None
    app.store.close()


def test_health_and_readiness(tmp_path: Path) -> None:
    """The process is healthy; it is ready while no source is past its limit or held."""
    app = make_app(tmp_path)
    ask = asker(app)
    assert (ask("/healthz").text, ask("/readyz").json()) == ("ok\n", {"ready": True, "storage": "good", "late": []})
    old = datetime.now(UTC) - timedelta(days=30)
    with app.store.write() as connection:
        source_health.ensure_source(connection, "debian")
        source_health.record_good(connection, "debian", now=old, next_due_at=old)
    answer = ask("/readyz")
    assert (answer.status_code, answer.json()["late"]) == (503, ["debian"])
    assert "some sources give no news" in ask("/").text
    app.store.close()


def test_metrics(tmp_path: Path) -> None:
    """Prometheus reads ages, counts and states per source, deliveries and the age of the queue."""
    from prometheus_client.parser import text_string_to_metric_families

    with open_filled(tmp_path) as app:
        with app.store.write() as connection:
            source_health.record_good(
                connection, "debian", now=datetime.now(UTC), next_due_at=datetime.now(UTC) + timedelta(hours=1)
            )
        families = {one.name: one for one in text_string_to_metric_families(asker(app)("/metrics").text)}
    assert {"patchwatch_source_last_good_age_seconds", "patchwatch_source_records", "patchwatch_source_requests",
            "patchwatch_source_bytes", "patchwatch_source_not_modified", "patchwatch_source_failures",
            "patchwatch_deliveries", "patchwatch_queue_age_seconds", "patchwatch_build"} <= families.keys()  # fmt: skip
    states = [one.labels["state"] for one in families["patchwatch_source_state"].samples
              if one.labels["source"] == "debian" and one.value]  # fmt: skip
    assert states == ["good"]
    assert families["patchwatch_newest_change"].samples[0].value == 11


def test_metrics_of_delivery(tmp_path: Path) -> None:
    """What is owed, what was sent and how long that took is told by channel."""
    from prometheus_client.parser import text_string_to_metric_families

    app = make_app(tmp_path)
    with app.store.write() as connection:
        destination = delivery.ensure_destination(connection, kind="webhook", address="ops", now=NOW)
        delivery.add_subscription(connection, destination, "copy-fail", now=NOW)
        enqueue_changes(connection, add_changes(connection, [DRAFT, KEV]), now=NOW)
        first = connection.execute(select(func.min(deliveries.c.id))).scalar_one()
        connection.execute(update(deliveries).where(deliveries.c.id == first).values(state="sent"))
        connection.execute(insert(attempts).values(delivery=first, at=NOW + timedelta(seconds=7), answer="sent"))
    families = {one.name: one.samples for one in text_string_to_metric_families(asker(app)("/metrics").text)}
    app.store.close()
    assert {(one.labels["channel"], one.labels["state"], one.value) for one in families["patchwatch_deliveries"]} == {
        ("webhook", "pending", 1),
        ("webhook", "sent", 1),
    }
    assert [
        (one.labels["channel"], one.labels["answer"], one.value) for one in families["patchwatch_delivery_attempts"]
    ] == [("webhook", "sent", 1)]
    assert [(one.name, one.value) for one in families["patchwatch_delivery_seconds"]] == [
        ("patchwatch_delivery_seconds_count", 1),
        ("patchwatch_delivery_seconds_sum", 7),
    ]
    assert families["patchwatch_queue_age_seconds"][0].value > 0


def test_a_store_that_is_gone(tmp_path: Path) -> None:
    """A store that cannot be read gives 503 with a time to come again, and readiness says why."""
    app = make_app(tmp_path)
    ask = asker(app)
    with app.store.write() as connection:
        connection.exec_driver_sql("DROP TABLE changes")
    for path in ("/", "/feeds/all.atom", "/api/v1/changes"):
        answer = ask(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert "no such table" not in answer.text
    app.store.close()


def test_a_bug_is_an_answer_too(filled: App) -> None:
    """An unexpected error gives a guarded 500 page without its text."""
    site = make_site(filled)
    broken = replace(site, app=replace(filled, topics=(None,)))  # type: ignore[arg-type]  # broken on purpose
    web = make_web(broken)

    async def ask_broken() -> httpx.Response:
        transport = httpx.ASGITransport(app=web, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get("/topics/copy-fail")

    answer = asyncio.run(ask_broken())
    assert (answer.status_code, "NoneType" in answer.text) == (500, False)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_long_addresses_are_refused(ask: Ask) -> None:
    """An address of more than 4,096 characters is not looked at, wherever it leads."""
    for path in (
        "/feeds/all.atom?text=",
        "/?distro=",
        "/advisories/PW-2026-1?distro=",
        "/api/v1/changes?since=",
        "/osv/",
    ):
        assert ask(path + "x" * 4096).status_code == 414


@pytest.mark.parametrize(
    ("listen", "base_url", "wanted"),
    [
        ("127.0.0.1:8080", "", "http://127.0.0.1:8080"),
        ("0.0.0.0:8081", "", "http://127.0.0.1:8081"),
        ("[::1]:80", "", "http://[::1]:80"),
        ("127.0.0.1:8080", "https://pw.example.org/", "https://pw.example.org"),
    ],
)
def test_base_url(tmp_path: Path, listen: str, base_url: str, wanted: str) -> None:
    """The configured address counts, else where we listen."""
    app = make_app(tmp_path, PATCHWATCH_WEB_LISTEN=listen, PATCHWATCH_WEB_BASE_URL=base_url)
    assert base_url_of(app) == wanted
    app.store.close()


def test_a_taken_port_is_one_clear_line(filled: App) -> None:
    """When the port is in use the error names it and the key to set."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        here = replace(
            filled, config=replace(filled.config, values={**filled.config.values, ("web", "listen"): listen})
        )
        with pytest.raises(ConfigError, match=f"cannot listen on {listen}: Address already in use; .*_WEB_LISTEN"):
            asyncio.run(serve_web(here, asyncio.Event()))


@pytest.mark.parametrize("text", ["", "8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999", "no such host.:80"])
def test_wrong_listen(text: str) -> None:
    """An address that is none is a configuration error that names the key."""
    with pytest.raises(ConfigError, match=r"\[web\] listen"):
        listen_on(text)


def test_served_over_tcp_until_stop(filled: App) -> None:
    """uvicorn serves every kind of answer, HEAD has no body, and `stop` ends it with a connection still open."""
    with served(filled) as url, httpx.Client(base_url=url, headers={"accept-encoding": "identity"}) as client:
        for path in ("/", "/feeds/all.atom", "/api/v1/sources", "/static/style.css", "/metrics"):
            assert client.get(path).status_code == 200
        head = client.head("/feeds/all.atom")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(client.get("/feeds/all.atom").content)
        assert "server" not in head.headers
    assert free_port() > 0


def test_alerts_and_dashboard_ask_for_metrics_that_are_there(ask: Ask) -> None:
    """Every metric that docs/ names is among those that /metrics gives."""
    types = re.findall(r"^# TYPE (patchwatch_\w+) (\w+)", ask("/metrics").text, re.ASCII | re.MULTILINE)
    given = {name for name, _ in types}
    given |= {f"{name}_{part}" for name, kind in types if kind == "summary" for part in ("sum", "count")}
    docs = ROOT / "docs"
    for page in ("alerts.example.yml", "dashboard.json"):
        named = set(re.findall(r"patchwatch_[a-z_]+", (docs / page).read_text(encoding="utf-8")))
        assert named
        assert named - given == set()
