"""Matrix: the client-server API by matrix-nio, which is imported only when something is sent or read."""

from __future__ import annotations

from bot.channels.matrix.channel import MatrixChannel
from bot.channels.matrix.homeserver import Homeserver
from bot.channels.matrix.opening import converse_on_matrix, open_matrix
from bot.channels.matrix.pace import Pace
from bot.channels.matrix.rooms import RoomStore
from bot.channels.matrix.updates import Conversation

__all__ = ["Conversation", "Homeserver", "MatrixChannel", "Pace", "RoomStore", "converse_on_matrix", "open_matrix"]
