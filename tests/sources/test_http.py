"""The HTTP door against a real server: requests, validators, statuses, politeness, redirects, secrets."""

from __future__ import annotations

import gzip
import hashlib
import logging
import threading
from collections.abc import Iterable

import pytest

from sources.errors import FetchError, NotAllowed, RateLimited, SourceError
from sources.http import FetchedDocument, HttpDoor, HttpPolicy, NotModified, Validators
from tests.servers.raw_http import answer, raw_server
from tests.sources.http_answers import (
    NOW,
    FakeTime,
    fail,
    make_door,
)


def test_a_document_comes_with_its_facts() -> None:
    """Body, hash, type, validators, time and the kept headers of a good answer."""
    body = b'{"a": 1}'
    headers = ('ETag: "v1"', "Last-Modified: Mon, 04 May 2026 10:00:00 GMT", "Content-Type: application/JSON; x=1")
    with raw_server(answer(body, *headers, "Set-Cookie: a=b", "X-Other: 1")) as server:
        got = make_door(server).get(server.url + "/x", source="kev", expect="json")
    assert got == FetchedDocument(
        url=server.url + "/x",
        status=200,
        fetched_at=NOW,
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        content_type="application/json",
        validators=Validators(etag='"v1"', last_modified="Mon, 04 May 2026 10:00:00 GMT"),
        headers={
            "content-type": "application/JSON; x=1",
            "content-length": "8",
            "etag": '"v1"',
            "last-modified": "Mon, 04 May 2026 10:00:00 GMT",
        },
    )


def test_the_request_says_who_asks_and_takes_gzip_only() -> None:
    """The program and its contact, never Mozilla; no brotli; no cookie of an earlier answer."""
    with raw_server(answer(b"{}", "Set-Cookie: session=1; Path=/")) as server:
        door = make_door(server)
        for _ in range(2):
            door.get(server.url + "/x", source="kev", expect="json")
        assert server.header("user-agent") == "patchwatch/1.2 (+ops@example.org)"
        assert server.header("accept-encoding") == "gzip"
        assert server.header("cookie", 1) is None


def test_a_user_agent_that_says_mozilla_is_refused() -> None:
    """kernel.org challenges it, so it cannot be configured."""
    with pytest.raises(ValueError, match="Mozilla"):
        HttpDoor(HttpPolicy(contact="x", version="1", user_agent="Mozilla/5.0"))


def test_not_modified_with_validators() -> None:
    """Held validators are sent, and a 304 says that they hold."""
    held = Validators(etag='W/"a"', last_modified="Mon, 04 May 2026 10:00:00 GMT")
    with raw_server(answer(status="304 Not Modified", length=False)) as server:
        got = make_door(server).get(server.url + "/x", source="kev", expect="json", validators=held)
        assert got == NotModified(url=server.url + "/x", fetched_at=NOW)
        assert server.header("if-none-match") == 'W/"a"'
        assert server.header("if-modified-since") == "Mon, 04 May 2026 10:00:00 GMT"


def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    """Without validators there is nothing that could be unchanged."""
    error = fail(answer(status="304 Not Modified", length=False))
    assert (error.kind, error.status) == ("status", 304)


@pytest.mark.parametrize("etag", ['"' + "x" * 2000 + '"', '"a\r\nX-Evil: 1"', '"é"'])
def test_a_hostile_etag_is_neither_kept_nor_sent(etag: str) -> None:
    """Over 1 KiB, with line ends or outside ASCII: the next request is simply not conditional."""
    with raw_server(answer(b"{}", 'ETag: "' + "y" * 2000 + '"')) as server:
        got = make_door(server).get(server.url + "/x", source="kev", expect="json", validators=Validators(etag=etag))
        assert isinstance(got, FetchedDocument)
        assert got.validators == Validators()
        assert server.header("if-none-match") is None
        assert server.header("x-evil") is None


