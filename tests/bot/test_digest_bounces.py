"""Reports of failed mail: believed only with our signed return path, counted by what they say."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.app import App
from bot.channels.registry import deliver_pending
from bot.cli.root import run_command_line
from bot.digest.bounce import NoReport, find_recipient, parse_report, take_bounce
from bot.digest.folding import reader_salt
from bot.digest.keys import MailKeys, load_keys
from storage import delivery_settings
from storage.changes import add_changes
from storage.delivery import add_subscription, ensure_destination
from storage.delivery_ledger import owe_notice
from storage.mail_tables import mail_readers, mail_suppressed
from storage.tables import operator_notes
from tests.advisories.test_filters import DRAFT
from tests.bot.web.stores import make_app
from tests.conftest import ROOT
from tests.servers.mta import CUT, Fault, Script, smtp_server

ADDRESS = "ada@example.org"
NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Reader:
    app: App
    keys: MailKeys
    id: int

    @property
    def path(self) -> str:
        return f"bot+{self.keys.return_tag(self.id, ADDRESS)}@example.org"

    def take(self, *reports: bytes, recipient: str = "", days: int = 1) -> list[bool | None]:
        """Whether each report ended the mails; None where it was not believed."""
        outcomes: list[bool | None] = []
        with self.app.store.write() as connection:
            for number, raw in enumerate(reports):
                report = parse_report(raw)
                reader = find_recipient(connection, self.keys, report, recipient)
                if reader is None:
                    outcomes.append(None)
                    continue
                now = NOW + timedelta(days=days * number)
                gone = report.status == "5.1.1"
                outcomes.append(
                    take_bounce(connection, self.keys, reader, report=report.key, gone=gone, why=report.said, now=now)
                )
        return outcomes

    def state(self) -> tuple[str, str | None, int]:
        """(state and reason of the destination, how many addresses are suppressed)."""
        with self.app.store.read() as connection:
            found = delivery_settings.load_destination(connection, self.id)
            listed = connection.execute(select(mail_suppressed.c.address_hash)).all()
        return found.state, found.reason, len(listed)

    def notes(self) -> list[str]:
        with self.app.store.read() as connection:
            return list(connection.execute(select(operator_notes.c.text)).scalars())


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    app = make_app(tmp_path, PATCHWATCH_MAIL_HOST="127.0.0.1", PATCHWATCH_MAIL_FROM="bot@example.org")
    keys = load_keys(tmp_path)
    with app.store.write() as connection:
        destination = ensure_destination(connection, kind="mail", address=ADDRESS, now=NOW)
        add_subscription(connection, destination, "copy-fail", now=NOW)
        reader_salt(connection, keys, destination)
    yield Reader(app, keys, destination)
    app.store.close()


def report(
    to: str,
    status: str = "5.1.1",
    *,
    action: str = "failed",
    number: int = 1,
    kind: str = "multipart/report; report-type=delivery-status",
    name: str = "Delivered-To",
) -> bytes:
    """A report as Postfix writes it (RFC 3464)."""
    return f"""\
Return-Path: <>
{name}: {to}
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Message-ID: <{number}@mx.example.net>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: {kind}; boundary="=x"

--=x
Content-Type: text/plain; charset=us-ascii

Your message could not be delivered.

--=x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Mon,  4 May 2026 06:00:01 +0000 (UTC)

Final-Recipient: rfc822; {ADDRESS}
Original-Recipient: rfc822;{ADDRESS}
Action: {action}
Status: {status}
Remote-MTA: dns; mail.example.net
Diagnostic-Code: smtp; 550 {status} <{ADDRESS}>: no

--=x
Content-Type: text/rfc822-headers

Message-ID: <0b6f0f1e@example.org>

