"""One service through the library Apprise.

Each `[apprise.NAME]` is one Apprise URL of the operator's; it is a secret and stands in no log and no error.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from bot.channels.apprise.outcome import judge, listening, silence
from bot.channels.base import ChannelError, NotSent, Refused, Unknown
from bot.config import AppriseService, Config
from bot.messages.model import Line, Message, thaw
from bot.messages.safe import WORD_JOINER, defuse
from storage.delivery import DueDestination

if TYPE_CHECKING:
    from apprise import Apprise

log = structlog.get_logger("patchwatch")

EXTRA = "patchwatch[apprise]"
ANSWER_SECONDS = 50.0  # below the minute that the delivery loop gives a send
_BUSY_SECONDS = 60.0
_UNREADABLE = "url_file holds no address that Apprise knows"


def open_apprise(config: Config, *, note: Callable[[str], None]) -> AppriseChannel | None:
    """None without a configured service or without the library, which the log says."""
    if not config.apprise:
        log.info("apprise is off: no [apprise.NAME] is configured")
        return None
    if not is_installed():
        log.warning("apprise is off: its library is missing", install=EXTRA)
        return None
    return AppriseChannel(config.apprise, note=note)


def is_installed() -> bool:
    return find_spec("apprise") is not None


def find_problem(services: Sequence[AppriseService]) -> str | None:
    """What keeps the configured services from being used, for `doctor`; sends nothing."""
    if not is_installed():
        return f"its library is missing; install {EXTRA}"
    unknown = [f"[apprise.{one.name}]" for one in services if _connect(one.url) is None]
    return f"{', '.join(unknown)} {_UNREADABLE}" if unknown else None


class _Unreadable(ChannelError):
    """The address is none that Apprise knows."""


_Outcome = ChannelError | None  # None: it was accepted


@dataclass(slots=True)
class _Way:
    """One service: its client once it was made, and the send that is on its way."""

    url: str
    client: Apprise | None = None
    sending: Future[_Outcome] | None = None


class AppriseChannel:
    """`answer_seconds`: how long Apprise may take over one message. `note`: told once of an address that is none."""

    kind = "apprise"
    keyed = False
    folds = True

    def __init__(
        self,
        services: Sequence[AppriseService],
        *,
        note: Callable[[str], None] = lambda line: None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._ways = {one.name: _Way(url=one.url) for one in services}
        self._note = note
        self._answer_seconds = answer_seconds
        self._noted: set[str] = set()

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        """Hands the message to Apprise, as plain text and without attachments. Raises ChannelError."""
        name = destination.address
        way = self._ways.get(name)
        if way is None:
            raise Refused(f"[apprise.{name}] is no longer configured")
        if way.sending is not None and not way.sending.done():
            raise NotSent("the message before is still on its way", retry_after=_BUSY_SECONDS)
        way.sending = _start(way, thaw(content))
        try:
            async with asyncio.timeout(self._answer_seconds):
                error = await asyncio.wrap_future(way.sending)
        except TimeoutError:
            raise Unknown(f"no answer within {self._answer_seconds:g} s") from None
        if isinstance(error, _Unreadable):
            await self._tell(name)
            raise NotSent(f"[apprise.{name}] {_UNREADABLE}")
        if error is not None:
            raise error
        return None

    async def _tell(self, name: str) -> None:
        if name not in self._noted:
            self._noted.add(name)
            await asyncio.to_thread(self._note, f"[apprise.{name}] {_UNREADABLE}; its messages are kept")


def _start(way: _Way, message: Message) -> Future[_Outcome]:
    """Sends in a thread of its own, which ends with the process: one that hangs holds nothing up, not even the exit."""
    future: Future[_Outcome] = Future()
    future.set_running_or_notify_cancel()  # from here on nothing cancels it: it tells when the thread is done
    threading.Thread(target=_work, args=(way, message, future), name="apprise", daemon=True).start()
    return future


def _work(way: _Way, message: Message, future: Future[_Outcome]) -> None:
    outcome: _Outcome = Unknown("Apprise has failed by itself")
    try:
        way.client = way.client or _connect(way.url)
        outcome = _Unreadable(_UNREADABLE) if way.client is None else _notify(way.client, message)
    finally:
        future.set_result(outcome)


def _notify(client: Apprise, message: Message) -> _Outcome:
    from apprise import NotifyFormat

    body = "\n".join(_readable(line) for line in message.lines)
    title = _safe(message.title)
    if not body:
        title, body = "", title
    with listening() as lines:
        accepted = bool(client.notify(body=body, title=title, body_format=NotifyFormat.TEXT))
    return None if accepted else judge(lines)


def _connect(url: str) -> Apprise | None:
    """A client of the one address; None where Apprise does not know such a one."""
    from apprise import Apprise, AppriseAsset, OverflowMode

    silence()
    asset = AppriseAsset(
        app_id="patchwatch",
        app_desc="patchwatch",
        async_mode=False,  # in our own thread; its pool's threads would hold up the exit
        service_timeout=0,  # for the same reason; the channel has a deadline of its own
        http_redirects=False,
        image_url_mask="",
        image_path_mask="",
        interpret_emojis=False,
        storage_mode="memory",
    )
    try:
        service = Apprise.instantiate(url, asset=asset)
    except (ArithmeticError, AttributeError, ImportError, LookupError, OSError, TypeError, ValueError):
        return None
    if service is None:
        return None
    if "overflow=" not in url.lower():
        service.overflow_mode = OverflowMode.SPLIT  # what is too long for the service comes in parts
    client = Apprise(asset=asset)
    client.add(service)
    return client


def _readable(line: Line) -> str:
    """The line as plain text, with the address of our own page after it."""
    text = _safe("".join(span.text for span in line))
    return " ".join([text, *dict.fromkeys(span.href for span in line if span.href)])


def _safe(text: str) -> str:
    """Nothing live: mentions and links are broken, also Slack's `<!channel>`."""
    return defuse(text).replace("<!", f"<{WORD_JOINER}!")
