"""The key of mail: tokens that unsubscribe and confirm, signed return paths, hashes of addresses.

The key is a file of its own beside the database, so that the database alone gives away no token and no address on the
suppression list.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

KEY_FILE = "mail.key"
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_KEY_BYTES = 32
_TAG = re.compile(r"b([0-9]{1,18})-[0-9a-f]{20}", re.IGNORECASE)


class KeyFileError(Exception):
    """The key cannot be read or made; the text names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailKeys:
    secret: bytes = field(repr=False)

    def _mac(self, purpose: str, text: str) -> bytes:
        return hmac.new(self.secret, f"{purpose}\n{text}".encode(), hashlib.sha256).digest()

    def token(self, purpose: str, salt: str) -> str:
        """128 bits as 22 characters; purpose: unsubscribe | confirm. Only its hash is ever stored."""
        return base64.urlsafe_b64encode(self._mac(purpose, salt)[:16]).decode().rstrip("=")

    def hash_address(self, address: str) -> str:
        """The same for every spelling of an address in upper and lower case."""
        return self._mac("address", address.lower()).hex()

    def return_tag(self, destination: int, address: str) -> str:
        """What marks a return path as ours: "b12-" and 80 bits that only the reader's own mail carries."""
        return f"b{destination}-{self._mac('return', f'{destination} {address}').hex()[:20]}"


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("ascii", "replace")).hexdigest()


def new_salt() -> str:
    return secrets.token_hex(16)


def find_tags(recipient: str) -> list[tuple[int, str]]:
    """(destination, tag) of everything in a recipient's address that looks like a tag of ours."""
    return [(int(found[1]), found[0].lower()) for found in _TAG.finditer(recipient[:1000])]


def load_keys(data_dir: Path) -> MailKeys:
    """The key of this installation, made at first use. Raises KeyFileError."""
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _make(path)
        secret = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path.name} in the data folder cannot be used: {error.strerror}") from None
    if len(secret) < _KEY_BYTES:
        raise KeyFileError(f"{path.name} in the data folder is too short; restore it from the backup")
    return MailKeys(secret=secret)


def _make(path: Path) -> None:
    """Whole or not at all, also when two processes start at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(_KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