@pytest.mark.parametrize("body", [b"", b"  \n", b"\n\n"])
@pytest.mark.parametrize("expect", ["json", "xml", "html", "text", "binary"])
def test_an_empty_body_is_no_news(body: bytes, expect: str) -> None:
    """Empty is an error of the source, never an empty list."""
    assert fail(answer(body), expect=expect).kind == "content"


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "404 Not Found", "500 Oops", "599 Odd"])
def test_other_statuses_are_errors_with_their_number(status: str) -> None:
    """Callers tell a 404 by its number."""
    error = fail(answer(b"", status=status, length=False))
    assert (error.kind, error.status) == ("status", int(status[:3]))


def test_a_503_without_retry_after_is_no_rate_limit() -> None:
    """Only the host itself can ask for silence."""
    with raw_server(answer(b"x", status="503 Service Unavailable")) as server:
        door = make_door(server)
        for _ in range(2):
            with pytest.raises(FetchError) as caught:
                door.get(server.url + "/x", source="kev", expect="json")
            assert type(caught.value) is FetchError
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        ("429 Too Many", None, 30.0),
        ("429 Too Many", "35", 35.0),
        ("429 Too Many", "0", 1.0),
        ("429 Too Many", "-1", 30.0),
        ("429 Too Many", "1000000000", 21600.0),
        ("429 Too Many", "1e9", 30.0),
        ("429 Too Many", "soon", 30.0),
        ("429 Too Many", "9" * 400, 21600.0),
        ("429 Too Many", "٣٥", 30.0),
        ("429 Too Many", "Mon, 04 May 2026 12:02:00 GMT", 120.0),
        ("429 Too Many", "Mon, 04 May 2026 11:00:00 GMT", 30.0),
        ("429 Too Many", "Mon, 04 May 2036 11:00:00 GMT", 21600.0),
        ("429 Too Many", "Mon, 99 Foo 99999 99:99:99 GMT", 30.0),
        ("503 Service Unavailable", "120", 120.0),
        ("503 Service Unavailable", "garbage", 30.0),
    ],
)
def test_retry_after_is_obeyed_and_capped(status: str, header: str | None, seconds: float) -> None:
    """Seconds, dates, rubbish: the wait is between 1 s and 6 h, and 30 s when the host does not say."""
    text = [] if header is None else [f"Retry-After: {header}".encode().decode("latin-1")]
    error = fail(answer(b"", *text, status=status))
    assert (type(error), error.retry_after) == (RateLimited, seconds)


def test_a_limited_host_is_asked_no_more() -> None:
    """While the silence lasts every source is refused at once with what is left of it, and nothing is sent."""
    time = FakeTime()
    with raw_server(answer(b"", "Retry-After: 100", status="429 Slow"), answer(b"{}")) as server:
        door = make_door(server, time)
        with pytest.raises(RateLimited):
            door.get(server.url + "/x", source="kev", expect="json")
        time.now += 40
        with pytest.raises(RateLimited) as caught:
            door.get(server.url + "/y", source="nvd", expect="json")
        assert caught.value.retry_after == 60.0
        assert len(server.requests) == 1
        time.now += 60
        assert isinstance(door.get(server.url + "/x", source="kev", expect="json"), FetchedDocument)
    assert [seconds for seconds in time.slept if seconds > 1] == []


def test_requests_to_one_host_are_a_second_apart() -> None:
    """Three requests in a row: two pauses of a second; a host that was left alone gets none."""
    time = FakeTime()
    with raw_server(answer(b"{}")) as server:
        door = make_door(server, time)
        for _ in range(3):
            door.get(server.url + "/x", source="kev", expect="json")
        time.now += 10
        door.get(server.url + "/x", source="kev", expect="json")
    assert time.slept == [1.0, 1.0]


