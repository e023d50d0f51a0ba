"""Sending and editing over the Bot API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from bot.channels.base import NotSent, Permanent, Stopped, Unknown
from bot.channels.telegram.errors import MAX_WAIT_SECONDS, BadEntities, Unchanged, classify
from bot.channels.telegram.pace import Pace
from bot.channels.telegram.parts import NoProgress, Progress
from bot.channels.telegram.text import Entity, Part, render
from bot.messages.model import thaw
from storage.delivery import DueDestination

if TYPE_CHECKING:
    from aiogram import Bot
    from aiogram.methods import TelegramMethod
    from aiogram.types import MessageEntity

log = structlog.get_logger("patchwatch")

TIMEOUT_SECONDS = 30.0
_FLOOD_CHATS = 3  # as many chats asked to wait within the span below: it is the bot that is too fast, not a chat
_FLOOD_SECONDS = 5.0
_MAX_HOLD_SECONDS = 30.0  # with the send itself well within a lease


class TelegramChannel:
    """note: takes a line for the operator. progress: remembers the parts of long messages. The client is made on first
    use, within the loop that uses it."""

    kind = "telegram"
    keyed = False
    folds = True

    def __init__(
        self,
        token: str,
        *,
        api_base: str,
        pace: Pace | None = None,
        note: Callable[[str], None] = lambda line: None,
        progress: Progress | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._token = token
        self._api_base = api_base
        self._pace = pace or Pace()
        self._note = note
        self._timeout = timeout
        self._bot: Bot | None = None
        self._introduced = False
        self._unknowns = 0  # answers in a row that said nothing
        self._asked_to_wait: dict[str, float] = {}
        self._progress = progress or NoProgress()
        self._noted: set[str] = set()

    def wait_seconds(self, destination: DueDestination) -> float:
        return self._pace.wait_seconds(destination.address)

    async def ready(self, destination: DueDestination) -> None:
        """The first time it also loads the client and asks who we are: the first send is as quick as the others then,
        and a wrong token costs no message. Raises ChannelError."""
        if not self._introduced:
            from aiogram.methods import GetMe

            await self.call(GetMe())
            self._introduced = True
        await self._pace.turn(destination.address)

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        """The id of the first part. A message in several parts goes on after the last one that is known to have
        arrived. Raises ChannelError, and StorageError where that cannot be kept."""
        shown = thaw(content)
        parts = render(shown)
        done = await asyncio.to_thread(self._progress.load, message) if len(parts) > 1 else []
        for number, part in enumerate(parts[len(done) :], start=len(done)):
            if number:
                await self._pace.turn(destination.address)
            silent, reply_to = shown.silent or number > 0, None if number else shown.reply_to
            done.append(await self.send_part(destination, part, silent=silent, reply_to=reply_to))
            if number < len(parts) - 1:
                await asyncio.to_thread(self._progress.save, message, done)
        return done[0] if done else None

    async def send_part(
        self,
        destination: DueDestination,
        part: Part,
        *,
        silent: bool = False,
        reply_to: str | None = None,
        keyboard: Any = None,  # Any: aiogram's InlineKeyboardMarkup, which is not imported at start-up
    ) -> str:
        """One message of Telegram's; as plain text when its marks are refused. Raises ChannelError."""
        from aiogram.methods import SendMessage
        from aiogram.types import LinkPreviewOptions, ReplyParameters

        def method(entities: Sequence[Entity]) -> SendMessage:
            answered = int(reply_to) if reply_to and reply_to.isascii() and reply_to.isdigit() else None
            return SendMessage(
                chat_id=chat_id(destination.address),
                message_thread_id=thread_id(destination.thread),
                text=part.text,
                entities=api_entities(entities) or None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                disable_notification=silent or None,
                reply_parameters=None
                if answered is None
                else ReplyParameters(message_id=answered, allow_sending_without_reply=True),
                reply_markup=keyboard,
            )

        try:
            sent = await self.call(method(part.entities), destination)
        except BadEntities:
            self._tell_once("Telegram refused the marks of a message; it went as plain text")
            sent = await self.call(method(()), destination)
        return str(sent.message_id)

    async def edit(self, destination: DueDestination, remote_id: str, content: str) -> None:
        from aiogram.methods import EditMessageText
        from aiogram.types import LinkPreviewOptions

        part = render(thaw(content))[0]
        method = EditMessageText(
            chat_id=chat_id(destination.address),
            message_id=int(remote_id),
            text=part.text,
            entities=api_entities(part.entities) or None,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
        try:
            await self.call(method, destination)
        except Unchanged:
            return

    async def send_file(self, destination: DueDestination, name: str, content: str) -> None:
        """A small text file. Raises ChannelError."""
        from aiogram.methods import SendDocument
        from aiogram.types import BufferedInputFile

        document = BufferedInputFile(content.encode("utf-8", "replace"), filename=name)
        method = SendDocument(
            chat_id=chat_id(destination.address), message_thread_id=thread_id(destination.thread), document=document
        )
        await self.call(method, destination)

    async def call(
        self, method: TelegramMethod[Any], destination: DueDestination | None = None, *, seconds: float = 0.0
    ) -> Any:
        """One call of the Bot API, within so many seconds. Raises ChannelError. Any: what the method returns."""
        from aiogram.exceptions import AiogramError

        try:
            answer = await self.bot()(method, request_timeout=int(seconds or self._timeout))
        except (AiogramError, ValueError, TypeError) as error:
            failure = classify(error, self._token)
        else:
            self._unknowns = 0
            return answer
        finally:
            if destination is not None:
                self._pace.landed(destination.address)
        if isinstance(failure, Unknown) and destination is not None:
            self._unknowns += 1
            if self._unknowns >= _FLOOD_CHATS:  # the far end is ill: nobody's one retry is spent on it
                self._pace.hold(_MAX_HOLD_SECONDS)
        if isinstance(failure, NotSent) and failure.retry_after > 0 and destination is not None:
            self._note_wait(destination, failure.retry_after)
        raise failure

    def bot(self) -> Bot:
        """aiogram's client. Raises Stopped for a token that cannot be one."""
        if self._bot is None:
            from aiogram import Bot
            from aiogram.client.telegram import TelegramAPIServer
            from aiogram.utils.token import TokenValidationError

            from bot.channels.telegram.raw import PromptSession

            session = PromptSession(api=TelegramAPIServer.from_base(self._api_base), timeout=self._timeout)
            try:
                self._bot = Bot(self._token, session=session)
            except TokenValidationError:
                raise Stopped("the configured token is none: it looks like 123456789:AA…") from None
        return self._bot

    async def close(self) -> None:
        if self._bot is not None:
            await self._bot.session.close()
            self._bot = None

    def _note_wait(self, destination: DueDestination, seconds: float) -> None:
        """Several chats at once mean the bot; a wait of many hours is told to the operator."""
        now = time.monotonic()
        recent = {one: at for one, at in self._asked_to_wait.items() if at > now - _FLOOD_SECONDS}
        recent[destination.address] = now
        self._asked_to_wait = recent
        if len(recent) >= _FLOOD_CHATS:
            self._pace.hold(min(seconds, _MAX_HOLD_SECONDS))
        if seconds > MAX_WAIT_SECONDS:
            self._tell_once(f"Telegram asks destination {destination.id} to wait {seconds:.0f} s; tried every hour")

    def _tell_once(self, line: str) -> None:
        if line not in self._noted:
            self._noted.add(line)
            log.warning("telegram", reason=line)
            self._note(line)


def chat_id(address: str) -> int | str:
    """A number, or @name of a public channel. Raises Permanent for what is neither."""
    digits = address.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        return int(address)
    if address.startswith("@"):
        return address
    raise Permanent("a Telegram destination is telegram:<number>[/<thread>]")


def thread_id(thread: str) -> int | None:
    """The forum topic; the General topic (1) has none of its own."""
    return int(thread) if thread.isascii() and thread.isdigit() and thread != "1" else None


def api_entities(entities: Sequence[Entity]) -> list[MessageEntity]:
    from aiogram.types import MessageEntity

    return [MessageEntity(type=one.type, offset=one.offset, length=one.length, url=one.url) for one in entities]
