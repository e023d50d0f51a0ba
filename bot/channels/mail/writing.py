"""From a frozen letter to the bytes of a mail (RFC 5322, 2369, 2919, 8058): ASCII throughout, no header of foreign
making."""

from __future__ import annotations

import binascii
import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from email.charset import SHORTEST, Charset
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from urllib.parse import urlsplit

from bot.channels.mail.connection import Envelope
from bot.digest.address import parse_address
from bot.digest.keys import MailKeys
from bot.messages.digest import NONE, Letter, digest_of
from bot.messages.digest_text import MailText
from storage.delivery import DueDestination

MAX_BODIES = 64
MAX_HEADER_CHARS = 900
_MAX_LOCAL_CHARS = 64
_CRLF = "\r\n"
# A charset of our own: other libraries change what "utf-8" means to the standard one (Apprise does when it is loaded).
_UTF_8 = Charset("utf-8")
_UTF_8.header_encoding = SHORTEST
_LAST = f"Auto-Submitted: auto-generated{_CRLF}MIME-Version: 1.0{_CRLF}"


class HeaderError(ValueError):
    """A value that no header may have; its mail is never sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """`[mail] from`. Raises AddressError where it is no address."""

    name: str
    address: str

    @staticmethod
    def parse(text: str) -> Sender:
        name, address = parseaddr(text)
        return Sender(name=name or "patchwatch", address=parse_address(address))

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class Writer:
    """Writes mails; bodies are made once for all readers of a digest. base_url: of the board, "" for none. signed: the
    MTA's DKIM signature covers the headers for one click."""

    def __init__(self, sender: Sender, keys: MailKeys, *, base_url: str, signed: bool) -> None:
        self.sender = sender
        self._keys = keys
        self._base_url = base_url
        self._one_click = signed and base_url.startswith("https://")  # RFC 8058 sections 3.1 and 4
        self._text = MailText()
        self._bodies: OrderedDict[bytes, list[bytes]] = OrderedDict()
        self._here = secrets.token_hex(11)  # stands for a reader's token until the mail is written
        self._from = from_header(sender)
        host = urlsplit(base_url).hostname or sender.domain
        self._list = header("List-Id", f"patchwatch <digest.{host}>") + header("Precedence", "bulk")

    def write(self, destination: DueDestination, message: str, letter: Letter) -> Envelope:
        """Raises HeaderError, AddressError."""
        recipient = parse_address(destination.address)
        token = self._keys.token("unsubscribe", letter.salt) if letter.salt else ""
        headers = self._from + "".join(
            header(name, value)
            for name, value in (
                ("To", recipient),
                ("Subject", f"patchwatch: {str(letter.title).removeprefix('patchwatch: ')}"),
                ("Date", format_datetime(letter.at or datetime.now(UTC))),
                ("Message-ID", f"<{message}@{self.sender.domain}>"),
            )
        )
        head = f"{headers}{self._list}{self._unsubscribe(token)}{_LAST}".encode("ascii")
        body = token.encode().join(self._body(letter, reader=bool(token)))
        return Envelope(sender=self.return_path(destination), recipient=recipient, content=head + body)

    def return_path(self, destination: DueDestination) -> str:
        """Where reports of failure go: our address with the reader's signed tag, as far as that fits."""
        local, _, domain = self.sender.address.rpartition("@")
        tagged = f"{local}+{self._keys.return_tag(destination.id, destination.address)}"
        return f"{tagged}@{domain}" if len(tagged) <= _MAX_LOCAL_CHARS else self.sender.address

    def unsubscribe_url(self, token: str) -> str:
        return f"{self._base_url}/digest/unsubscribe/{token}" if self._base_url and token else ""

    def _unsubscribe(self, token: str) -> str:
        """The two headers of one click."""
        url = self.unsubscribe_url(token)
        if not (url and self._one_click):
            return ""
        return header("List-Unsubscribe", f"<{url}>") + header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")

    def _body(self, letter: Letter, *, reader: bool) -> list[bytes]:
        """The body, in the pieces between which a reader's token belongs; kept for further readers where it is a
        digest's. reader: it has a link that ends the mails."""
        url = self.unsubscribe_url(self._here if reader else "")
        digest = None
        if letter.digest != NONE:
            key = hashlib.sha256(bytes(letter.digest) + bytes([reader])).digest()
            if key in self._bodies:
                return self._bodies[key]
            digest = digest_of(letter)
        if digest is None:
            confirm = self._keys.token("confirm", letter.confirm) if letter.confirm else ""
            asked = f"{letter.base_url}/digest/confirm/{confirm}" if confirm else ""
            return _alternatives(self._text.notice(letter, unsubscribe=url, confirm=asked), self._here)
        self._bodies[key] = _alternatives(self._text.digest(digest, unsubscribe=url), self._here)
        if len(self._bodies) > MAX_BODIES:
            self._bodies.popitem(last=False)
        return self._bodies[key]


def header(name: str, value: str) -> str:
    """One header. The value is a plain string first (CVE-2024-6923: encoded header objects smuggle lines)."""
    text = str(value)
    if not text.isprintable() or len(text) > MAX_HEADER_CHARS:
        raise HeaderError(f"{name} holds control characters or is too long")
    if text.isascii() and "=?" not in text:
        return f"{name}: {text}\r\n"
    return f"{name}: {Header(text, _UTF_8, header_name=name).encode(linesep=_CRLF)}{_CRLF}"


def from_header(sender: Sender) -> str:
    """The name alone may be encoded, never the address (RFC 2047 section 5)."""
    if sender.name.isascii() and "=?" not in sender.name:
        return header("From", formataddr((sender.name, sender.address)))
    return f"{header('From', sender.name).removesuffix(_CRLF)} <{sender.address}>{_CRLF}"


def _alternatives(bodies: tuple[str, str], whole: str) -> list[bytes]:
    """multipart/alternative, with its header, split where `whole` was, which is never broken over two lines. No
    quoted-printable line can hold the boundary, for it begins with "=_"."""
    boundary = f"=_{hashlib.sha256(repr(bodies).encode('utf-8', 'replace')).hexdigest()[:32]}"
    parts = [f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode()]
    for kind, body in zip(("plain", "html"), bodies, strict=True):
        head = f"\r\n--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        parts.append(f"{head}Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode())
        pieces = [binascii.b2a_qp(one.encode("utf-8", "replace"), istext=True) for one in body.split(whole)]
        encoded = f"=\n{whole}=\n".encode().join(pieces)
        parts.append(encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts).split(whole.encode())
