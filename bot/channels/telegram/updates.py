"""Listening on Telegram by long polling: who may change what, and the answers (Bot API "Getting updates")."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from bot.channels.base import ChannelError, Stopped, finishes, rest
from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.text import render
from bot.messages.conversation import Answer, Request
from bot.messages.model import Message, plain_text
from storage.delivery import DueDestination
from storage.errors import StorageError

if TYPE_CHECKING:
    from aiogram.types import CallbackQuery, Chat, ChatMemberUpdated, InlineQuery, Update
    from aiogram.types import Message as ApiMessage

log = structlog.get_logger("patchwatch")

POLL_SECONDS = 25
_WAIT_SECONDS = 5.0
_CONFLICTS = 3  # a poll of ours that was cut may still be open at the far end
_REMEMBERED = 2000
_MAX_INLINE_CHARS = 256
KINDS = ["message", "channel_post", "callback_query", "inline_query", "my_chat_member"]


class Conversation:
    """answer: what to say to a request (None: nothing). changes: whether a text needs an administrator. card: the card
    that an inline query asks for. lost: the bot was removed from a chat. load, save: the last update's number. menu:
    words and what they do, for the list that clients show."""

    def __init__(
        self,
        channel: TelegramChannel,
        *,
        answer: Callable[[Request], Answer | None],
        changes: Callable[[str], bool],
        card: Callable[[str], tuple[str, Message] | None],
        lost: Callable[[str, str], None],
        load: Callable[[], int],
        save: Callable[[int], None],
        note: Callable[[str], None] = lambda line: None,
        menu: Sequence[tuple[str, str]] = (),
        poll_seconds: int = POLL_SECONDS,
    ) -> None:
        self._channel = channel
        self._answer = answer
        self._changes = changes
        self._card = card
        self._lost = lost
        self._load = load
        self._save = save
        self._note = note
        self._menu = menu
        self._poll_seconds = poll_seconds
        self._seen: dict[int, None] = {}
        self._name = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Polls until `stop`, or until the token is refused or used elsewhere; the operator is told then."""
        conflicts = 0
        await self._prepare()
        while not stop.is_set():
            try:
                if not await finishes(self.step(), stop):
                    return
                conflicts = 0
            except Stopped as error:
                conflicts += 1
                if "another" not in str(error) or conflicts >= _CONFLICTS:
                    log.error("telegram does not listen any more", reason=str(error))
                    await self.give_up(str(error))
                    return
                await rest(stop, _WAIT_SECONDS)
            except ChannelError as error:
                log.warning("telegram was not heard", reason=str(error))
                await rest(stop, max(_WAIT_SECONDS, min(error.retry_after, 300.0)))
            except StorageError as error:
                log.error("telegram: listening waits", reason=str(error))
                await rest(stop, _WAIT_SECONDS)

    async def give_up(self, why: str) -> None:
        """Tells the operator that nobody listens."""
        await asyncio.to_thread(self._note, f"Telegram: no chat word is answered any more: {why}")

    async def _prepare(self) -> None:
        """A webhook that was set before would get the updates; without the menu we listen all the same."""
        from aiogram.methods import DeleteWebhook

        try:
            await self._channel.call(DeleteWebhook())
            await self.show_menu()
        except ChannelError as error:
            log.warning("telegram shows no menu", reason=str(error))

    async def show_menu(self) -> None:
        """The list of words that clients show. Raises ChannelError."""
        from aiogram.methods import SetMyCommands
        from aiogram.types import BotCommand

        if self._menu:
            commands = [BotCommand(command=word, description=says[:256]) for word, says in self._menu]
            await self._channel.call(SetMyCommands(commands=commands))

    async def step(self) -> int:
        """One long poll and its answers; returns how many updates were new. Raises ChannelError."""
        from bot.channels.telegram.raw import RawUpdates

        last = await asyncio.to_thread(self._load)
        method = RawUpdates(
            offset=last + 1 if last else None, timeout=self._poll_seconds, allowed_updates=KINDS, limit=100
        )
        raws: list[dict[str, Any]] = await self._channel.call(method, seconds=self._poll_seconds + 10)
        numbers = [number for one in raws if isinstance(number := one.get("update_id"), int)]
        new = await self.hear(raws)
        if numbers:
            await asyncio.to_thread(self._save, max(numbers))
        return new

    async def hear(self, raws: Sequence[dict[str, Any]]) -> int:
        """Answers updates as the Bot API has them, each one once; returns how many were new. Raises StorageError: what
        was not answered then is new when it comes again."""
        from bot.channels.telegram.raw import read_update

        updates = [read for one in raws if (read := read_update(one)) is not None]
        if len(updates) < len(raws):
            log.warning("telegram: updates that cannot be read are left out", count=len(raws) - len(updates))
        fresh = [one for one in updates if one.update_id not in self._seen]
        chats: dict[object, list[Update]] = {}
        for one in fresh:
            self._seen[one.update_id] = None
            chats.setdefault(_chat_of(one), []).append(one)
        await asyncio.gather(*(self._take_all(each) for each in chats.values()))
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return len(fresh)

    async def _take_all(self, updates: list[Update]) -> None:
        """The updates of one chat, in order; what fails is said in the log and holds nobody up."""
        for one in updates:
            try:
                await self._take(one)
            except ChannelError as error:
                log.warning("telegram: no answer given", reason=str(error))
            except StorageError:
                for left in updates[updates.index(one) :]:
                    self._seen.pop(left.update_id, None)
                raise

    async def _take(self, update: Update) -> None:
        if update.message is not None:
            await self._take_message(update.message)
        elif update.channel_post is not None:
            await self._take_message(update.channel_post)
        elif update.callback_query is not None:
            await self._take_press(update.callback_query)
        elif update.inline_query is not None:
            await self._take_inline(update.inline_query)
        elif update.my_chat_member is not None:
            await self._take_membership(update.my_chat_member)

    async def _take_message(self, message: ApiMessage) -> None:
        text = message.text or ""
        group = message.chat.type != "private"
        if not _is_for_us(message) or (group and not text.startswith("/")):
            return
        words = await self._addressed(text)
        if words is None:
            return
        may_change = not group or not self._changes(words) or await self._is_admin(message)
        thread = message.message_thread_id if message.is_topic_message else None
        await self._reply(message.chat, thread, words, may_change=may_change, pressed=False)

    async def _addressed(self, text: str) -> str | None:
        """The words without "/" and "@our_name"; None when they are for another bot."""
        words = text.removeprefix("/")
        first, _, rest = words.partition(" ")
        name, at, whom = first.partition("@")
        if text.startswith("/") and at:
            if not self._name:
                from aiogram.methods import GetMe

                self._name = str((await self._channel.call(GetMe())).username or "").lower()
            if whom.lower() != self._name:
                return None
            return f"{name} {rest}".strip()
        return words

    async def _is_admin(self, message: ApiMessage) -> bool:
        if message.chat.type == "channel" or _is_anonymous_admin(message):
            return True
        if message.sender_chat is not None or message.from_user is None:
            return False
        return await self._has_rights(message.chat.id, message.from_user.id)

    async def _has_rights(self, chat: int, user: int) -> bool:
        from bot.channels.telegram.raw import RawChatMember

        member: dict[str, Any] = await self._channel.call(RawChatMember(chat_id=chat, user_id=user))
        return member.get("status") in ("creator", "administrator")

    async def _take_press(self, query: CallbackQuery) -> None:
        """A button was pressed: its words count for the chat that it stands in, whatever they say."""
        from aiogram.methods import AnswerCallbackQuery
        from aiogram.types import Message as PressedMessage

        message, words = query.message, query.data or ""
        if isinstance(message, PressedMessage) and words and len(words.encode()) <= 64:
            group = message.chat.type != "private"
            may_change = not group or await self._has_rights(message.chat.id, query.from_user.id)
            thread = message.message_thread_id if message.is_topic_message else None
            await self._reply(message.chat, thread, words, may_change=may_change, pressed=True)
        await self._channel.call(AnswerCallbackQuery(callback_query_id=query.id))

    async def _take_inline(self, query: InlineQuery) -> None:
        from aiogram.methods import AnswerInlineQuery
        from aiogram.types import InlineQueryResultArticle, InputTextMessageContent, LinkPreviewOptions

        from bot.channels.telegram.channel import api_entities

        found = await asyncio.to_thread(self._card, query.query.strip()[:_MAX_INLINE_CHARS])
        results: list[Any] = []
        if found is not None:
            part = render(found[1])[0]
            content = InputTextMessageContent(
                message_text=part.text,
                entities=api_entities(part.entities),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
            title = plain_text(found[1]).split("\n")[1][:100]
            results.append(InlineQueryResultArticle(id=found[0], title=title, input_message_content=content))
        await self._channel.call(AnswerInlineQuery(inline_query_id=query.id, results=results, cache_time=60))

    async def _take_membership(self, change: ChatMemberUpdated) -> None:
        if change.new_chat_member.status in ("kicked", "left"):
            await asyncio.to_thread(self._lost, str(change.chat.id), change.new_chat_member.status)

    async def _reply(self, chat: Chat, thread: int | None, words: str, *, may_change: bool, pressed: bool) -> None:
        request = Request(
            kind="telegram",
            address=str(chat.id),
            thread=str(thread or ""),
            text=words,
            group=chat.type != "private",
            may_change=may_change,
            pressed=pressed,
        )
        answer = await asyncio.to_thread(self._answer, request)
        if answer is None:
            return
        where = DueDestination(id=0, kind="telegram", address=request.address, thread=request.thread)
        parts = render(answer.message)
        for number, part in enumerate(parts, start=1):
            await self._channel.ready(where)
            keyboard = _keyboard(answer) if number == len(parts) else None
            await self._channel.send_part(where, part, keyboard=keyboard)
        if answer.attachment:
            await self._channel.ready(where)
            await self._channel.send_file(where, "patchwatch.json", answer.attachment)


def _is_for_us(message: ApiMessage) -> bool:
    """Text of a person: forwarded words are somebody else's, and bots are not answered."""
    bot = message.from_user is not None and message.from_user.is_bot and not _is_anonymous_admin(message)
    return bool(message.text) and message.forward_origin is None and not bot


def _is_anonymous_admin(message: ApiMessage) -> bool:
    """An administrator who writes as the group itself."""
    return message.sender_chat is not None and message.sender_chat.id == message.chat.id


def _chat_of(update: Update) -> object:
    message = update.message or update.channel_post
    if message is not None:
        return message.chat.id
    if update.callback_query is not None and update.callback_query.message is not None:
        return update.callback_query.message.chat.id
    return f"update {update.update_id}"


def _keyboard(answer: Answer) -> Any:  # Any: aiogram's InlineKeyboardMarkup, which is not imported at start-up
    from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

    if not answer.buttons:
        return None
    rows = [[InlineKeyboardButton(text=one.label, callback_data=one.words) for one in row] for row in answer.buttons]
    return InlineKeyboardMarkup(inline_keyboard=rows)
