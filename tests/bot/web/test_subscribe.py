"""Mail sign-up over HTTP: GET asks, POST acts, nobody learns who reads, and nobody can have a stranger written to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import func, select, update

from advisories.filters import parse_stored
from bot.app import App
from bot.digest.address import AddressError, parse_address
from bot.digest.contents import DigestBuilder
from bot.digest.keys import load_keys
from bot.digest.periods import MailWishes
from bot.digest.signup import Signups, Visitors
from bot.messages.compose import Composer
from bot.messages.digest import Health, digest_of, thaw_letter
from bot.web.routes import make_web
from bot.web.site import make_site
from storage import mail, mail_signups
from storage.delivery import list_subscriptions
from storage.delivery_settings import list_destinations
from storage.delivery_tables import destinations, messages
from storage.mail_tables import mail_signups as signups
from tests.bot.web.stores import fill, make_app

ADDRESS = "Ada.Lovelace+pw@example.org"
CHOICES = {"address": ADDRESS, "topic": "copy-fail", "place": "debian/12", "often": "daily", "zone": "Europe/Berlin"}


class Board:
    """The web application of one store; every request comes from the visitor it is given."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.web = make_web(make_site(app, fresh_seconds=0))
        self.keys = load_keys(app.config.data_dir)

    def ask(
        self,
        method: str,
        path: str,
        form: dict[str, str] | str | None = None,
        *,
        visitor: str = "192.0.2.1",
        times: int = 1,
        **headers: str,
    ) -> list[httpx.Response]:
        body = urlencode(form) if isinstance(form, dict) else form
        named = {"content-type": "application/x-www-form-urlencoded"} if body is not None else {}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.web, client=(visitor, 4711))
            async with httpx.AsyncClient(transport=transport, base_url="https://pw.example.org") as client:
                return [await client.request(method, path, content=body, headers=named) for _ in range(times)]

        return asyncio.run(send())

    def sign_up(self, visitor: str = "192.0.2.1", **other: str) -> httpx.Response:
        return self.ask("POST", "/digest/subscribe", {**CHOICES, **other}, visitor=visitor)[0]

    def owed(self) -> list[str]:
        with self.app.store.read() as connection:
            return list(connection.execute(select(messages.c.content).order_by(messages.c.created_at)).scalars())

    def links(self) -> tuple[str, str]:
        """The paths (confirm, unsubscribe) of the mail that was owed first."""
        letter = thaw_letter(self.owed()[0])
        confirm, salt = self.keys.token("confirm", letter.confirm), self.keys.token("unsubscribe", letter.salt)
        return f"/digest/confirm/{confirm}", f"/digest/unsubscribe/{salt}"

    def readers(self) -> list[tuple[str, str, list[str], str]]:
        """(address, state, filters, settings)."""
        with self.app.store.read() as connection:
            return [
                (one.address, one.state, [kept.filter for kept in list_subscriptions(connection, one.id)], one.settings)
                for one in list_destinations(connection)
            ]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    base = "https://pw.example.org"
    app = make_app(tmp_path, PATCHWATCH_WEB_BASE_URL=base, PATCHWATCH_MAIL_HOST="mx.example.org")
    fill(app)
    yield Board(app)
    app.store.close()


def test_the_way_in_and_out(board: Board) -> None:
    """Sign-up, confirmation, one welcome with how things stand, and one POST that forgets the address."""
    page = board.ask("GET", "/digest/subscribe")[0]
    assert page.status_code == 200
    for choice in (
        'value="copy-fail" checked',
        'value="debian/12"',
        'value="Europe/Berlin"',
        'action="/digest/subscribe"',
    ):
        assert choice in page.text
    assert board.sign_up(urgent="yes").status_code == 200
    assert board.readers() == [(ADDRESS, "active", [], "{}")]
    confirm, unsubscribe = board.links()
    assert "Confirm your subscription" in board.ask("GET", confirm, times=100)[-1].text
    assert board.readers()[0][2] == []
    assert board.ask("POST", confirm, {})[0].status_code == 200
    settings = '{"digest":"daily","zone":"Europe/Berlin","urgent":true,"quiet_from":0,"quiet_to":0}'
    assert board.readers() == [(ADDRESS, "active", ["copy-fail debian/12"], settings)]
    welcome = digest_of(thaw_letter(board.owed()[1]))
    assert welcome is not None
    assert [(row.place, row.state, row.version) for row in welcome.rows] == [("Debian 12", "fixed", "6.1.170-1")]
    assert board.ask("POST", confirm, {})[0].status_code == 410
    assert [one.status_code for one in board.ask("POST", unsubscribe, "List-Unsubscribe=One-Click")] == [200]
    assert (board.readers(), board.owed()) == ([], [])


def test_a_get_never_unsubscribes(board: Board) -> None:
    """A hundred GETs and HEADs of scanners leave the reader subscribed; the page names no address."""
    board.sign_up()
    confirm, unsubscribe = board.links()
    board.ask("POST", confirm, {})
    for method in ("GET", "HEAD"):
        answers = board.ask(method, unsubscribe, times=100)
        assert {one.status_code for one in answers} == {200}
        assert ADDRESS not in answers[0].text
    assert board.readers()[0][2] == ["copy-fail debian/12"]
    board.ask("POST", unsubscribe)
    assert board.readers() == []


