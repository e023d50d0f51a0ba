"""The HTTP door against a real server that gives each bad answer."""

from __future__ import annotations

import gzip
import hashlib
import logging
import threading
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from sources.errors import Blocked, FetchError, NotAllowed, RateLimited, SourceError, TooLarge, Truncated
from sources.http import FetchedDocument, HttpDoor, HttpPolicy, NotModified, Validators
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.raw_http import RawServer, Script, answer, raw_server

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ANUBIS = b"""<!doctype html><html lang="en"><head><title>Making sure you&#39;re not a bot!</title>
<link rel="stylesheet" href="/.within.website/x/xess/xess.min.css"></head><body>wait</body></html>"""
ANUBIS_TITLE_ONLY = b"<html><head><title>Making sure you\xe2\x80\x99re not a bot!</title></head><body></body></html>"
CLOUDFLARE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
LOGIN = b'<html><head><title>Sign in - Example</title></head><body><form><input type="password"></form></body></html>'
MAINTENANCE = b"<html><head><title>Down for maintenance</title></head><body>soon</body></html>"
PAGE = b"<!doctype html><html><head><title>CVE-2026-31431</title></head><body>a page</body></html>"


class FakeTime:
    """A clock that moves only when something sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def make_door(server: RawServer, time: FakeTime | None = None, *, port: int | None = None) -> HttpDoor:
    time = time or FakeTime()
    hosts = frozenset({server.host if port is None else f"127.0.0.1:{port}"})
    policy = HttpPolicy(contact="ops@example.org", version="1.2", allowed_hosts=hosts)
    return HttpDoor(policy, clock=time.clock, sleep=time.sleep, now=lambda: NOW)


def fetch_one(*scripts: Script, expect: str = "json", max_bytes: int | None = None) -> FetchedDocument:
    with raw_server(*scripts) as server:
        got = make_door(server).get(
            server.url + "/x", source="kev", expect=expect, max_bytes=max_bytes, deadline_seconds=20
        )
    assert isinstance(got, FetchedDocument)
    return got


def fail(*scripts: Script, expect: str = "json", max_bytes: int | None = None, deadline: float = 20) -> SourceError:
    with raw_server(*scripts) as server:
        with pytest.raises(SourceError) as caught:
            make_door(server).get(
                server.url + "/x", source="kev", expect=expect, max_bytes=max_bytes, deadline_seconds=deadline
            )
        return caught.value


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


def test_gzip_is_undone_once() -> None:
    """A gzip body is unpacked; gzip within gzip stays what it is and is no JSON."""
    body = b'{"a": 1}'
    assert fetch_one(answer(gzip.compress(body), "Content-Encoding: gzip")).body == body
    inner = gzip.compress(body)
    twice = answer(gzip.compress(inner), "Content-Encoding: gzip")
    assert fail(twice).kind == "content"
    assert fetch_one(twice, expect="binary").body == inner


def test_gzip_members_in_a_row_are_one_body() -> None:
    """RFC 1952 allows it, and zero bytes behind the last member are padding."""
    body = gzip.compress(b'{"a":') + gzip.compress(b"1}") + b"\0" * 20
    assert fetch_one(answer(body, "Content-Encoding: gzip")).body == b'{"a":1}'


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 20])
def test_a_gzip_body_without_its_trailer_is_truncated(cut: int) -> None:
    """Even when every byte of the document is there and the Content-Length is right."""
    packed = gzip.compress(b'{"a": "' + b"x" * 100 + b'"}')
    error = fail(answer(packed[:-cut], "Content-Encoding: gzip"))
    assert type(error) is Truncated


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "gzip, br", "x-unknown"])
def test_an_encoding_that_was_not_asked_for_is_refused_unread(encoding: str) -> None:
    """A brotli bomb is 0.8 KiB: it is never given to a decoder."""
    error = fail(answer(zlib.compress(b"{}"), f"Content-Encoding: {encoding}"))
    assert error.kind == "content"


def test_a_gzip_header_that_lies_is_an_error() -> None:
    """A plain body under Content-Encoding: gzip, and rubbish behind a good gzip body."""
    assert fail(answer(b'{"a": 1}', "Content-Encoding: gzip")).kind == "content"
    assert fail(answer(gzip.compress(b"{}") + b"rubbish", "Content-Encoding: gzip")).kind == "content"


def test_a_gzip_bomb_stops_at_the_limit() -> None:
    """64 MiB out of 64 KiB: nothing past the limit is ever unpacked."""
    bomb = gzip.compress(b"\0" * (64 * 1024 * 1024))
    error = fail(answer(bomb, "Content-Encoding: gzip"), max_bytes=1_000_000)
    assert type(error) is TooLarge


def test_a_body_over_the_limit_is_too_large() -> None:
    """One byte more than allowed, with and without a length; exactly the limit is fine."""
    assert fetch_one(answer(b"[" + b" " * 98 + b"]"), max_bytes=100).sha256
    assert type(fail(answer(b"[" + b" " * 99 + b"]"), max_bytes=100)) is TooLarge
    assert type(fail(answer(b"[" + b" " * 99 + b"]", length=False), max_bytes=100)) is TooLarge


def _endless_chunks(stop: threading.Event) -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while not stop.is_set():
        yield b"400\r\n" + b"x" * 1024 + b"\r\n"


def _drip(stop: threading.Event) -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    while not stop.wait(0.02):
        yield b"x"


def _headers_without_end(stop: threading.Event) -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while not stop.is_set():
        yield b"X-More: " + b"y" * 1000 + b"\r\n"


def _continue_without_end(stop: threading.Event) -> Iterable[bytes]:
    while not stop.wait(0.01):
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_body_that_never_ends_stops_at_the_limit() -> None:
    """Chunk after chunk: too large, whatever the deadline."""
    assert type(fail(_endless_chunks, max_bytes=100_000)) is TooLarge


@pytest.mark.parametrize("script", [_drip, _continue_without_end])
def test_the_deadline_ends_what_never_stalls(script: Script) -> None:
    """Each wait is short, so no single timeout would ever strike."""
    error = fail(script, deadline=0.3)
    assert (type(error), error.kind) == (FetchError, "timeout")


def test_a_blackhole_ends_at_the_deadline() -> None:
    """A host that takes the request and never answers."""
    with raw_server(answer(b"{}")) as server, fault_proxy("127.0.0.1", server.port) as proxy:
        proxy.fault = Fault(blackhole=True)
        door = make_door(server, port=proxy.port)
        with pytest.raises(FetchError) as caught:
            door.get(f"http://127.0.0.1:{proxy.port}/x", source="kev", expect="json", deadline_seconds=0.3)
    assert caught.value.kind == "timeout"


def test_headers_have_a_limit() -> None:
    """Headers without end, one of 1 MB, and a thousand small ones."""
    assert fail(_headers_without_end).kind == "content"
    assert fail(answer(b"{}", "X-Big: " + "y" * 1_000_000)).kind == "content"
    assert fail(answer(b"{}", *[f"X-{number}: 1" for number in range(1000)])).kind == "content"


@pytest.mark.parametrize("missing", [1, 5, 40])
def test_a_body_shorter_than_its_length_is_truncated(missing: int) -> None:
    """The connection closes in order before Content-Length is reached."""
    body = b'{"a": "' + b"x" * 50 + b'"}'
    error = fail(answer(b"", f"Content-Length: {len(body)}", length=False) + body[:-missing])
    assert type(error) is Truncated


def test_a_body_longer_than_its_length_is_truncated() -> None:
    """What Content-Length leaves of the document does not end as a document ends."""
    assert type(fail(answer(b'{"a": 1}', "Content-Length: 5", length=False))) is Truncated


def test_a_cut_chunked_body_is_truncated() -> None:
    """The last chunk never came."""
    error = fail(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{}  \r\n")
    assert type(error) is Truncated


@pytest.mark.parametrize(("expect", "body"), [("json", b'{"a": [1, 2'), ("json", b"[1, 2"), ("xml", b"<r><a>1</a")])
def test_a_close_delimited_body_must_end_as_its_format_does(expect: str, body: bytes) -> None:
    """Without a length the format's own end is the only sign."""
    assert type(fail(answer(body, length=False), expect=expect)) is Truncated


