"""A service behind Apprise that is down: what was certainly not taken waits until it is up, however long; what may have
arrived is tried once more."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
import trustme
from sqlalchemy import select

from bot.channels.apprise import AppriseChannel
from bot.channels.apprise.outcome import judge
from bot.channels.base import NotSent, Unknown
from bot.config import AppriseService
from storage.delivery_ledger import unconfirmed
from storage.delivery_tables import attempts
from storage.store import open_store
from storage.tables import operator_notes
from tests.advisories.test_filters import NOW
from tests.bot.channels.test_apprise import SECRET, Receiver, ops, rounds, send
from tests.servers.raw_http import Script, answer, raw_server

# one of Apprise's mail plugins asks for a module of the standard library that is to go
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

UP = answer(b"")
CUT = b""


def status(words: str) -> bytes:
    return answer(b"", "Location: /elsewhere", status=words)


def every(step: timedelta, times: int, *, start: datetime = NOW) -> list[datetime]:
    return [start + number * step for number in range(times)]


@contextmanager
def listening_on(port: int, bodies: list[dict[str, object]]) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Keeping", (Receiver,), {"bodies": bodies}))
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def tries_of(folder: Path) -> list[datetime]:
    store = open_store(None, folder)
    with store.read() as connection:
        found = list(connection.execute(select(attempts.c.at).order_by(attempts.c.id)).scalars())
    store.close()
    return found


def test_a_service_that_is_down_for_two_days(tmp_path: Path) -> None:
    """Nobody listens for two days, at last somebody does: the message arrives, and once. It was asked for at most every
    five minutes."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = int(reserved.getsockname()[1])
    bodies: list[dict[str, object]] = []

    def moments() -> Iterator[datetime]:
        yield from every(timedelta(minutes=4), 720)
        with listening_on(port, bodies):
            yield from every(timedelta(minutes=4), 20, start=NOW + timedelta(days=2))

    states, places, answers = rounds(tmp_path, AppriseChannel([ops(port)]), moments())
    assert (states, places, answers[-1]) == (["sent"], ["active"], "sent")
    assert set(answers[:-1]) == {"notsent"}
    tries = tries_of(tmp_path)
    assert 300 < len(tries) < 400
    assert min(after - before for before, after in pairwise(tries[10:])) >= timedelta(minutes=5)
    assert len(bodies) == 1


@pytest.mark.parametrize(
    "words",
    ["503 Service Unavailable", "500 Internal Server Error", "429 Too Many Requests", "404 Not Found", "302 Found"],
)
def test_a_service_that_says_no(words: str, tmp_path: Path) -> None:
    """Thirty answers that mean no, over a day, then a yes: it arrives, and no redirect was followed."""
    scripts: list[Script] = [*[status(words)] * 30, UP]
    with raw_server(*scripts) as server:
        found = rounds(tmp_path, AppriseChannel([ops(server.port)]), every(timedelta(hours=1), 40))
        asked = {one.split(" ")[1] for one in server.requests}
        assert len(server.requests) == 31
    assert found == (["sent"], ["active"], ["notsent"] * 30 + ["sent"])
    assert asked == {f"/hooks/{SECRET}"}


def test_what_may_have_arrived_is_tried_once_more(tmp_path: Path) -> None:
    """In an outage the connection is cut before its answer comes: one try more, and then nobody knows. The next message
    says it again."""
    scripts: list[Script] = [*[status("503 Service Unavailable")] * 6, CUT]
    with raw_server(*scripts) as server:
        found = rounds(tmp_path, AppriseChannel([ops(server.port)]), every(timedelta(hours=1), 12))
        assert len(server.requests) == 8
    assert found == (["unconfirmed"], ["active"], ["notsent"] * 6 + ["unknown"] * 2)
    store = open_store(None, tmp_path)
    with store.read() as connection:
        assert [one.delivery for one in unconfirmed(connection, 1)] == [1]
    store.close()


