"""Digests over a small store with true facts: what a reader is sent, when, and how it reads."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from advisories.observation import Observation
from bot.app import App
from bot.channels.base import Unknown
from bot.channels.mail.writing import Sender, Writer
from bot.delivery.deliver import Deliverer
from bot.digest.contents import DigestBuilder
from bot.digest.folding import MailFolder
from bot.digest.keys import MailKeys
from bot.digest.periods import MailWishes
from bot.messages.compose import Composer
from bot.messages.digest import Health, Letter, SourceLine, counted, thaw_letter, title_of
from storage import delivery_settings, mail
from storage.changes import add_changes
from storage.codec import to_text
from storage.delivery import DueDestination, add_subscription, disable_destination, ensure_destination
from storage.delivery_tables import deliveries
from tests.advisories.test_filters import DRAFT
from tests.bot.web.stores import CVE, DEBIAN, KEV, REDHAT, START, UBUNTU, UPSTREAM, make_app, take

KEYS = MailKeys(secret=b"k" * 32)
BOARD = "https://pw.example.org"
BAD = SourceLine(name="ubuntu", state="failing", why="HTTP 503 since 2026-05-03 10:00")
HERE = Path(__file__).parent
NEW = f"New advisory {CVE}: crypto: algif_aead - Revert to operating out-of-place. Fixed upstream in 6.12.85, 7.0"
FACTS: tuple[tuple[str, datetime, Sequence[Observation]], ...] = (
    ("kernel-cna", START, [UPSTREAM]),
    ("debian", datetime(2026, 5, 1, 9, tzinfo=UTC), DEBIAN),
    ("kev", datetime(2026, 5, 1, 20, tzinfo=UTC), [KEV]),
    ("redhat", datetime(2026, 5, 6, 8, tzinfo=UTC), REDHAT),
    ("ubuntu", datetime(2026, 5, 19, 23, tzinfo=UTC), UBUNTU),
)


@dataclass
class Postbox:
    """A channel of mail that keeps what it is given."""

    kind = "mail"
    keyed = False
    folds = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Letter]] = []
        self.cuts = 0  # so many of the next sends end without an answer

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        self.sent.append((destination.address, message, thaw_letter(content)))
        if self.cuts:
            self.cuts -= 1
            raise Unknown("cut")
        return message


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    opened = make_app(tmp_path, PATCHWATCH_WEB_BASE_URL=BOARD, PATCHWATCH_MAIL_HOST="mx.example.org")
    yield opened
    opened.store.close()


def subscribe(app: App, wishes: MailWishes | None, *filters: str, address: str = "ada@example.org") -> int:
    with app.store.write() as connection:
        reader = ensure_destination(connection, kind="mail", address=address, now=START)
        for one in filters:
            add_subscription(connection, reader, one, now=START)
        if wishes is not None:
            delivery_settings.save_settings(connection, reader, to_text(wishes))
    return reader


class Mailing:
    """The facts come in as time passes; delivery looks every two hours."""

    def __init__(self, app: App) -> None:
        builder = DigestBuilder(Composer(base_url=BOARD), health=lambda: Health(good=2, total=3, lines=(BAD,)))
        self.app = app
        self.box = Postbox()
        self.now = START - timedelta(hours=1)
        folder = MailFolder(Composer(base_url=BOARD), builder, KEYS)
        self.deliverer = Deliverer(app.store, {"mail": self.box}, folder=folder, clock=lambda: self.now)
        self.log: list[tuple[str, str, str]] = []

    def until(self, end: datetime) -> list[tuple[str, str, str]]:
        """What was mailed up to then: (local time in UTC, to whom, subject)."""
        while self.now < end:
            before, self.now = self.now, self.now + timedelta(hours=2)
            for source, at, said in FACTS:
                if before < at <= self.now:
                    take(self.app, source, at, CVE, said)
            self.deliver()
        return self.log

    def deliver(self) -> None:
        known = len(self.box.sent)
        asyncio.run(self.deliverer.deliver_due())
        for address, _, letter in self.box.sent[known:]:
            self.log.append((f"{self.now:%m-%d %H:%M}", address.partition("@")[0], letter.title))


def written(letter: Letter, message: str = "0b6f0f1e") -> tuple[str, str]:
    """(text, HTML) as a reader's program decodes them."""
    writer = Writer(Sender.parse("bot@example.org"), KEYS, base_url=BOARD, signed=True)
    reader = DueDestination(id=7, kind="mail", address="ada@example.org", thread="")
    mail = email.message_from_bytes(writer.write(reader, message, letter).content, policy=email.policy.default)
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    return text, html


