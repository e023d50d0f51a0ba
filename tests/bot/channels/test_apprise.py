"""Apprise: a message arrives once, as plain text; failures are told without the address; the library may be missing."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.channels.apprise import AppriseChannel, find_problem, open_apprise
from bot.channels.base import Channel, ChannelError, NotSent, Refused, Unknown
from bot.channels.registry import send_test
from bot.config import AppriseService, Config, ConfigError, load_config
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.doctor import Finding, examine
from bot.logs import configure_logging
from bot.messages.compose import Composer
from bot.messages.model import Message, Span, freeze, make_message
from bot.messages.safe import show_text, undefused
from sources.registry import source_names
from storage.codec import clean
from storage.delivery import DueDestination
from storage.delivery_tables import attempts, deliveries, destinations
from tests.advisories.test_filters import NOW
from tests.bot.channels.test_text_tricks import LIVE, owing_store
from tests.bot.channels.tricks import TRICKS
from tests.bot.stores import application
from tests.servers.raw_http import raw_server

# one of Apprise's mail plugins asks for a module of the standard library that is to go
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

OPS = DueDestination(id=1, kind="apprise", address="ops", thread="")
SECRET = "hunter2-is-the-secret"
HELLO = freeze(make_message("Copy Fail", ["Fixed in Debian 12"]))


class Receiver(BaseHTTPRequestHandler):
    """Keeps each JSON body that is posted."""

    bodies: list[dict[str, object]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append({"path": self.path, **json.loads(body)})
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def receiver() -> Iterator[tuple[int, list[dict[str, object]]]]:
    """A port, and what was posted to it."""
    bodies: list[dict[str, object]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Keeping", (Receiver,), {"bodies": bodies}))
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield server.server_address[1], bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def ops(port: int, query: str = "") -> AppriseService:
    return AppriseService(name="ops", url=f"json://user:{SECRET}@127.0.0.1:{port}/hooks/{SECRET}{query}")


def send(channel: AppriseChannel, content: str = HELLO, destination: DueDestination = OPS) -> ChannelError | None:
    """The error that it ends with; None when it was accepted."""
    try:
        asyncio.run(channel.send(destination, "m1", content))
    except ChannelError as error:
        return error
    return None


def rounds(store_folder: Path, channel: Channel, moments: Iterable[datetime]) -> tuple[list[str], list[str], list[str]]:
    """One owed change delivered at each moment: state of the delivery, of the destination, and each try's answer."""
    store = owing_store(store_folder, "apprise", ["Fixed in Debian 12"])
    with store.write() as connection:
        connection.execute(destinations.update().values(address="ops"))
    clock = [NOW]
    deliverer = Deliverer(store, {"apprise": channel}, folder=Folder(Composer()), clock=lambda: clock[0])
    for clock[0] in moments:
        asyncio.run(deliverer.deliver_due())
    with store.read() as connection:
        states = list(connection.execute(select(deliveries.c.state)).scalars())
        places = list(connection.execute(select(destinations.c.state)).scalars())
        answers = list(connection.execute(select(attempts.c.answer).order_by(attempts.c.id)).scalars())
    store.close()
    return states, places, answers


def test_a_message_arrives_once(tmp_path: Path) -> None:
    """Title and lines as plain text, nothing attached, and no second time."""
    with receiver() as (port, bodies):
        found = rounds(tmp_path, AppriseChannel([ops(port)]), [NOW, NOW + timedelta(hours=2)])
    assert found == (["sent"], ["active"], ["sent"])
    told = "CVE-2026-31431\n• Fixed in Debian 12 (debian)"
    assert bodies == [
        {
            "path": f"/hooks/{SECRET}",
            "version": "1.0",
            "title": "copy-fail",
            "message": told,
            "attachments": [],
            "type": "info",
        }
    ]


def test_our_own_page_is_named() -> None:
    """A line's link stands after it once, whole; a message without lines is its title."""
    page = "https://patchwatch.example.org/advisories/PW-2026-1"
    line = (Span(text="CVE-2026-31431", href=page), Span(text=" copy.fail", href=page))
    with receiver() as (port, bodies):
        channel = AppriseChannel([ops(port)])
        assert send(channel, freeze(Message(title="Copy Fail", lines=(line,)))) is None
        assert send(channel, freeze(Message(title="Welcome", lines=()))) is None
    assert [(one["title"], undefused(str(one["message"]))) for one in bodies] == [
        ("Copy Fail", f"CVE-2026-31431 copy.fail {page}"),
        ("", "Welcome"),
    ]
    assert page in str(bodies[0]["message"])


