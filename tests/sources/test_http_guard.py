"""The connect-time guard: every spelling of an address that is not public is refused before anything is sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import trustme

from sources.errors import FetchError, NotAllowed
from sources.http import FetchedDocument, HttpDoor, HttpPolicy
from sources.transport.guard import is_public, refused_literal
from tests.servers.raw_http import answer, raw_server
from tests.sources.http_addresses import LOOPBACK_FORMS, PRIVATE, PUBLIC


class Listener:
    """Counts who connects to one port on 127.0.0.1 and ::1."""

    def __init__(self) -> None:
        self._v4 = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._v4.getsockname()[1]
        self._listeners = [self._v4]
        if socket.has_ipv6:
            with contextlib.suppress(OSError):  # a machine without IPv6, or the port is taken there
                self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in self._listeners:
            listener.setblocking(False)

    def connections(self) -> int:
        """How many wait to be accepted: a connection that was made cannot be overlooked."""
        count = 0
        for listener in self._listeners:
            try:
                while True:
                    listener.accept()[0].close()
                    count += 1
            except BlockingIOError:
                continue
        return count

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener that must stay alone."""
    opened = Listener()
    yield opened
    opened.close()


def make_door(**changes: object) -> HttpDoor:
    policy = HttpPolicy(contact="x", version="1", min_interval_seconds=0)
    return HttpDoor(policy, **changes)  # type: ignore[arg-type]  # each test passes one fake by its name


def test_the_listener_counts(listener: Listener) -> None:
    """The battery below would notice a connection."""
    socket.create_connection(("127.0.0.1", listener.port)).close()
    assert listener.connections() == 1


@pytest.mark.parametrize("form", LOOPBACK_FORMS)
def test_no_spelling_of_loopback_is_reached(form: str, listener: Listener) -> None:
    """Each form ends in a FetchError and the listener sees nobody."""
    with pytest.raises(FetchError):
        make_door().get(form.replace("{port}", str(listener.port)), source="kev", expect="json", deadline_seconds=5)
    assert listener.connections() == 0


def test_the_battery_is_large() -> None:
    """At least sixty different forms."""
    assert len(set(LOOPBACK_FORMS)) >= 60


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public(address: str) -> None:
    """Private, shared, special, translated and metadata addresses."""
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public(address: str) -> None:
    """The neighbours of the refused ranges, and translated public addresses."""
    assert is_public(address)


@pytest.mark.parametrize("address", [one for one in PRIVATE if one])
def test_a_name_at_a_private_address_is_refused(address: str) -> None:
    """Whatever the resolver says of a public-looking name, judged before connecting."""
    with pytest.raises(NotAllowed):
        make_door(resolver=lambda host, port: [address]).get("https://example.org/", source="kev", expect="json")


def test_one_private_address_among_public_ones_refuses_the_name(listener: Listener) -> None:
    """Every address is checked, not the first."""
    door = make_door(resolver=lambda host, port: ["8.8.8.8", "2a00:1450::1", "127.0.0.1"])
    with pytest.raises(NotAllowed):
        door.get(f"https://example.org:{listener.port}/", source="kev", expect="json")
    assert listener.connections() == 0


def test_rebinding_changes_nothing() -> None:
    """The checked answer is the one connected to: the resolver is asked once per connection and judged each time."""
    asked: list[str] = []
    with raw_server(answer(b"{}")) as server:
        answers = iter([["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"]])

        def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return next(answers)

        policy = HttpPolicy(contact="x", version="1", min_interval_seconds=0)
        refusing = HttpDoor(policy, resolver=resolve)
        for _ in range(2):
            with pytest.raises(NotAllowed):
                refusing.get(f"https://rebind.example:{server.port}/", source="kev", expect="json")
        assert (server.connections, len(asked)) == (0, 2)
        allowing = HttpDoor(
            HttpPolicy(contact="x", version="1", allowed_hosts=frozenset({f"rebind.example:{server.port}"})),
            resolver=resolve,
        )
        got = allowing.get(f"http://rebind.example:{server.port}/", source="kev", expect="json")
        assert isinstance(got, FetchedDocument)
        assert (server.connections, len(asked)) == (1, 3)


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://0x7f000001:{port}/",
        "http://2130706433:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "//127.0.0.1:{port}/",
        "//localhost:{port}/x",
        "https://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/_x",
        "ftp://127.0.0.1:{port}/",
        "javascript:alert(1)",
        "http://x@{own}/",
        "http:\\\\127.0.0.1:{port}/",
    ],
)
def test_a_redirect_never_leaves_its_host(location: str, listener: Listener) -> None:
    """Another host, port or scheme is refused, configured or not, and nobody else is asked."""
    with raw_server(answer(b"{}")) as server:
        goal = location.replace("{port}", str(listener.port)).replace("{own}", server.host)
        with raw_server(answer(b"", f"Location: {goal}", status="302 Found")) as first:
            hosts = frozenset({first.host, server.host})
            door = HttpDoor(HttpPolicy(contact="x", version="1", allowed_hosts=hosts, min_interval_seconds=0))
            with pytest.raises(FetchError) as caught:
                door.get(first.url + "/x", source="kev", expect="json")
            assert len(first.requests) == 1
        assert server.connections == 0
    assert caught.value.kind in ("not_allowed", "content")
    assert listener.connections() == 0


