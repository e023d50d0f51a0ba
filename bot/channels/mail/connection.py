"""Connections to the operator's MTA, each one used for many mails."""

from __future__ import annotations

import ssl
import time
from asyncio import Transport
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from bot.channels.base import ChannelError, NotSent, Stopped
from bot.channels.mail.errors import judge
from bot.channels.mail.wire import Wire

if TYPE_CHECKING:
    from aiosmtplib import SMTP

TIMEOUT_SECONDS = 25.0
MAILS_PER_CONNECTION = 500
_IDLE_SECONDS = 20.0
_SUBMISSIONS = 465  # implicit TLS (RFC 8314)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mta:
    """hello: how we introduce ourselves. tls: what to check its certificate against, None for the system's store."""

    host: str
    port: int
    hello: str
    starttls: bool = True
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    sender: str
    recipient: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class _Kept:
    wire: Wire
    mails: int
    used_at: float


class Connections:
    """One event loop only; as many at once as there are sends at once."""

    def __init__(self, mta: Mta) -> None:
        self._mta = mta
        self._idle: list[_Kept] = []
        self.opened = 0

    async def send(self, envelope: Envelope) -> None:
        """Hands one mail over; a connection that died while it was idle is replaced. Raises ChannelError."""
        while True:
            idle = self._take_idle()
            kept = idle or _Kept(await self._open(), 0, time.monotonic())
            try:
                await kept.wire.send(envelope.sender, envelope.recipient, envelope.content)
                return
            except NotSent:
                if idle is None or not kept.wire.stale:
                    raise
            finally:
                self._give_back(kept)

    async def close(self) -> None:
        for kept in self._idle:
            kept.wire.close()
        self._idle.clear()

    def _take_idle(self) -> _Kept | None:
        while self._idle:
            kept = self._idle.pop()
            if kept.wire.usable and time.monotonic() - kept.used_at < _IDLE_SECONDS:
                return kept
            kept.wire.close()
        return None

    def _give_back(self, kept: _Kept) -> None:
        kept.mails += 1
        kept.used_at = time.monotonic()
        if kept.wire.usable and kept.mails < MAILS_PER_CONNECTION:
            self._idle.append(kept)
        else:
            kept.wire.close()

    async def _open(self) -> Wire:
        from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPResponseException

        mta = self._mta
        smtp = SMTP(
            hostname=mta.host,
            port=mta.port,
            username=mta.user or None,
            password=mta.password or None,
            local_hostname=mta.hello,
            timeout=TIMEOUT_SECONDS,
            use_tls=mta.port == _SUBMISSIONS,
            start_tls=mta.starttls and mta.port != _SUBMISSIONS,
            tls_context=mta.tls,
        )
        try:
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await _greet(smtp)
        except SMTPAuthenticationError as error:
            smtp.close()
            raise judge("login", error.code, error.message) from None
        except SMTPResponseException as error:
            smtp.close()
            raise judge("connect", error.code, error.message) from None
        except (SMTPException, OSError) as error:
            smtp.close()
            raise self._unreachable(error) from None
        self.opened += 1
        return Wire(cast(Transport, smtp.transport), pipelining=smtp.supports_extension("pipelining"))

    def _unreachable(self, error: Exception) -> ChannelError:
        where = f"{self._mta.host}:{self._mta.port}"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return Stopped(f"the certificate of {where} does not hold: {cause.verify_message}")
            cause = cause.__cause__ or cause.__context__
        if "not supported" in str(error):
            lacks, key = ("STARTTLS", "starttls") if "STARTTLS" in str(error) else ("a way to log in", "user")
            return Stopped(f"{where} lacks what is asked of it: {lacks} is not offered; see [mail] {key}")
        return NotSent(f"no connection to {where}: {type(error).__name__}")


async def _greet(smtp: SMTP) -> None:
    """EHLO, or HELO where that is all there is."""
    from aiosmtplib import SMTPHeloError

    try:
        await smtp.ehlo()
    except SMTPHeloError as error:
        if error.code == 421:
            raise
        await smtp.helo()
