"""Readers of mail, on both databases: tokens, periods, bounces, sign-ups, the suppression list, and forgetting."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from storage import mail, mail_signups
from storage.delivery import add_subscription, ensure_destination
from storage.delivery_settings import forget_destination
from storage.errors import StorageError
from storage.mail_signups import Signup
from storage.mail_tables import mail_digests, mail_readers, mail_suppressed
from storage.mail_tables import mail_signups as signups
from storage.store import Store

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
SIGNUP = Signup(
    address_hash="a" * 64,
    mailed_at=NOW,
    destination=1,
    made=True,
    token_hash="t" * 64,
    filter="copy-fail",
    settings="{}",
)


def reader(connection: Connection, address: str = "ada@example.org") -> int:
    return ensure_destination(connection, kind="mail", address=address, now=NOW)


def test_a_token_leads_to_its_reader(store: Store) -> None:
    """By its newest hash alone."""
    with store.write() as connection:
        one = reader(connection)
        mail.save_salt(connection, one, salt="5a17", token_hash="old")
        mail.save_salt(connection, one, salt="5a17", token_hash="new")
        assert mail.load_salt(connection, one) == ("5a17", "new")
        assert [mail.find_reader(connection, name) for name in ("old", "new")] == [None, one]
        assert [mail.find_address(connection, name) for name in (one, one + 1)] == ["ada@example.org", None]


def test_a_period_is_made_once(store: Store) -> None:
    """A second digest of the same period fails in its transaction; those of long ago are forgotten."""
    with store.write() as connection:
        one = reader(connection)
        mail.note_made(connection, one, "2025-W10", at=NOW - timedelta(days=401))
        mail.note_made(connection, one, "2026-W19", at=NOW)
        assert [mail.was_made(connection, one, name) for name in ("2025-W10", "2026-W19")] == [False, True]
    with pytest.raises(StorageError), store.write() as connection:
        mail.note_made(connection, one, "2026-W19", at=NOW)


def test_bounces_are_counted(store: Store) -> None:
    """Copies count once, those of long ago not at all, and a destination that reads no digest has none."""
    with store.write() as connection:
        one = reader(connection)
        assert mail.count_bounce(connection, one, report="a", at=NOW) == 0
        mail.save_salt(connection, one, salt="5a17", token_hash="new")
        found = [
            mail.count_bounce(connection, one, report=name, at=NOW + timedelta(days=day))
            for name, day in (("a", 0), ("a", 1), ("b", 7), ("c", 68))
        ]
        mail.forget_bounces(connection, one)
        assert (found, mail.count_bounce(connection, one, report="c", at=NOW)) == ([1, 1, 2, 1], 1)


def test_the_suppression_list(store: Store) -> None:
    """An address is on it once, until it is taken off."""
    with store.write() as connection:
        for reason in ("5.1.1", "5.2.2"):
            mail.suppress(connection, "a" * 64, reason, at=NOW)
        assert connection.execute(select(mail_suppressed.c.reason)).scalars().all() == ["5.2.2"]
        assert mail.is_suppressed(connection, "a" * 64)
        assert [mail.allow(connection, "a" * 64), mail.allow(connection, "a" * 64)] == [True, False]
        assert not mail.is_suppressed(connection, "a" * 64)


def test_sign_ups(store: Store) -> None:
    """The newest one of an address counts, its token works until it is used, and the pause outlives it."""
    with store.write() as connection:
        mine = replace(SIGNUP, destination=reader(connection))
        mail_signups.save_signup(connection, replace(mine, token_hash="old"))
        mail_signups.save_signup(connection, mine)
        assert [mail_signups.find_signup(connection, name) for name in ("old", mine.token_hash)] == [None, mine]
        assert mail_signups.count_mailed(connection, since=NOW - timedelta(hours=1), until=NOW) == 1
        mail_signups.close_signup(connection, mine)
        assert mail_signups.find_signup(connection, mine.token_hash) is None
        assert mail_signups.last_mailed(connection, mine.address_hash) == NOW


def test_only_what_a_sign_up_made_is_dropped(store: Store) -> None:
    """Destinations that were there before, or that follow something, outlive an unconfirmed sign-up."""
    with store.write() as connection:
        names = ("new", "known", "follows")
        ids = [reader(connection, f"{name}@example.org") for name in names]
        add_subscription(connection, ids[2], "copy-fail", now=NOW)
        for name, destination in zip(names, ids, strict=True):
            one = replace(SIGNUP, address_hash=name, token_hash=name, destination=destination, made=name != "known")
            mail_signups.save_signup(connection, one)
        assert mail_signups.drop_unconfirmed(connection, before=NOW) == 0
        assert mail_signups.drop_unconfirmed(connection, before=NOW + timedelta(seconds=1)) == 1
        assert [mail.find_address(connection, one) for one in ids] == [None, "known@example.org", "follows@example.org"]
        assert mail_signups.last_mailed(connection, "new") is None


def test_forgetting_a_reader(store: Store) -> None:
    """Salt, digests and sign-up go with the destination; only when the address was last asked stays, as a hash."""
    with store.write() as connection:
        one = reader(connection)
        mail.save_salt(connection, one, salt="5a17", token_hash="new")
        mail.note_made(connection, one, "2026-W19", at=NOW)
        mail_signups.save_signup(connection, replace(SIGNUP, destination=one))
        forget_destination(connection, one)
    with store.read() as connection:
        counted = [
            connection.execute(select(func.count()).select_from(one)).scalar() for one in (mail_readers, mail_digests)
        ]
        assert (counted, connection.execute(select(signups.c.destination)).scalars().all()) == ([0, 0], [None])
        assert mail_signups.find_signup(connection, SIGNUP.token_hash) is None
        assert mail_signups.last_mailed(connection, SIGNUP.address_hash) == NOW