def test_a_cut_between_two_refusals_costs_no_message(tmp_path: Path) -> None:
    """An unknown outcome, and after it the service is down again: the one try more is not used up by the refusals."""
    scripts: list[Script] = [CUT, *[status("503 Service Unavailable")] * 6, UP]
    with raw_server(*scripts) as server:
        found = rounds(tmp_path, AppriseChannel([ops(server.port)]), every(timedelta(hours=1), 12))
    assert found == (["sent"], ["active"], ["unknown", *["notsent"] * 6, "sent"])


def test_a_message_that_the_service_does_not_take(tmp_path: Path) -> None:
    """Eight times 400 is enough: it is given up, the operator is told, the destination stays."""
    with raw_server(status("400 Bad Request")) as server:
        found = rounds(tmp_path, AppriseChannel([ops(server.port)]), every(timedelta(hours=1), 12))
    assert found == (["rejected"], ["active"], ["notsent"] * 8)
    store = open_store(None, tmp_path)
    with store.read() as connection:
        told = list(connection.execute(select(operator_notes.c.text)).scalars())
    store.close()
    assert told == ["apprise destination 1: a message was given up: the service answers 400"]


@pytest.mark.parametrize(
    ("scripts", "text"),
    [
        ([UP, status("503 Service Unavailable")], "the service answers 200, 503: it may have some of it"),
        ([status("504 Gateway Timeout")], "the service answers 504: it may have some of it"),
        ([CUT], "Apprise did not get it accepted; it does not say why"),
        ([status("503 Service Unavailable"), CUT], "Apprise did not get it accepted; it does not say why"),
    ],
)
def test_what_may_have_arrived(scripts: list[Script], text: str) -> None:
    """Of two targets one has it, or may have it: nobody says that it was not sent."""
    with raw_server(*scripts) as server:
        service = AppriseService(name="ops", url=f"mmost://127.0.0.1:{server.port}/{'3ccdd113' * 4}?to=one,two")
        error = send(AppriseChannel([service]))
        assert len(server.requests) == 2
    assert (type(error), str(error)) == (Unknown, text)


@pytest.mark.parametrize("scheme", ["json", "mmost", "ntfy", "gotify"])
def test_nobody_listens(scheme: str) -> None:
    """A refused connection is an outage, in whatever words the plug-in says it."""
    with raw_server(UP) as server:
        port = server.port
    service = AppriseService(name="ops", url=f"{scheme}://127.0.0.1:{port}/{'3ccdd113' * 4}")
    error = send(AppriseChannel([service]))
    assert (type(error), str(error)) == (NotSent, "no connection: NewConnectionError")
    assert error is not None
    assert error.outage


def test_a_certificate_that_does_not_hold() -> None:
    """The connection ends before anything is said over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    bodies: list[dict[str, object]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Keeping", (Receiver,), {"bodies": bodies}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True).start()
    try:
        service = AppriseService(name="ops", url=f"jsons://127.0.0.1:{server.server_address[1]}/x")
        error = send(AppriseChannel([service]))
    finally:
        server.shutdown()
        server.server_close()
    assert (type(error), str(error), bodies) == (NotSent, "no connection: SSLCertVerificationError", [])


def test_a_host_that_does_not_take_connections() -> None:
    """Its queue is full: the timeout is one of connecting, before anything was sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        where = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(where)
        error = send(AppriseChannel([ops(where[1], "?cto=0.2")]))
        for one in waiting:
            one.close()
    assert (type(error), str(error)) == (NotSent, "no connection: ConnectTimeoutError")


def test_words_that_are_not_known() -> None:
    """No line, and a line that only looks like a reason, explain nothing."""
    begun = "Starting new HTTPS connection (1): hooks.example:443"
    assert type(judge([])) is Unknown
    assert type(judge(["Socket Exception: timed out"])) is Unknown
    assert type(judge([begun, "Socket Exception: (Caused by ReadTimeoutError: NewConnectionError)"])) is Unknown
    absent = 'Socket Exception: Max retries exceeded (Caused by NameResolutionError("no such name"))'
    assert type(judge([begun, absent])) is NotSent
    assert type(judge([begun, begun, absent])) is Unknown