def test_hostile_text_arrives_as_text() -> None:
    """Each trick is one visible line that pings nobody and links nowhere, and it says what it said."""
    texts = [show_text(clean(one), limit=500) for one in TRICKS.values()]
    with receiver() as (port, bodies):
        channel = AppriseChannel([ops(port)])
        assert [send(channel, freeze(make_message("T", [one]))) for one in texts] == [None] * len(texts)
    said = [str(one["message"]) for one in bodies]
    assert [undefused(one) for one in said] == texts
    assert [name for name, one in zip(TRICKS, said, strict=True) if LIVE.findall(one) or "<!" in one] == []


def test_what_is_too_long_comes_in_parts() -> None:
    """Mattermost takes 4000 characters at a time: it gets all of the lines, in more than one post."""
    lines = [f"line {number} of the news about one advisory" for number in range(120)]
    with receiver() as (port, bodies):
        service = AppriseService(name="ops", url=f"mmost://127.0.0.1:{port}/{'3ccdd113' * 4}")
        assert send(AppriseChannel([service]), freeze(make_message("T", lines))) is None
    texts = [str(one.get("text")) for one in bodies]
    assert len(texts) > 1
    assert all(any(line in text for text in texts) for line in lines)


def test_a_server_that_hangs() -> None:
    """The send ends at its deadline; until its thread is done the next message waits, certainly not sent."""

    def hang(stop: threading.Event) -> Iterable[bytes]:
        stop.wait(10)
        return []

    with raw_server(hang) as server:
        channel = AppriseChannel([ops(server.port)], answer_seconds=1.0)
        assert find_problem([ops(server.port)]) is None  # Apprise is loaded: the deadline is the server's alone
        first, second = send(channel), send(channel)
        assert server.connections == 1
    assert (type(first), str(first)) == (Unknown, "no answer within 1 s")
    assert (type(second), str(second)) == (NotSent, "the message before is still on its way")
    assert second is not None
    assert second.retry_after == 60


@pytest.mark.parametrize(
    "url", [f"nosuch://{SECRET}", f"slack://{SECRET}", "json://", f"http://[::{SECRET}", "json://[", f"://{SECRET}"]
)
def test_an_address_that_is_none(url: str) -> None:
    """The message is kept, the operator is told once, and nothing says the address."""
    notes: list[str] = []
    channel = AppriseChannel([AppriseService(name="ops", url=url)], note=notes.append)
    errors = [send(channel), send(channel)]
    text = "[apprise.ops] url_file holds no address that Apprise knows"
    assert [(type(one), str(one)) for one in errors] == [(NotSent, text)] * 2
    assert notes == [f"{text}; its messages are kept"]


def test_a_name_that_left_the_configuration() -> None:
    """The destination is over."""
    error = send(AppriseChannel([]))
    assert (type(error), str(error)) == (Refused, "[apprise.ops] is no longer configured")


def test_nothing_logs_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    """At -vv, over a success, a failure and an address that is none, the secret is in no line."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        configure_logging(2)
        root.handlers[:] = [logging.StreamHandler(stream)]
        with receiver() as (port, _):
            assert send(AppriseChannel([ops(port)])) is None
        assert isinstance(send(AppriseChannel([ops(port)])), NotSent)
        assert isinstance(send(AppriseChannel([AppriseService(name="ops", url=f"slack://{SECRET}")])), NotSent)
        logging.getLogger("patchwatch").debug("the log is open")
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
    printed = capsys.readouterr()
    assert "the log is open" in stream.getvalue()
    assert SECRET not in stream.getvalue() + printed.out + printed.err
    assert SECRET not in repr(ops(1))


def configured(folder: Path, url: str) -> str:
    (folder / "url").write_text(f"{url}\n", encoding="utf-8")
    return f"[apprise.ops]\nurl_file = '{folder}/url'\n"


def read(folder: Path, text: str) -> Config:
    (folder / "patchwatch.toml").write_text(text, encoding="utf-8")
    return load_config(config=folder / "patchwatch.toml", data=folder / "data", environment={})


def test_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel is off and one line says which extra to install; nothing fails. Not configured, it is off, too."""
    assert open_apprise(read(tmp_path, ""), note=print) is None
    config = read(tmp_path, configured(tmp_path, "json://127.0.0.1:1"))
    assert isinstance(open_apprise(config, note=print), AppriseChannel)
    monkeypatch.setitem(sys.modules, "apprise", None)
    with capture_logs() as lines:
        assert open_apprise(config, note=print) is None
    off = {"event": "apprise is off: its library is missing", "install": "patchwatch[apprise]", "log_level": "warning"}
    assert lines == [off]
    assert find_problem(config.apprise) == "its library is missing; install patchwatch[apprise]"