def test_weekly_and_daily_readers(app: App) -> None:
    """Urgent news comes at once or with the rest as each reader chose, a digest on time, and none without news."""
    subscribe(app, None, "copy-fail debian/12", address="weekly@example.org")
    daily = MailWishes(digest="daily", zone="America/New_York", urgent=False)
    subscribe(app, daily, "copy-fail debian/12 rhel/9", address="daily@example.org")
    subscribe(app, MailWishes(digest="off"), "copy-fail change:advisory_new", address="off@example.org")
    assert Mailing(app).until(datetime(2026, 6, 2, tzinfo=UTC)) == [
        ("04-22 11:17", "off", NEW),
        ("04-22 13:17", "daily", "1 change on 2026-04-22"),
        ("04-27 09:17", "weekly", "1 change in week 18 of 2026"),
        ("05-01 09:17", "weekly", f"{CVE}: Fixed in Debian 12: linux 6.1.170-1 (DSA-6243-1, 2026-05-01)"),
        ("05-01 13:17", "daily", "1 change on 2026-05-01"),
        ("05-01 21:17", "weekly", f"{CVE}: Known to be exploited (CISA KEV, listed 2026-05-01, due 2026-05-15)"),
        ("05-02 13:17", "daily", "1 change on 2026-05-02"),
        ("05-06 13:17", "daily", "3 changes on 2026-05-06"),
    ]  # fmt: skip


def test_the_weekly_digest_reads(app: App) -> None:
    """Text and HTML, word for word."""
    subscribe(app, MailWishes(urgent=False, zone="Europe/Berlin"), "copy-fail debian rhel/9")
    mailing = Mailing(app)
    assert [one[0] for one in mailing.until(datetime(2026, 5, 12, tzinfo=UTC))] == [
        "04-27 07:17",
        "05-04 07:17",
        "05-11 07:17",
    ]
    _, _, letter = mailing.box.sent[1]
    text, html = written(replace_salt(letter))
    assert text == (HERE / "test_digest_weekly.txt").read_text(encoding="utf-8")
    assert html == (HERE / "test_digest_weekly.html").read_text(encoding="utf-8")


def replace_salt(letter: Letter) -> Letter:
    """The letter for a reader whose salt is known, so that its links are."""
    return Letter(title=letter.title, at=letter.at, salt="5a17", base_url=letter.base_url, digest=letter.digest)


def test_two_readers_share_a_rendering_but_no_link(app: App) -> None:
    """The same digest for two readers differs in nothing but the link that ends it."""
    for name in ("ada", "bob"):
        subscribe(app, MailWishes(), "copy-fail", address=f"{name}@example.org")
    mailing = Mailing(app)
    mailing.until(datetime(2026, 4, 28, tzinfo=UTC))
    (_, _, first), (_, _, second) = mailing.box.sent
    assert bytes(first.digest) == bytes(second.digest)
    assert first.salt != second.salt
    texts = [written(one)[0] for one in (first, second)]
    links = [text.partition("/digest/unsubscribe/")[2][:22] for text in texts]
    assert links == [KEYS.token("unsubscribe", one.salt) for one in (first, second)]
    assert texts[0].replace(links[0], "-") == texts[1].replace(links[1], "-")


def test_exactly_one_digest_though_the_clock_is_set_back(app: App) -> None:
    """After Monday's digest the clock goes back to Sunday, news comes, Monday comes again: the news waits a week."""
    subscribe(app, MailWishes(), "copy-fail")
    mailing = Mailing(app)
    mailing.until(datetime(2026, 4, 28, tzinfo=UTC))
    mailing.now = datetime(2026, 4, 27, 7, tzinfo=UTC)
    with app.store.write() as connection:
        changes = add_changes(connection, [replace(DRAFT, urgent=False, at=mailing.now)])
        app.intake.enqueue(connection, changes, mailing.now)
    mailing.until(datetime(2026, 5, 1, tzinfo=UTC))
    assert mailing.log == [("04-27 09:17", "ada", "1 change in week 18 of 2026")]
    mailing.until(datetime(2026, 5, 5, tzinfo=UTC))
    digests = [one for one in mailing.log if "week" in one[2]]
    assert [one[0] for one in digests] == ["04-27 09:17", "05-04 09:00"]