def test_one_request_at_a_time_per_host() -> None:
    """Eight threads: the server never sees a second request before it has answered the first."""
    running: list[int] = []
    most: list[int] = []

    def script(stop: threading.Event) -> Iterable[bytes]:
        running.append(1)
        most.append(len(running))
        stop.wait(0.01)
        running.pop()
        yield answer(b"{}")

    with raw_server(script) as server:
        door = make_door(server)
        threads = [
            threading.Thread(target=door.get, args=(server.url + "/x",), kwargs={"source": "kev", "expect": "json"})
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        assert most == [1] * 8
        assert server.connections == 8


def test_redirects_on_the_same_host_are_followed() -> None:
    """Relative and absolute; the document keeps the address that was asked for."""
    with raw_server(
        answer(b"", "Location: /b", status="301 Moved"),
        answer(b"", "Location: c?x=1", status="307 Moved"),
        answer(b"{}"),
    ) as server:
        got = make_door(server).get(server.url + "/a", source="kev", expect="json")
        assert [request.split(" ")[1] for request in server.requests] == ["/a", "/b", "/c?x=1"]
    assert isinstance(got, FetchedDocument)
    assert got.url == server.url + "/a"


def test_a_redirect_loop_ends() -> None:
    """Three redirects at most."""
    with raw_server(answer(b"", "Location: /a", status="302 Found")) as server:
        with pytest.raises(FetchError) as caught:
            make_door(server).get(server.url + "/a", source="kev", expect="json")
        assert len(server.requests) == 4
    assert caught.value.kind == "content"


@pytest.mark.parametrize("location", ["", "\x01", "/a\\b"])
def test_a_redirect_to_nowhere_is_an_error(location: str) -> None:
    """No address, or one with characters that no address has."""
    error = fail(answer(b"", f"Location: {location}", status="302 Found"))
    assert error.kind in ("content", "not_allowed")


def test_texts_hold_no_secret() -> None:
    """Neither user names and passwords nor the values of secret-looking keys, in text and attributes."""
    with raw_server(answer(b"", status="500 Oops")) as server:
        door = make_door(server)
        with pytest.raises(SourceError) as caught:
            door.get(server.url + "/x?apiKey=hunter2&cve=1&access_token=hunter2", source="nvd", expect="json")
        with pytest.raises(NotAllowed) as refused:
            door.get(f"http://user:hunter2@{server.host}/x", source="nvd", expect="json")
        assert len(server.requests) == 1
    for error in (caught.value, refused.value):
        assert "hunter2" not in str(error) + error.url + error.what + repr(error)
    assert "cve=1" in str(caught.value)


def test_addresses_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """httpx would write whole addresses at INFO."""
    caplog.set_level(logging.DEBUG)
    with raw_server(answer(b"{}")) as server:
        make_door(server).get(server.url + "/x?key=hunter2", source="nvd", expect="json")
    assert "hunter2" not in caplog.text


def test_traffic_is_counted_per_host_and_source() -> None:
    """Requests, received bytes, 304s and errors, for the metrics."""
    packed = gzip.compress(b"[" + b" " * 1000 + b"]")
    with raw_server(
        answer(packed, "Content-Encoding: gzip"),
        answer(status="304 Not Modified", length=False),
        answer(b"", status="500 Oops"),
    ) as server:
        door = make_door(server)
        door.get(server.url + "/x", source="kev", expect="json")
        door.get(server.url + "/x", source="kev", expect="json", validators=Validators(etag='"a"'))
        with pytest.raises(FetchError):
            door.get(server.url + "/x", source="nvd", expect="json")
    seen = [(one.source, one.requests, one.received, one.not_modified, one.errors) for one in door.traffic()]
    assert seen == [("kev", 2, len(packed), 1, 0), ("nvd", 1, 0, 0, 1)]


def test_an_unknown_expectation_is_a_bug_of_the_caller() -> None:
    """Not an error of the source."""
    with raw_server(answer(b"{}")) as server, pytest.raises(ValueError, match="yaml"):
        make_door(server).get(server.url, source="kev", expect="yaml")