--=x--
""".replace("\n", "\r\n").encode()


def test_an_unknown_mailbox_ends_it_at_once(reader: Reader) -> None:
    """One 5.1.1 suppresses the address and disables the destination, with a line for the operator."""
    assert reader.take(report(reader.path)) == [True]
    assert reader.state() == ("disabled", "smtp; 550 5.1.1 <[address]>: no", 1)
    assert reader.notes() == ["mail destination 1 is disabled: smtp; 550 5.1.1 <[address]>: no"]


def test_other_failures_end_it_at_the_third(reader: Reader) -> None:
    """Two are forgiven, a copy of one counts once, and those of long ago do not count."""
    full = [report(reader.path, "5.2.2", number=number) for number in (1, 1, 2, 3)]
    assert reader.take(*full[:3]) == [False, False, False]
    assert reader.state() == ("active", None, 0)
    assert reader.take(full[3]) == [True]
    assert reader.state()[0::2] == ("disabled", 1)


def test_old_failures_are_forgotten(reader: Reader) -> None:
    """Three failures over half a year are no dead mailbox."""
    assert reader.take(*(report(reader.path, "5.2.2", number=one) for one in range(4)), days=61) == [False] * 4


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "To"])
def test_where_the_return_path_is_read(reader: Reader, name: str) -> None:
    """From the headers that MTAs write, or from what the MTA says itself; upper case does no harm."""
    assert reader.take(report(reader.path.upper(), "5.2.2", name=name)) == [False]
    assert reader.take(report("root@localhost", "5.2.2"), recipient=reader.path) == [False]


def test_a_forged_report_changes_nothing(reader: Reader) -> None:
    """Without the signature of this very address nothing is believed, whatever the report says."""
    tag = reader.keys.return_tag(reader.id, ADDRESS)
    forged = [
        "bot@example.org",
        ADDRESS,
        f"bot+b{reader.id}-aaaaaaaaaaaaaaaaaaaa@example.org",
        f"bot+{reader.keys.return_tag(reader.id + 1, ADDRESS)}@example.org",
        f"bot+{reader.keys.return_tag(reader.id, 'eve@example.org')}@example.org",
        f"bot+{tag[:-1]}@example.org",
        f"bot+b{10**17}-{tag[-20:]}@example.org",
        f"bot+{MailKeys(secret=b'x' * 32).return_tag(reader.id, ADDRESS)}@example.org",
    ]
    assert reader.take(*map(report, forged)) == [None] * len(forged)
    assert reader.state() == ("active", None, 0)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (report("x", "4.4.7"), "status 4.4.7 is not permanent"),
        (report("x", action="delayed"), "no delivery failed (delayed, or delivered)"),
        (report("x", action="relayed"), "no delivery failed (delayed, or delivered)"),
        (report("x", "2.0.0"), "status 2.0.0 is not permanent"),
        (report("x", "bad"), "its status is none of RFC 3463"),
        (report("x", kind="multipart/mixed"), "it is no delivery status report (an automatic reply, or a letter)"),
        (
            report("x", kind="multipart/report; report-type=disposition-notification"),
            "it is no delivery status report (an automatic reply, or a letter)",
        ),
        (
            b"From: ada@example.org\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\n5.1.1 failed\r\n",
            "it is no delivery status report (an automatic reply, or a letter)",
        ),
        (b"", "it is no delivery status report (an automatic reply, or a letter)"),
        (b"\x00\xff" * 100, "it is no delivery status report (an automatic reply, or a letter)"),
        (b"x" * 1_000_001, "it is too large for a report"),
        (report("x").replace(b"message/delivery-status", b"text/plain"), "no delivery failed (delayed, or delivered)"),
        (report("x").split(b"--=x")[0], "no delivery failed (delayed, or delivered)"),
    ],
)
def test_what_is_no_report(raw: bytes, why: str) -> None:
    """Delays, automatic replies, receipts, letters and rubbish are told apart from failures."""
    with pytest.raises(NoReport) as caught:
        parse_report(raw)
    assert str(caught.value) == why


def test_a_broken_report_raises_nothing_else() -> None:
    """Cut anywhere, or with any line gone, a report is read or refused."""
    whole = report("bot+b1-aaaaaaaaaaaaaaaaaaaa@example.org")
    lines = whole.split(b"\r\n")
    pieces = [whole[:end] for end in range(0, len(whole), 7)]
    pieces += [b"\r\n".join(lines[:one] + lines[one + 1 :]) for one in range(len(lines))]
    pieces += [whole.replace(b"us-ascii", word) for word in (b"utf-42", b'"', b"", b"\xff")]
    pieces += [whole.replace(b"<1@mx.example.net>", word) for word in (b"", b"<\xff\xfe>", b"x" * 9000)]
    refused = 0
    for piece in pieces:
        try:
            parse_report(piece)
        except NoReport:
            refused += 1
    assert 0 < refused < len(pieces)


def owe(reader: Reader, number: int = 1) -> None:
    with reader.app.store.write() as connection:
        for one in range(number):
            owe_notice(connection, reader.id, f'{{"title":"{one}","lines":[]}}', now=NOW)


def deliver(reader: Reader, script: Script) -> Script:
    """Sends what is due to an MTA that follows the script."""

    async def run() -> None:
        async with smtp_server(script) as port:
            values = {**reader.app.config.values, ("mail", "port"): port, ("mail", "starttls"): False}
            config = replace(reader.app.config, values=values)
            await deliver_pending(reader.app.store, config, reader.app.topics)

    asyncio.run(run())
    return script


def test_a_mailbox_that_the_mta_does_not_know(reader: Reader) -> None:
    """550 5.1.1 in the session ends the mails too: suppressed, disabled, one line for the operator."""
    owe(reader)
    assert deliver(reader, Script(faults=[Fault("RCPT", f"550 5.1.1 <{ADDRESS}>: no such user")])).received == []
    why = "no such mailbox: RCPT: 550 5.1.1 <[address]>: no such user"
    assert reader.state() == ("disabled", why, 1)
    assert reader.notes() == [f"mail destination 1 is disabled: {why}"]


def test_a_mailbox_that_is_full_three_times(reader: Reader) -> None:
    """552 drops the mail; at the third of them the reader gets no more."""
    owe(reader, 4)
    deliver(reader, Script(faults=[Fault("RCPT", "552 5.2.2 mailbox full")] * 4))
    assert reader.state() == ("disabled", "refused time and again: RCPT: 552 5.2.2 mailbox full", 1)
    assert len(reader.notes()) == 1
    with reader.app.store.read() as connection:
        assert connection.execute(select(mail_readers.c.bounces)).scalar_one() == 3


def test_a_cut_after_the_dot_is_repeated_once(reader: Reader) -> None:
    """It may have arrived: one repeat with the same Message-ID, and no more after that."""
    owe(reader)
    script = Script(faults=[Fault("END", CUT), Fault("END", CUT)])
    for _ in range(3):
        deliver(reader, script)
        with reader.app.store.write() as connection:
            connection.exec_driver_sql("UPDATE deliveries SET not_before = 0")
            connection.exec_driver_sql("UPDATE destinations SET not_before = NULL")
    identities = [
        line for one in script.received for line in one.content.split(b"\r\n") if line.startswith(b"Message-ID")
    ]
    assert (len(identities), len(set(identities))) == (2, 1)
    with reader.app.store.read() as connection:
        assert list(connection.exec_driver_sql("SELECT state FROM deliveries").scalars()) == ["unconfirmed"]


def run(reader: Reader, *arguments: str) -> int:
    """Exit status of the command line over the reader's store."""
    config = reader.app.config.data_dir / "patchwatch.toml"
    config.write_text('[mail]\nfrom = "bot@example.org"\n', encoding="utf-8")
    return run_command_line(["--config", str(config), "--data", str(reader.app.config.data_dir), *arguments])