def test_an_answer_cut_anywhere_is_an_error() -> None:
    """A document that is cut at any byte never comes through as whole."""
    whole = answer(gzip.compress(b'{"a": [1, 2, 3], "b": "xyz"}'), "Content-Encoding: gzip")
    with raw_server(whole) as server, fault_proxy("127.0.0.1", server.port) as proxy:
        door = make_door(server, port=proxy.port)
        for cut in range(1, len(whole), 3):
            proxy.fault = Fault(cut_at=cut)
            with pytest.raises(FetchError):
                door.get(f"http://127.0.0.1:{proxy.port}/x", source="kev", expect="json", deadline_seconds=10)


def test_a_reset_connection_is_a_network_error() -> None:
    """RST in the middle of the body."""
    whole = answer(b"[" + b" " * 5000 + b"]")
    with raw_server(whole) as server, fault_proxy("127.0.0.1", server.port) as proxy:
        proxy.fault = Fault(reset_at=200)
        with pytest.raises(FetchError) as caught:
            make_door(server, port=proxy.port).get(f"http://127.0.0.1:{proxy.port}/x", source="kev", expect="json")
    assert caught.value.kind in ("network", "truncated")


def test_nothing_listens() -> None:
    """A refused connection names source and address."""
    with raw_server(answer(b"{}")) as server:
        door = make_door(server)
    with pytest.raises(FetchError) as caught:
        door.get(server.url + "/x", source="kev", expect="json")
    assert caught.value.kind == "network"
    assert server.url in str(caught.value)
    assert "kev" in str(caught.value)