def test_the_pages_are_kept_nowhere(board: Board) -> None:
    """No token leaves in a Referer, no cache keeps a page, no search engine shows it."""
    board.sign_up()
    for path in ("/digest/subscribe", *board.links()):
        headers = board.ask("GET", path)[0].headers
        found = [headers[name] for name in ("cache-control", "referrer-policy", "x-robots-tag")]
        assert found == ["no-store", "no-referrer", "noindex"]
        assert "form-action 'self'" in headers["content-security-policy"]


def test_a_thousand_sign_ups_send_one_mail(board: Board) -> None:
    """Whoever asks a thousand times from a thousand places, in any spelling, has one mail sent to the address."""
    for number in range(1000):
        spelled = ADDRESS.upper() if number % 2 else ADDRESS
        answer = board.sign_up(f"198.18.{number % 250}.{number // 250}", address=spelled, often="weekly")
        assert answer.status_code == 200
    assert len(board.owed()) == 1


def test_five_an_hour_from_one_network(board: Board) -> None:
    """The sixth sign-up within an hour is turned away; what a proxy on this machine forwards counts by its visitor."""
    codes = [board.sign_up(address=f"a{number}@example.org").status_code for number in range(7)]
    assert codes == [200] * 5 + [429] * 2
    assert len(board.owed()) == 5
    forwarded = [
        board.ask(
            "POST", "/digest/subscribe", CHOICES, visitor="127.0.0.1", x_forwarded_for=f"10.9.9.9, 203.0.113.{number}"
        )[0].status_code
        for number in range(7)
    ]
    assert forwarded == [200] * 7


def test_visitors_are_counted_for_an_hour() -> None:
    """An IPv6 network counts as one visitor, and after an hour there is room again."""
    now = [0.0]
    visitors = Visitors(clock=lambda: now[0])
    assert [visitors.admit(f"2001:db8:1:2::{number}") for number in range(6)] == [True] * 5 + [False]
    assert visitors.admit("2001:db8:1:3::1")
    now[0] = 3600.0
    assert visitors.admit("2001:db8:1:2::ff")


def test_known_and_unknown_get_the_same_answer(board: Board) -> None:
    """New, waiting, subscribed, suppressed and disabled addresses cannot be told apart, nor can tokens."""
    answers = [board.sign_up().content, board.sign_up().content]
    confirm, unsubscribe = board.links()
    board.ask("POST", confirm, {})
    answers.append(board.sign_up().content)
    before = datetime.now(UTC) - timedelta(days=2)
    with board.app.store.write() as connection:
        connection.execute(update(destinations).values(state="disabled"))
        connection.execute(update(signups).values(mailed_at=before))
        mail.suppress(connection, board.keys.hash_address("gone@example.org"), "5.1.1", at=before)
    answers.append(board.sign_up("192.0.2.2").content)
    answers.append(board.sign_up("192.0.2.2", address="gone@example.org").content)
    assert len(set(answers)) == 1
    assert len(board.owed()) == 2
    unknown = "/digest/unsubscribe/" + "A" * 22
    for method in ("GET", "POST"):
        pages = {board.ask(method, path)[0].content for path in (unsubscribe, unknown, "/digest/unsubscribe/x%0d%0ay")}
        assert len(pages) == 1


def test_the_database_alone_gives_no_token_and_no_address(board: Board) -> None:
    """Only hashes of tokens are stored; a sign-up and a suppression hold no address."""
    board.sign_up()
    confirm, unsubscribe = board.links()
    tokens = [path.rpartition("/")[2] for path in (confirm, unsubscribe)]
    with board.app.store.read() as connection:
        rows = repr([connection.execute(select(table)).all() for table in (signups, messages, destinations)])
        hashed = connection.execute(select(signups.c.address_hash)).scalar_one()
    assert [one in rows for one in tokens] == [False, False]
    assert hashed == board.keys.hash_address(ADDRESS.lower())


def test_forgotten_means_no_byte(board: Board) -> None:
    """After unsubscribing no file of the data folder holds the address or a token, the write-ahead log included."""
    board.sign_up()
    confirm, unsubscribe = board.links()
    board.ask("POST", confirm, {})
    found = [ADDRESS.encode() in path.read_bytes() for path in board.app.config.data_dir.rglob("*") if path.is_file()]
    assert any(found)
    board.ask("POST", unsubscribe)
    words = [ADDRESS.encode(), *(path.rpartition("/")[2].encode() for path in (confirm, unsubscribe))]
    for path in board.app.config.data_dir.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert [word in content for word in words] == [False] * 3, path.name