def pipe(reader: Reader, given: bytes) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of `patchwatch bounce` as an MTA's pipe calls it."""
    folder = reader.app.config.data_dir
    command = [sys.executable, "-m", "bot", "--data", str(folder), "bounce"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, input=given, cwd=folder, env=environment, capture_output=True, timeout=60, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_bounce_command(reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    """A report from an MTA's pipe ends the mails, `--allow` takes the address back."""
    assert pipe(reader, report(reader.path)) == (0, "destination 1: gets no more mail (5.1.1)\n", "")
    assert reader.state()[0::2] == ("disabled", 1)
    assert run(reader, "bounce", "--allow", ADDRESS) == 0
    assert reader.state() == ("active", None, 0)
    assert run(reader, "bounce", "--allow", ADDRESS) == 2
    assert capsys.readouterr() == ("it may get mail again\n", "patchwatch: ada@example.org is not on the list\n")


def test_the_digest_command(reader: Reader, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """It shows what the next digest would say as text, HTML or a whole mail, and says so when nothing changed."""
    assert run(reader, "digest", "copy-fail", "alpine/3.22") == 0
    assert capfdbinary.readouterr() == (b"", b"patchwatch: nothing changed, so no mail would be sent\n")
    with reader.app.store.write() as connection:
        add_changes(connection, [replace(DRAFT, at=datetime.now(UTC) - timedelta(hours=2))])
    assert run(reader, "digest", "copy-fail", "debian/12", "--since", "1d") == 0
    shown = capfdbinary.readouterr().out.decode()
    assert shown.startswith("WHAT CHANGED FOR YOU\n")
    assert DRAFT.text in shown
    assert run(reader, "digest", "--format", "eml") == 0
    mailed = message_from_bytes(capfdbinary.readouterr().out)
    assert (mailed["From"], mailed["To"], mailed["Subject"][:30]) == (
        "patchwatch <bot@example.org>",
        "bot@example.org",
        f"patchwatch: 1 change on {datetime.now(UTC):%Y-%m}"[:30],
    )
    assert run(reader, "digest", "no-such-topic") == 2
