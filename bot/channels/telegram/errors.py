"""What went wrong at the Bot API, as the four kinds that the ledger knows (TRUST section 3, rows 31 to 40).

A destination is given up on an exact text only: an unknown 400 or 403 never disables anyone.
"""

from __future__ import annotations

from bot.channels.base import ChannelError, Gone, Moved, NotSent, Permanent, Refused, Stopped, Unknown
from bot.redact import redact_text

MAX_WAIT_SECONDS = 3600.0
PUZZLING_TRIES = 8  # how often a refusal that we do not know is tried again
_GONE_FOR_GOOD = frozenset(
    {
        "bad request: chat not found",
        "bad request: group chat was deactivated",
        "bad request: message thread not found",
        "bad request: topic_deleted",
        "bad request: user not found",
        "forbidden: bot can't initiate conversation with a user",
        "forbidden: bot can't send messages to bots",
        "forbidden: bot is not a member of the channel chat",
        "forbidden: bot is not a member of the group chat",
        "forbidden: bot is not a member of the supergroup chat",
        "forbidden: bot was blocked by the user",
        "forbidden: bot was kicked from the channel chat",
        "forbidden: bot was kicked from the group chat",
        "forbidden: bot was kicked from the supergroup chat",
        "forbidden: the group chat was deleted",
        "forbidden: user is deactivated",
    }
)
_NOT_THERE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "message to be replied not found",
)
_BAD_MESSAGE = ("message is too long", "message text is empty", "text must be non-empty", "text must be encoded")


class BadEntities(ChannelError):
    """The far end cannot read the message's marks; as plain text it may go."""


class Unchanged(ChannelError):
    """The edit would change nothing: all is well."""


def classify(error: Exception, token: str) -> ChannelError:
    """The channel's error for one of aiogram's; the token and what the far end sent stay out of its text."""
    from aiogram import exceptions as api

    text = redact_text(str(getattr(error, "message", "") or "").replace(token, "[token]"))[:300]
    match error:
        case api.TelegramRetryAfter():
            return NotSent("too many requests", retry_after=float(error.retry_after))
        case api.TelegramMigrateToChat():
            return Moved("the group became a supergroup", address=str(error.migrate_to_chat_id))
        case api.TelegramUnauthorizedError() | api.TelegramNotFound():
            return Stopped("Telegram does not know the bot token; it was revoked or is wrong")
        case api.TelegramConflictError():
            return Stopped("another program uses the same bot token")
        case api.TelegramForbiddenError() | api.TelegramBadRequest():
            return _refusal(text)
        case api.TelegramEntityTooLarge():
            return Permanent("the message is too large")
        case api.TelegramServerError():
            return NotSent("Telegram answers that it cannot serve now", outage=True)
        case api.TelegramNetworkError():
            return _network(error)
        case api.TelegramAPIError():
            return NotSent(f"Telegram answers: {text}")
    return Unknown("the answer is none of the Bot API")


def _refusal(text: str) -> ChannelError:
    lowered = text.lower().strip()
    if lowered in _GONE_FOR_GOOD:
        return Refused(text)
    if "can't parse entities" in lowered:
        return BadEntities(text)
    if "message is not modified" in lowered:
        return Unchanged(text)
    if any(one in lowered for one in _NOT_THERE):
        return Gone(text)
    if any(one in lowered for one in _BAD_MESSAGE):
        return Permanent(text)
    return NotSent(f"Telegram answers: {text}", tries=PUZZLING_TRIES)


def _network(error: Exception) -> ChannelError:
    """Without a connection nothing left; after that the outcome is open."""
    import aiohttp

    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        return NotSent(f"no connection: {type(cause).__name__}", outage=True)
    return Unknown(f"no answer: {type(cause).__name__ if cause else 'closed'}")
