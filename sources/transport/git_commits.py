"""A commit as its author and committer wrote it, read from the raw object (git-cat-file(1), gitformat "commit")."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

LONGEST_MESSAGE: Final = 1024 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253402300799  # the end of year 9999, datetime's last
_IDENTITY = re.compile(r"(?P<name>.*?)\s*<(?P<email>[^<>]*)>\s*(?P<seconds>-?[0-9]{1,20})?(?:\s+[+-][0-9]{1,6})?\s*")

# The encodings that real commits name; Python knows further codecs that are no character sets or cost too much.
_CHARSETS = re.compile(
    r"(?:iso-?8859-[0-9]{1,2}|latin-?1|(?:windows-|cp)125[0-9]|koi8-[ru]|utf-?8|us-ascii"
    r"|euc-(?:jp|kr)|shift_jis|iso-2022-jp|gb(?:k|2312|18030)|big5)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCommit:
    """One commit. Text is free of NULs and lone surrogates; the message is cut at 1 MiB.

    author_at may be any time that a committer claims; committed_at too: neither is the time we learned of it.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    author_at: datetime
    committer_name: str
    committer_email: str
    committed_at: datetime
    message: str

    @property
    def subject(self) -> str:
        """The first paragraph in one line, as git shows it."""
        return " ".join(self.message.lstrip("\n").partition("\n\n")[0].split())


def parse_commit(commit: str, content: bytes) -> RawCommit | None:
    """The commit object's content; None when it has no tree line (which fsck would have refused)."""
    head, _, message = content.partition(b"\n\n")
    headers: dict[str, list[bytes]] = {}
    for line in head.split(b"\n"):
        if line.startswith(b" "):  # a continued signature
            continue
        key, _, value = line.partition(b" ")
        headers.setdefault(key.decode("ascii", "replace"), []).append(value)
    if "tree" not in headers:
        return None
    encoding = headers.get("encoding", [b"utf-8"])[0].decode("ascii", "replace")
    author = _identity(_text(headers.get("author", [b""])[0], encoding))
    committer = _identity(_text(headers.get("committer", [b""])[0], encoding))
    committed_at = committer[2] or _EPOCH
    return RawCommit(
        id=commit,
        tree=headers["tree"][0].decode("ascii", "replace"),
        parents=tuple(parent.decode("ascii", "replace") for parent in headers.get("parent", [])),
        author_name=author[0],
        author_email=author[1],
        author_at=author[2] or committed_at,
        committer_name=committer[0],
        committer_email=committer[1],
        committed_at=committed_at,
        message=_text(message[:LONGEST_MESSAGE], encoding),
    )


def _identity(line: str) -> tuple[str, str, datetime | None]:
    found = _IDENTITY.fullmatch(line[:4096])
    if found is None:
        return " ".join(line[:200].split()), "", None
    seconds = found["seconds"]
    return found["name"].strip(), found["email"].strip(), None if seconds is None else _moment(int(seconds))


def _moment(seconds: int) -> datetime | None:
    if not 0 <= seconds <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, tz=UTC)


def _text(content: bytes, encoding: str) -> str:
    named = encoding if _CHARSETS.fullmatch(encoding) else "utf-8"
    for name in ("utf-8", named):
        with contextlib.suppress(UnicodeError, LookupError):
            return content.decode(name).replace("\0", "")
    return content.decode("latin-1").replace("\0", "")
