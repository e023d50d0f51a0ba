"""An MTA in a process of its own that takes every mail and keeps none: as fast as one can be in this language, so that
the senders are what is measured. It offers PIPELINING, as Postfix does.

python -m scripts.benches.smtp_sink        prints its port; a line on its input is answered by how many mails have come
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

_END = b"\r\n.\r\n"
_GREETING = b"220 sink.example ESMTP\r\n"
_ANSWERS = {
    b"EHLO": b"250-sink.example\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Session(asyncio.Protocol):
    """One connection. taken: mails of all of them."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.buffer = b""
        self.in_mail = False
        self.transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = []
        while (answer := self._next()) is not None:
            answers.append(answer)
        if answers:
            self.transport.write(b"".join(answers))

    def _next(self) -> bytes | None:
        """The answer to what has come whole; None for nothing."""
        mark = _END if self.in_mail else b"\r\n"
        line, found, rest = self.buffer.partition(mark)
        if not found:
            return None
        self.buffer = rest
        if self.in_mail:
            self.in_mail = False
            Session.taken += 1
            return b"250 2.0.0 queued\r\n"
        verb = line[:4].upper()
        self.in_mail = verb == b"DATA"
        return _ANSWERS.get(verb, b"250 2.1.0 OK\r\n")


class Sink:
    """The running process. `port` on loopback."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._in, self._out = _pipes(process)
        self.port = int(self._out.readline())

    def taken(self) -> int:
        """How many mails have come so far."""
        self._in.write("\n")
        self._in.flush()
        return int(self._out.readline())


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the sink has no pipes")
    return process.stdin, process.stdout


@contextmanager
def sinking() -> Iterator[Sink]:
    command = [sys.executable, "-m", "scripts.benches.smtp_sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Sink(process)
        finally:
            process.terminate()


def _count() -> None:
    for _ in sys.stdin:
        print(Session.taken, flush=True)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=_count, daemon=True).start()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
