"""Connections to the operator's MTA, each one used for many mails."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.channels.base import ChannelError, NotSent, Stopped, Unknown
from bot.channels.mail.errors import judge

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
    smtp: SMTP
    mails: int
    used_at: float


class Connections:
    """One event loop only; as many at once as there are sends at once."""

    def __init__(self, mta: Mta) -> None:
        self._mta = mta
        self._idle: list[_Kept] = []
        self.opened = 0

    async def send(self, envelope: Envelope) -> None:
        """Hands one mail over. Raises ChannelError."""
        from aiosmtplib import SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

        kept = await self._begin(envelope)
        stage, usable = "RCPT", False
        try:
            await kept.smtp.rcpt(envelope.recipient)
            stage = "DATA"
            await kept.smtp.data(envelope.content)
            usable = True
        except SMTPResponseException as error:
            usable = error.code != 421 and await _reset(kept.smtp)
            raise judge(stage, error.code, error.message) from None
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            raise _cut(stage, error) from None
        finally:
            self._give_back(kept, usable=usable)

    async def close(self) -> None:
        for kept in self._idle:
            kept.smtp.close()
        self._idle.clear()

    async def _begin(self, envelope: Envelope) -> _Kept:
        """A connection on which the mail is begun; one that died while it was idle is opened anew."""
        from aiosmtplib import SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

        while True:
            idle = self._take_idle()
            kept = idle or _Kept(await self._open(), 0, time.monotonic())
            usable = False
            try:
                await kept.smtp.mail(envelope.sender)
                usable = True
                return kept
            except SMTPResponseException as error:
                if error.code != 421 or idle is None:
                    raise judge("MAIL", error.code, error.message) from None
            except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
                if idle is None:
                    raise _cut("MAIL", error) from None
            finally:
                if not usable:
                    kept.smtp.close()

    def _take_idle(self) -> _Kept | None:
        while self._idle:
            kept = self._idle.pop()
            if time.monotonic() - kept.used_at < _IDLE_SECONDS and kept.smtp.is_connected:
                return kept
            kept.smtp.close()
        return None

    def _give_back(self, kept: _Kept, *, usable: bool) -> None:
        kept.mails += 1
        kept.used_at = time.monotonic()
        if usable and kept.mails < MAILS_PER_CONNECTION:
            self._idle.append(kept)
        else:
            kept.smtp.close()

    async def _open(self) -> SMTP:
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
        return smtp

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


def _cut(stage: str, error: Exception) -> ChannelError:
    """In DATA the mail may have been taken before the connection was cut; at the stages before, it never was."""
    text = f"{stage}: connection cut ({type(error).__name__})"
    return Unknown(text) if stage == "DATA" else NotSent(text)


async def _reset(smtp: SMTP) -> bool:
    """Whether the connection can be used for the next mail."""
    from aiosmtplib import SMTPException

    try:
        await smtp.rset()
    except (SMTPException, OSError):
        return False
    return True