def test_all_the_world_together_has_a_limit(board: Board) -> None:
    """Beyond so many confirmations an hour none is sent, whoever asks for whomever."""
    app, builder = board.app, DigestBuilder(Composer(), health=lambda: Health(good=0, total=0))
    signups = Signups(store=app.store, keys=board.keys, base_url="https://x.org", builder=builder, most_per_hour=3)
    for number in range(6):
        signups.ask(f"a{number}@example.org", parse_stored("copy-fail"), MailWishes())
    assert [one[0] for one in board.readers()] == ["a0@example.org", "a1@example.org", "a2@example.org"]


def test_a_clock_that_ran_ahead_keeps_nobody_out(board: Board) -> None:
    """What was asked a day ahead neither fills the hour nor keeps the address waiting, once the clock is right."""
    app, builder = board.app, DigestBuilder(Composer(), health=lambda: Health(good=0, total=0))
    now = [datetime.now(UTC) + timedelta(days=1)]
    signups = Signups(
        store=app.store,
        keys=board.keys,
        base_url="https://x.org",
        builder=builder,
        most_per_hour=1,
        clock=lambda: now[0],
    )
    for moved in (timedelta(), timedelta(days=-1), timedelta(minutes=-30), timedelta(hours=2)):
        now[0] += moved
        signups.ask("a@example.org", parse_stored("copy-fail"), MailWishes())
    assert len(board.owed()) == 2


def test_an_address_that_nobody_confirms_is_forgotten(board: Board) -> None:
    """After two days nothing is left of it; a link that is older than a day does not work any more."""
    board.sign_up()
    confirm, _ = board.links()
    now = datetime.now(UTC)
    with board.app.store.write() as connection:
        connection.execute(update(signups).values(mailed_at=now - timedelta(hours=25)))
    assert "no longer works" in board.ask("GET", confirm)[0].text
    assert board.ask("POST", confirm, {})[0].status_code == 410
    with board.app.store.write() as connection:
        assert mail_signups.drop_unconfirmed(connection, before=now - timedelta(hours=24)) == 1
        assert connection.execute(select(func.count()).select_from(signups)).scalar() == 0
    assert (board.readers(), board.owed()) == ([], [])


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({**CHOICES, "address": "victim@example.org\r\nBcc: eve@example.org"}, 400),
        ({**CHOICES, "address": "victim"}, 400),
        ({**CHOICES, "topic": "dirty-frag"}, 400),
        ({**CHOICES, "topic": "copy-fail debian/12"}, 400),
        ({**CHOICES, "place": "debian/99"}, 400),
        ({**CHOICES, "often": "hourly"}, 400),
        ({**CHOICES, "zone": "../../etc/passwd"}, 400),
        ("address=a%40example.org&address=b%40example.org&topic=copy-fail", 400),
        ("&".join(["topic=copy-fail"] * 500), 400),
        ("address=%FF&topic=copy-fail", 400),
        ("a=" + "x" * 9000, 413),
        ("", 400),
    ],
)
def test_what_a_form_may_not_say(board: Board, form: dict[str, str] | str, status: int) -> None:
    """Choices that are none of ours, two addresses, header tricks and oversize are refused, and nothing is owed."""
    assert board.ask("POST", "/digest/subscribe", form)[0].status_code == status
    assert (board.readers(), board.owed()) == ([], [])


def test_only_forms_are_taken(board: Board) -> None:
    """JSON and multipart are refused, as are other methods."""
    kinds = ("application/json", "multipart/form-data; boundary=x", "text/plain")
    codes = [board.ask("POST", "/digest/subscribe", "{}", content_type=one)[0].status_code for one in kinds]
    assert codes == [415] * 3
    assert board.ask("PUT", "/digest/subscribe", "")[0].status_code == 405


def test_no_sign_up_without_mail(tmp_path: Path) -> None:
    """A board that sends no mail says so; the way out is open all the same."""
    app = make_app(tmp_path)
    board = Board(app)
    assert [board.ask(one, "/digest/subscribe", {})[0].status_code for one in ("GET", "POST")] == [404, 404]
    assert board.ask("POST", "/digest/unsubscribe/" + "A" * 22)[0].status_code == 200
    app.store.close()


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada@EXAMPLE.org ", "Ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("o'brien+x@example.org", "o'brien+x@example.org"),
    ],
)
def test_addresses(given: str, address: str) -> None:
    """Domains are folded to lower case and ASCII."""
    assert parse_address(given) == address


@pytest.mark.parametrize(
    "given",
    [
        "", "@", "ada", "ada@", "@example.org", "ada@localhost", "ada@example..org", "ada@.example.org",
        ".ada@example.org",
        "a..b@example.org", '"ada lovelace"@example.org', "ada@example.org,eve@example.org", "ada@[127.0.0.1]",
        "ada@example.org\nBcc: eve@example.org", "ada@example.org\x00", "ada\u2028@example.org", "äda@example.org",
        "a" * 65 + "@example.org", "ada@" + "a" * 64 + ".org", "ada@" + ".".join(["abcdefgh"] * 30), "a@b@example.org",
        "<ada@example.org>", "ada@-example.org", "ada@example.org ; rm",
    ],
)  # fmt: skip
def test_no_addresses(given: str) -> None:
    """Quoted local parts, lists, control characters and oversize are none that can be written to."""
    with pytest.raises(AddressError):
        parse_address(given)