def test_an_allowed_host_is_allowed_on_its_port_only(listener: Listener) -> None:
    """host:port opens that port; a host without port opens the host."""
    with raw_server(answer(b"{}")) as server:
        policy = HttpPolicy(contact="x", version="1", allowed_hosts=frozenset({server.host}), min_interval_seconds=0)
        door = HttpDoor(policy)
        assert isinstance(door.get(server.url, source="kev", expect="json"), FetchedDocument)
        with pytest.raises(NotAllowed):
            door.get(f"http://127.0.0.1:{listener.port}/", source="kev", expect="json")
        policy = HttpPolicy(contact="x", version="1", allowed_hosts=frozenset({"127.0.0.1"}))
        assert isinstance(HttpDoor(policy).get(server.url, source="kev", expect="json"), FetchedDocument)
    assert listener.connections() == 0


def test_a_name_without_answer_ends_at_the_deadline() -> None:
    """The C library's resolver knows no deadline of its own."""
    never = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        never.wait(20)
        return []

    with pytest.raises(FetchError) as caught:
        make_door(resolver=resolve).get("https://example.org/", source="kev", expect="json", deadline_seconds=2.0)
    never.set()
    assert caught.value.kind == "network"


def test_a_name_without_address() -> None:
    """NXDOMAIN is the network's trouble, not the address's."""

    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(FetchError) as caught:
        make_door(resolver=resolve).get("https://gone.example/", source="kev", expect="json")
    assert (type(caught.value), caught.value.kind) == (FetchError, "network")


@pytest.mark.parametrize(
    "host",
    ["localhost", "intranet", "db.internal", "x.local", "127.1", "0x7f000001", "2130706433", "[::1]", "10.0.0.1"],
)
def test_what_a_proxy_is_not_asked_for(host: str) -> None:
    """A proxy resolves names itself: local names and private literals do not reach it."""
    assert refused_literal(host) is not None
    policy = HttpPolicy(contact="x", version="1", proxy="http://127.0.0.1:9")
    with pytest.raises(NotAllowed):
        HttpDoor(policy).get(f"https://{host}/", source="kev", expect="json")


def test_a_configured_proxy_may_be_anywhere() -> None:
    """It is asked for the whole address, and itself needs no entry among the allowed hosts."""
    with raw_server(answer(b"{}")) as proxy:
        policy = HttpPolicy(contact="x", version="1", proxy=proxy.url, allowed_hosts=frozenset({"trees.example"}))
        got = HttpDoor(policy).get("http://trees.example/x", source="kev", expect="json")
        assert isinstance(got, FetchedDocument)
        assert proxy.requests[0].startswith("GET http://trees.example/x HTTP/1.1\r\n")


def serve_tls(context: ssl.SSLContext) -> tuple[socket.socket, threading.Thread]:
    """One TLS answer on a free port of loopback."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = server.accept()
        with client:
            try:
                with context.wrap_socket(client, server_side=True) as secured:
                    secured.recv(4096)
                    secured.sendall(answer(b"{}"))
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return server, thread


@pytest.mark.parametrize(
    ("names", "trusted", "expired", "good"),
    [
        (["trees.example"], True, False, True),
        (["other.example"], True, False, False),
        (["trees.example"], False, False, False),
        (["trees.example"], True, True, False),
    ],
    ids=["good", "wrong host", "unknown authority", "expired"],
)
def test_certificates_are_always_verified(names: list[str], trusted: bool, expired: bool, good: bool) -> None:
    """Right authority, right name, still valid; else refused, for configured hosts too."""
    authority, stranger = trustme.CA(), trustme.CA()
    until = datetime(2020, 1, 1, tzinfo=UTC) if expired else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=until, not_before=datetime(2019, 1, 1, tzinfo=UTC)).configure_cert(context)
    client = ssl.create_default_context()
    (authority if trusted else stranger).configure_trust(client)
    server, thread = serve_tls(context)
    port = server.getsockname()[1]
    policy = HttpPolicy(contact="x", version="1", allowed_hosts=frozenset({"trees.example"}))
    door = HttpDoor(policy, resolver=lambda host, _: ["127.0.0.1"], tls=client)
    try:
        if good:
            got = door.get(f"https://trees.example:{port}/", source="kev", expect="json")
            assert isinstance(got, FetchedDocument)
        else:
            with pytest.raises(FetchError) as caught:
                door.get(f"https://trees.example:{port}/", source="kev", expect="json")
            assert caught.value.kind == "network"
            assert "CERTIFICATE_VERIFY_FAILED" in caught.value.what
    finally:
        thread.join(timeout=5)
        server.close()
