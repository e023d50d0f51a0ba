"""A process that sends one message to a room and is killed before it could say so: URL USER FOLDER ROOM MESSAGE."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from bot.channels.matrix import Homeserver, MatrixChannel
from bot.channels.matrix.encryption import Encryption
from bot.messages.model import freeze, make_message
from tests.bot.channels.matrix.sending import at


async def send_and_die(url: str, user: str, folder: str, room: str, message: str) -> None:
    server = Homeserver(url, user, os.environ["PATCHWATCH_MATRIX_TOKEN"])
    channel = MatrixChannel(server, encryption=Encryption(server, Path(folder)))
    await channel.send(at(room), message, freeze(make_message(message, [])))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(send_and_die(*sys.argv[1:]))