@pytest.mark.parametrize("page", [ANUBIS, ANUBIS_TITLE_ONLY, CLOUDFLARE, LOGIN, MAINTENANCE])
@pytest.mark.parametrize("expect", ["json", "xml", "html", "text", "binary"])
def test_a_page_in_place_of_the_document_is_blocked(page: bytes, expect: str) -> None:
    """200 text/html with a wall, a login or a notice is never content, whatever was expected."""
    error = fail(answer(page, "Content-Type: text/html"), expect=expect)
    assert (type(error), error.kind) == (Blocked, "blocked")


@pytest.mark.parametrize("status", ["403 Forbidden", "503 Service Unavailable", "401 Unauthorized"])
def test_a_challenge_with_an_error_status_is_blocked(status: str) -> None:
    """Walls answer with several statuses."""
    assert type(fail(answer(ANUBIS, status=status))) is Blocked


def test_cloudflares_header_says_blocked() -> None:
    """cf-mitigated: challenge needs no known page."""
    assert type(fail(answer(b"<p>x</p>", "cf-mitigated: challenge", status="403 Forbidden"))) is Blocked


@pytest.mark.parametrize("expect", ["json", "xml", "text", "binary"])
def test_any_html_page_is_no_document_of_another_kind(expect: str) -> None:
    """Also with a comment, a byte order mark or an XML declaration before it."""
    for body in (PAGE, b"\xef\xbb\xbf" + PAGE, b"<!-- hi -->\n" + PAGE, b'<?xml version="1.0"?>\n' + PAGE):
        error = fail(answer(body, "Content-Type: text/html"), expect=expect)
        assert (type(error), error.kind) == (FetchError, "content")


def test_html_where_html_is_expected() -> None:
    """An advisory's own page comes through, also one that speaks of bots and maintenance in its text."""
    body = PAGE.replace(b"a page", b"Making sure you're not a bot; maintenance; just a moment")
    assert fetch_one(answer(body, "Content-Type: text/html"), expect="html").body == body


def test_a_mail_that_quotes_a_wall_is_a_mail() -> None:
    """Marks count only where an HTML page begins."""
    mail = b"From: a@example.org\n\nlore says:\n" + ANUBIS
    assert fetch_one(answer(mail), expect="text").body == mail


def test_json_under_a_wrong_content_type() -> None:
    """text/html over a body that really is JSON is accepted; a byte order mark is tolerated and kept."""
    body = b'\xef\xbb\xbf{"a": 1}'
    got = fetch_one(answer(body, "Content-Type: text/html; charset=utf-8"))
    assert (got.body, got.content_type) == (body, "text/html")


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