def test_a_test_message(tmp_path: Path) -> None:
    """`doctor --send apprise:ops` goes the way of the others."""
    with receiver() as (port, bodies), application(tmp_path, config=configured(tmp_path, ops(port).url)) as app:
        assert asyncio.run(send_test(app.store, app.config, "apprise:ops")) is None
        assert asyncio.run(send_test(app.store, app.config, "apprise:dev")) == ("[apprise.dev] is no longer configured")
    assert [(one["title"], one["message"]) for one in bodies] == [
        ("patchwatch", "This is a test. Nothing else was sent.")
    ]


def findings(folder: Path, text: str) -> dict[str, tuple[bool, str]]:
    """What `doctor` says of the channels, with no source on."""
    off = "".join(f"[sources.{name}]\nenabled = false\n" for name in source_names() if name != "baseline")
    with application(folder, config=text + off) as app:
        found: list[Finding] = examine(app)
    return {one.what: (one.good, one.text) for one in found if one.what in ("apprise", "telegram webhook")}


def test_doctor_looks_at_the_address(tmp_path: Path) -> None:
    """Off, configured, or not an address, which is never shown; nothing is sent."""
    assert findings(tmp_path, "") == {"apprise": (True, "off: no credential or address")}
    assert findings(tmp_path, configured(tmp_path, ops(1).url)) == {"apprise": (True, "configured: ops")}
    text = "[apprise.ops] url_file holds no address that Apprise knows"
    assert findings(tmp_path, configured(tmp_path, f"slack://{SECRET}")) == {"apprise": (False, text)}


def test_doctor_wants_https_for_the_webhook_of_telegram(tmp_path: Path) -> None:
    """A webhook secret without a public https address is named."""
    (tmp_path / "secret").write_text("abc", encoding="utf-8")
    hook = f"[telegram]\nwebhook_secret_file = '{tmp_path}/secret'\n"
    off = {"apprise": (True, "off: no credential or address")}
    text = "[telegram] webhook_secret is set, but [web] base_url is not https: Telegram posts to https only"
    assert findings(tmp_path, hook) == {**off, "telegram webhook": (False, text)}
    assert findings(tmp_path, f"{hook}[web]\nbase_url = 'http://board.example'\n") == {
        **off,
        "telegram webhook": (False, text),
    }
    assert findings(tmp_path, f"{hook}[web]\nbase_url = 'https://board.example'\n") == off


@pytest.mark.parametrize(
    "content", ["", "hunter2", "json://hunter2 slack://hunter2", "json://hunter2\nslack://hunter2\n"]
)
def test_the_file_holds_one_address(tmp_path: Path, content: str) -> None:
    """Nothing, no address or several are an error that shows none of it."""
    with pytest.raises(ConfigError) as error:
        read(tmp_path, configured(tmp_path, content))
    assert str(error.value).endswith("url must hold one Apprise URL and nothing else")
    assert "hunter2" not in str(error.value)


def test_mistakes_in_the_section_are_named(tmp_path: Path) -> None:
    """A key that is none, and no file."""
    with pytest.raises(ConfigError, match="unknown key 'urlfile'; did you mean 'url_file'"):
        read(tmp_path, "[apprise.ops]\nurlfile = 'json://x'\n")
    with pytest.raises(ConfigError, match=r"\[apprise.ops\] url_file must name the file that holds the Apprise URL"):
        read(tmp_path, "[apprise.ops]\n")