def test_news_that_a_clock_ahead_put_off_comes_on_its_monday(app: App) -> None:
    """Owed in time, put off by a clock four days ahead that is set back then: it comes with the digest that it would
    have come with, and until then it waits without being looked at again and again."""
    subscribe(app, MailWishes(), "copy-fail change:advisory_new")
    mailing = Mailing(app)
    mailing.until(START + timedelta(hours=2))
    mailing.now += timedelta(days=4)
    mailing.deliver()
    mailing.now -= timedelta(days=4)
    mailing.deliver()
    with app.store.read() as connection:
        (until,) = connection.execute(select(deliveries.c.not_before)).scalars()
    assert timedelta() < until - mailing.now <= timedelta(hours=6)
    assert mailing.log == []
    assert mailing.until(datetime(2026, 5, 1, tzinfo=UTC)) == [
        ("04-27 09:17", "ada", "1 change in week 18 of 2026"),
    ]  # fmt: skip


def test_a_flood_is_one_digest(app: App) -> None:
    """Of 450 changes a reader gets one mail that lists the first and counts the rest; nothing is left waiting."""
    subscribe(app, MailWishes(), "copy-fail")
    mailing = Mailing(app)
    with app.store.write() as connection:
        drafts = [replace(DRAFT, urgent=False, at=START, new=f"6.1.170-{one}") for one in range(450)]
        app.intake.enqueue(connection, add_changes(connection, drafts), START)
    mailing.now = datetime(2026, 4, 27, 8, tzinfo=UTC)
    mailing.deliver()
    mailing.deliver()
    assert mailing.log == [("04-27 08:00", "ada", "450 changes in week 18 of 2026")]
    text, _ = written(mailing.box.sent[0][2])
    assert (text.count("\n  - "), "And 300 more." in text) == (150, True)
    with app.store.read() as connection:
        assert set(connection.execute(select(deliveries.c.state)).scalars()) == {"sent"}


def test_what_nobody_confirmed_is_in_the_next_digest(app: App) -> None:
    """A digest whose two tries ended without an answer is told again with the news of the week after."""
    subscribe(app, MailWishes(urgent=False), "copy-fail debian/12")
    mailing = Mailing(app)
    mailing.box.cuts = 2
    mailing.until(datetime(2026, 5, 5, tzinfo=UTC))
    assert [(when[:5], title) for when, _, title in mailing.log] == [
        ("04-27", "1 change in week 18 of 2026"),
        ("04-27", "1 change in week 18 of 2026"),
        ("05-04", "3 changes in week 19 of 2026"),
    ]
    messages = [message for _, message, _ in mailing.box.sent]
    assert messages[0] == messages[1] != messages[2]


def test_a_reader_who_is_gone_gets_nothing(app: App) -> None:
    """A disabled destination has no digest."""
    reader = subscribe(app, MailWishes(), "copy-fail")
    with app.store.write() as connection:
        disable_destination(connection, reader, "no such mailbox")
    assert Mailing(app).until(datetime(2026, 4, 28, tzinfo=UTC)) == []


HOSTILE = '</td><script>x</script> http://evil.example/ @root {{7*7}} \u202e"&'


def test_foreign_text_is_only_text(app: App) -> None:
    """Markup, template marks, links and marks that reorder arrive as what they are, in text and HTML."""
    subscribe(app, MailWishes(), "copy-fail")
    mailing = Mailing(app)
    with app.store.write() as connection:
        changes = add_changes(
            connection, [replace(DRAFT, urgent=False, at=START, text=HOSTILE, advisory=None, aliases=())]
        )
        app.intake.enqueue(connection, changes, START)
    mailing.now = datetime(2026, 4, 27, 8, tzinfo=UTC)
    mailing.deliver()
    text, html = written(mailing.box.sent[0][2])
    shown = '</td><script>x</script> http:\u2060//evil.\u2060example/ @\u2060root {{7*7}} \\u{202E}"&'
    assert f"  - 2026-04-22  {shown} [" in text
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    assert f"<li>2026-04-22 {escaped} <small>" in html


def test_a_title_says_the_most_urgent() -> None:
    """Of several urgent changes the first is named and the others counted."""
    assert (counted(1), counted(2)) == ("1 change", "2 changes")
    assert title_of("daily", "2026-05-04", (), 3) == "3 changes on 2026-05-04"


def test_a_lost_key_only_makes_new_tokens(app: App) -> None:
    """With another key file the reader's next mail has a token that works; the old one does not."""
    from bot.digest.folding import reader_salt
    from bot.digest.keys import hash_token

    reader = subscribe(app, MailWishes(), "copy-fail")
    other = MailKeys(secret=b"o" * 32)
    with app.store.write() as connection:
        salt = reader_salt(connection, KEYS, reader)
        assert mail.find_reader(connection, hash_token(KEYS.token("unsubscribe", salt))) == reader
        assert reader_salt(connection, other, reader) == salt
        assert mail.find_reader(connection, hash_token(KEYS.token("unsubscribe", salt))) is None
        assert mail.find_reader(connection, hash_token(other.token("unsubscribe", salt))) == reader
