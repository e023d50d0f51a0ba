"""The Matrix channel and its listening, as the configuration describes them."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.channels.matrix.channel import MatrixChannel
from bot.channels.matrix.encryption import Encryption
from bot.channels.matrix.homeserver import Homeserver
from bot.channels.matrix.invites import Policy
from bot.channels.matrix.keystore import EXTRA, FOLDER, is_installed
from bot.channels.matrix.rooms import RoomStore
from bot.channels.matrix.updates import Conversation
from bot.config import Config
from bot.messages.conversation import Answer, Request
from storage.store import Store

log = structlog.get_logger("patchwatch")


def open_matrix(config: Config, *, note: Callable[[str], None]) -> MatrixChannel | None:
    """None without a homeserver or a token, which the log says. Raises ConfigError."""
    address, token = config.text("matrix", "homeserver"), config.secret("matrix", "token")
    if not address or not token:
        log.info("matrix is off: no homeserver or no token is configured")
        return None
    server = Homeserver(address, config.text("matrix", "user"), token)
    missing = why_plain(config)
    if missing:
        log.info("matrix serves no encrypted room", reason=missing)
    encryption = missing or Encryption(server, config.data_dir / FOLDER)
    return MatrixChannel(server, note=note, encryption=encryption)


def why_plain(config: Config) -> str:
    """Why encrypted rooms are not served, "" when they are."""
    if not config.flag("matrix", "encryption"):
        return "[matrix] encryption is off"
    return "" if is_installed() else f"the libraries for it are missing; install {EXTRA}"


def converse_on_matrix(
    channel: MatrixChannel,
    store: Store,
    config: Config,
    *,
    answer: Callable[[Request], Answer | None],
    changes: Callable[[str], bool],
) -> Conversation:
    policy = Policy(
        admins=frozenset(config.words("matrix", "admins")),
        servers=frozenset(one.lower() for one in config.words("matrix", "allowed_servers")),
    )
    return Conversation(channel, RoomStore(store), policy, answer=answer, changes=changes)
