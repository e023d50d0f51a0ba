"""Mail sign-up in two steps, and the way out: nobody is written to twice a day unless they asked for it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address

import structlog
from sqlalchemy import Connection

from advisories.filters import MAX_FILTERS_PER_CHAT, Filter, parse_stored
from bot.digest.contents import DigestBuilder
from bot.digest.folding import filters_of, reader_salt
from bot.digest.keys import TOKEN, MailKeys, hash_token, new_salt
from bot.digest.periods import MailWishes
from bot.messages.digest import Letter, digest_letter, freeze_letter
from bot.messages.model import plain
from storage import delivery_settings as wishes
from storage import mail, mail_signups
from storage.codec import to_text
from storage.delivery import add_subscription, ensure_destination, list_subscriptions
from storage.delivery_ledger import owe_notice
from storage.due import CLOCK_TOLERANCE
from storage.errors import StorageError
from storage.mail_signups import Signup
from storage.store import Store

log = structlog.get_logger("patchwatch")

PAUSE = timedelta(hours=24)  # between two mails that ask an address to confirm
CONFIRM_WITHIN = timedelta(hours=24)
UNCONFIRMED_KEPT = timedelta(hours=48)
ASKS_PER_HOUR = 5
MAILS_PER_HOUR = 300  # confirmations to all the world: nobody makes a flood of letters out of us
_HOUR_SECONDS = 3600.0
_MAX_VISITORS = 20_000


@dataclass(slots=True)
class Visitors:
    """How often each visitor's address asked within the last hour; kept in memory alone. clock: monotonic seconds."""

    clock: Callable[[], float] = time.monotonic
    _asked: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def admit(self, visitor: str) -> bool:
        """Whether this visitor may ask once more; of an IPv6 address the /64 counts."""
        now, name = self.clock(), _network(visitor)
        times = self._asked.setdefault(name, deque(maxlen=ASKS_PER_HOUR))
        self._asked.move_to_end(name)
        if len(self._asked) > _MAX_VISITORS:
            self._asked.popitem(last=False)
        if len(times) == ASKS_PER_HOUR and now - times[0] < _HOUR_SECONDS:
            return False
        times.append(now)
        return True


def _network(visitor: str) -> str:
    try:
        found = ip_address(visitor)
    except ValueError:
        return "unknown"
    return found.exploded[:19] if isinstance(found, IPv6Address) and found.ipv4_mapped is None else str(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signups:
    """base_url: where the links of a confirmation lead."""

    store: Store
    keys: MailKeys
    base_url: str
    builder: DigestBuilder
    most_per_hour: int = MAILS_PER_HOUR
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def ask(self, address: str, wanted: Filter, settings: MailWishes) -> None:
        """Owes a confirmation to the address, at most one in 24 hours; whether it did is nobody's to know.
        Raises StorageError."""
        now, hashed = self.clock(), self.keys.hash_address(address)
        with self.store.write() as connection:
            mail_signups.drop_unconfirmed(connection, before=now - UNCONFIRMED_KEPT)
            before = mail_signups.last_mailed(connection, hashed)
            if before is not None and -CLOCK_TOLERANCE <= now - before < PAUSE:
                return
            if mail.is_suppressed(connection, hashed):
                return
            since, until = now - timedelta(hours=1), now + CLOCK_TOLERANCE
            if mail_signups.count_mailed(connection, since=since, until=until) >= self.most_per_hour:
                return
            known = wishes.find_destination(connection, kind="mail", address=address)
            if known is not None and known.state != "active":
                return
            destination = ensure_destination(connection, kind="mail", address=address, now=now)
            salt = new_salt()
            signup = Signup(
                address_hash=hashed,
                mailed_at=now,
                destination=destination,
                made=known is None,
                token_hash=hash_token(self.keys.token("confirm", salt)),
                filter=str(wanted),
                settings=to_text(settings),
            )
            mail_signups.save_signup(connection, signup)
            self._owe_question(connection, destination, salt, now)

    def _owe_question(self, connection: Connection, destination: int, confirm: str, now: datetime) -> None:
        """Our own words alone: nothing of what the visitor chose is in it."""
        letter = Letter(
            title="please confirm",
            lines=(plain("Somebody, probably you, asked for mail about kernel patches at this address."),),
            at=now,
            salt=reader_salt(connection, self.keys, destination),
            confirm=confirm,
            base_url=self.base_url,
        )
        owe_notice(connection, destination, freeze_letter(letter), now=now, urgent=True)

    def find(self, connection: Connection, token: str) -> Signup | None:
        """The sign-up that a token confirms, while it may."""
        if TOKEN.fullmatch(token) is None:
            return None
        found = mail_signups.find_signup(connection, hash_token(token))
        return found if found is not None and self.clock() - found.mailed_at <= CONFIRM_WITHIN else None

    def is_open(self, token: str) -> bool:
        with self.store.read() as connection:
            return self.find(connection, token) is not None

    def confirm(self, token: str) -> bool:
        """Subscribes the address, and tells it once how things stand. False for a token that is used or too old."""
        now = self.clock()
        with self.store.write() as connection:
            signup = self.find(connection, token)
            if signup is None:
                return False
            kept = list_subscriptions(connection, signup.destination)
            mail_signups.close_signup(connection, signup)
            if len(kept) < MAX_FILTERS_PER_CHAT:
                add_subscription(connection, signup.destination, signup.filter, now=now)
            wishes.save_settings(connection, signup.destination, signup.settings)
            self._owe_welcome(connection, signup, now)
        return True

    def _owe_welcome(self, connection: Connection, signup: Signup, now: datetime) -> None:
        filters = filters_of(connection, signup.destination) or [parse_stored(signup.filter)]
        digest = self.builder.build(connection, filters=filters, changes=(), kind="welcome")
        salt = reader_salt(connection, self.keys, signup.destination)
        content = freeze_letter(digest_letter(digest, at=now, salt=salt))
        owe_notice(connection, signup.destination, content, now=now)

    def unsubscribe(self, token: str) -> None:
        """Forgets the address that the token belongs to, with all that was kept of it. Raises StorageError."""
        if TOKEN.fullmatch(token) is None:
            return
        with self.store.write() as connection:
            destination = mail.find_reader(connection, hash_token(token))
            if destination is None:
                return
            wishes.forget_destination(connection, destination)
        wishes.erase_traces(self.store)


async def forget_unconfirmed(store: Store, stop: asyncio.Event) -> None:
    """Every hour until `stop`: addresses that nobody confirmed go."""
    while not stop.is_set():
        try:
            await asyncio.to_thread(_drop_old, store)
        except StorageError as error:
            log.error("unconfirmed addresses wait", reason=str(error))
        try:
            async with asyncio.timeout(_HOUR_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue


def _drop_old(store: Store) -> None:
    with store.write() as connection:
        dropped = mail_signups.drop_unconfirmed(connection, before=datetime.now(UTC) - UNCONFIRMED_KEPT)
    if dropped:
        wishes.erase_traces(store)
