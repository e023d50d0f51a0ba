"""The HTTP door and bodies: compressed, cut, endless, too large, or a page in place of the document."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterable

import pytest

from sources.errors import Blocked, FetchError, TooLarge, Truncated
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.raw_http import Script, answer, raw_server
from tests.sources.http_answers import (
    ANUBIS,
    ANUBIS_TITLE_ONLY,
    CLOUDFLARE,
    LOGIN,
    MAINTENANCE,
    PAGE,
    fail,
    fetch_one,
    make_door,
)


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
