"""What waits for a reader of mail becomes one digest a day or week; what is urgent, a mail at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from advisories.filters import Filter, parse_stored
from bot.app import App
from bot.delivery.folding import Folder
from bot.digest.contents import DigestBuilder, health_of
from bot.digest.keys import MailKeys, hash_token, load_keys, new_salt
from bot.digest.periods import MailWishes, current_period, opens_for
from bot.messages import timing
from bot.messages.compose import Composer
from bot.messages.digest import Digest, Health, digest_letter, freeze_letter
from storage import delivery_ledger as ledger
from storage import delivery_settings as wishes
from storage import mail
from storage.changes import load_changes
from storage.codec import from_text
from storage.delivery import Pending, list_subscriptions
from storage.delivery_settings import Standing

_HEALTH_SECONDS = 60.0


def read_wishes(settings: str) -> MailWishes:
    return from_text(settings or "{}", MailWishes)


def filters_of(connection: Connection, destination: int) -> list[Filter]:
    return [parse_stored(one.filter) for one in list_subscriptions(connection, destination)]


def reader_salt(connection: Connection, keys: MailKeys, destination: int) -> str:
    """The salt of a reader's token, made at first use; the token's hash is made anew where the key was replaced."""
    known = mail.load_salt(connection, destination)
    salt, stored = known or (new_salt(), "")
    token_hash = hash_token(keys.token("unsubscribe", salt))
    if token_hash != stored:
        mail.save_salt(connection, destination, salt=salt, token_hash=token_hash)
    return salt


class MailFolder(Folder):
    """A `Folder` that makes digests where the destination is one of mail; every other kind is folded as before."""

    def __init__(self, composer: Composer, builder: DigestBuilder, keys: MailKeys, *, waited: bool = False) -> None:
        super().__init__(composer, waited=waited)
        self._builder = builder
        self._keys = keys
        self._at_once = waited

    def fold(self, connection: Connection, destination: int, first: Pending, *, now: datetime, cards: bool) -> bool:
        """Makes the mail that `first` goes out with; False when it has to wait."""
        standing = wishes.load_destination(connection, destination)
        if standing.kind != "mail":
            return super().fold(connection, destination, first, now=now, cards=cards)
        wanted = read_wishes(standing.settings)
        if first.urgent and wanted.urgent:
            return self._send(
                connection, standing, _waiting(connection, first, destination, urgent_only=True), now, "urgent"
            )
        if wanted.digest == "off":
            return self._fold_news(connection, standing, wanted, first, now)
        return self._fold_digest(connection, standing, wanted, first, now)

    def _fold_news(
        self, connection: Connection, standing: Standing, wanted: MailWishes, first: Pending, now: datetime
    ) -> bool:
        """Without a digest: what is known, as soon as it has gathered."""
        opening = timing.opens_at(
            wanted.timing, now, oldest=first.created_at, sounded_at=standing.sounded_at, waited=self._at_once
        )
        if opening is not None:
            ledger.recall(connection, standing.id, now=now)
            mail.defer_all(connection, standing.id, until=min(opening, now + ledger.LOOK_AGAIN))
            return False
        return self._send(connection, standing, _waiting(connection, first, standing.id), now, "news")

    def _fold_digest(
        self, connection: Connection, standing: Standing, wanted: MailWishes, first: Pending, now: datetime
    ) -> bool:
        """One digest a period, whatever the clock does: the period is kept in the transaction that makes it."""
        rows = _waiting(connection, first, standing.id)
        period = current_period(wanted, now)
        made = mail.was_made(connection, standing.id, period.key)
        opening = opens_for(wanted, now, oldest=min(one.created_at for one in rows), made=made)
        if opening is not None:
            ledger.recall(connection, standing.id, now=now)
            mail.defer_all(connection, standing.id, until=min(opening, now + ledger.LOOK_AGAIN))
            return False
        mail.note_made(connection, standing.id, period.key, at=now)
        repeated = ledger.unconfirmed(connection, standing.id)  # nobody knows whether it arrived: it is told once more
        return self._send(connection, standing, [*repeated, *rows], now, wanted.digest, period.key)

    def _send(
        self,
        connection: Connection,
        standing: Standing,
        rows: Sequence[Pending],
        now: datetime,
        kind: str,
        period: str = "",
    ) -> bool:
        """Freezes one mail over the rows; those beyond what one message can carry are counted in it."""
        carried, counted = mail.fits_one_message(rows)
        changes = load_changes(connection, [one.change_seq or 0 for one in carried])
        digest = self._builder.build(
            connection,
            filters=filters_of(connection, standing.id),
            changes=changes,
            kind=kind,
            period=period,
            more=len(counted),
        )
        ledger.attach(
            connection, standing.id, carried, now=now, content=self.content(connection, standing.id, digest, now)
        )
        ledger.settle(connection, counted, now=now, answer="digest")
        return True

    def content(self, connection: Connection, destination: int, digest: Digest, now: datetime) -> str:
        """The frozen mail of a digest for one reader."""
        salt = reader_salt(connection, self._keys, destination)
        return freeze_letter(digest_letter(digest, at=now.astimezone(UTC), salt=salt))


def _waiting(
    connection: Connection, first: Pending, destination: int, *, urgent_only: bool = False
) -> Sequence[Pending]:
    """All that waits with the first, which is at least that one."""
    return mail.waiting(connection, destination, urgent_only=urgent_only) or [first]


class KeptHealth:
    """The health of the sources, looked at once a minute: readers of one digest share one look."""

    def __init__(self, app: App, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._health = Health(good=0, total=0)
        self._until = 0.0

    def __call__(self) -> Health:
        if self._clock() >= self._until:
            self._health = health_of(self._app)
            self._until = self._clock() + _HEALTH_SECONDS
        return self._health


def make_folder(app: App, composer: Composer, *, waited: bool = False) -> Folder:
    """The folder that knows mail where mail is on. Raises KeyFileError."""
    if not app.config.text("mail", "host"):
        return Folder(composer, waited=waited)
    builder = DigestBuilder(composer, health=KeptHealth(app))
    return MailFolder(composer, builder, load_keys(app.config.data_dir), waited=waited)
