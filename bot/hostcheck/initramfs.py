"""The copies of modprobe.d inside the initramfs: they act until the root file system is mounted, and outlive an edit.

Format: cpio "newc" archives one after the other (the kernel's driver-api/early-userspace/buffer-format), the last of
them usually compressed. Read as a stream and to a bound; what the standard library cannot unpack (zstd, lz4) is said.
"""

import itertools
import zlib
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from bot.hostcheck.files import BLOCK, HostFiles
from bot.hostcheck.mitigation import Mitigation
from bot.hostcheck.modprobe import Rule, is_rule_file, parse_rules

NAMES = ("/boot/initrd.img-{}", "/boot/initramfs-{}.img", "/boot/initrd-{}", "/usr/lib/modules/{}/initramfs.img")
PACKED_LIMIT = 64 * 1024 * 1024
UNPACKED_LIMIT = 16 * 1024 * 1024
MEMORY_LIMIT = 24 * 1024 * 1024
RULES_LIMIT = 256 * 1024
FOLDERS = ("etc/modprobe.d/", "run/modprobe.d/", "usr/lib/modprobe.d/", "lib/modprobe.d/")
HEADER = 110
TRAILER = "TRAILER!!!"


class _End(Exception):
    """The stream has no more bytes, or none that may be read; the text says which."""


class Copies(NamedTuple):
    """The rules found, and why the look ended before the archive's end ("" when it did not)."""

    path: str
    rules: Tuple[Rule, ...]
    unread: str


class _Stream:
    """Bytes by count from blocks that come one by one."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._ready = b""
        self.at = 0

    def take(self, count: int) -> bytes:
        """The next bytes; fewer than count at the end alone."""
        while len(self._ready) < count:
            block = next(self._blocks, None)
            if block is None:
                break
            self._ready += block
        taken, self._ready = self._ready[:count], self._ready[count:]
        self.at += len(taken)
        return taken

    def skip(self, count: int) -> None:
        """Leaves bytes out without keeping them. Raises _End."""
        while count > 0:
            step = len(self.take(min(count, 65536)))
            if not step:
                raise _End("ends in the middle of a file")
            count -= step

    def rest(self) -> Iterator[bytes]:
        """What is left, block by block."""
        yield self._ready
        self._ready = b""
        yield from self._blocks


def read_copies(files: HostFiles, release: str) -> Optional[Copies]:
    """The modprobe.d files in a kernel's initramfs; None when there is no such file."""
    path = next((name.format(release) for name in NAMES if files.kind(name.format(release)) == "file"), "")
    if not path:
        return None
    rules: List[Rule] = []
    try:
        _read_archives(_Stream(files.blocks(path, PACKED_LIMIT)), path, rules)
    except _End as end:
        return Copies(path, tuple(rules), str(end))
    closed = files.problems.pop(path, "")  # it is said with the layer, where it matters
    return Copies(path, tuple(rules), "cannot be read ({})".format(closed) if closed else "")


def _read_archives(stream: _Stream, path: str, rules: List[Rule]) -> None:
    """All archives of the stream. Raises _End where no more can be read."""
    while True:
        start = _after_padding(stream)
        if not start:
            return
        if start[:6] in (b"070701", b"070702"):
            _read_archive(stream, start, path, rules)
            continue
        inner = _Stream(_unpacked(start, stream))
        first = _after_padding(inner)
        if first[:6] not in (b"070701", b"070702"):
            raise _End("holds no cpio archive")
        _read_archive(inner, first, path, rules)
        return


def _after_padding(stream: _Stream) -> bytes:
    """The next six bytes that are no padding; b"" at the end."""
    while True:
        start = stream.take(4)
        if start.strip(b"\0"):
            return start + stream.take(2)
        if len(start) < 4:
            return b""


def _read_archive(stream: _Stream, start: bytes, path: str, rules: List[Rule]) -> None:
    begun = stream.at - len(start)
    while True:
        header = start + stream.take(HEADER - len(start))
        start = b""
        size, length = _sizes(header)
        name = stream.take(length).rstrip(b"\0").decode("utf-8", "replace")
        stream.skip(-(stream.at - begun) % 4)
        if name == TRAILER:
            return
        if size and _is_rule_path(name):
            text = stream.take(min(size, RULES_LIMIT)).decode("utf-8", "replace")
            rules.extend(parse_rules(text, "{}:/{}".format(path, name)))
            stream.skip(size - min(size, RULES_LIMIT))
        else:
            stream.skip(size)
        stream.skip(-(stream.at - begun) % 4)


def _sizes(header: bytes) -> Tuple[int, int]:
    """The sizes of a file and of its name. Raises _End for what is no header."""
    if len(header) < HEADER or header[:6] not in (b"070701", b"070702"):
        raise _End("ends or is broken between two files")
    try:
        size, length = int(header[54:62], 16), int(header[94:102], 16)
    except ValueError:
        raise _End("has a header that is not one") from None
    if not 0 < length <= 4096 or size < 0:
        raise _End("has a file name that is too long")
    return size, length


def _is_rule_path(name: str) -> bool:
    name = name[2:] if name.startswith("./") else name
    return any(name.startswith(folder) and is_rule_file(name[len(folder) :]) for folder in FOLDERS)


def _unpacked(start: bytes, stream: _Stream) -> Iterator[bytes]:
    """The unpacked blocks up to the bound. Raises _End."""
    unpack = _unpacker(start)
    left = UNPACKED_LIMIT
    try:
        for plain in unpack(itertools.chain([start], stream.rest())):
            left -= len(plain)
            if left < 0:
                raise _End("was read for its first {} MiB only".format(UNPACKED_LIMIT // 1024 // 1024))
            yield plain
    except (zlib.error, ValueError, EOFError) as failure:
        raise _End("cannot be unpacked: {}".format(failure)) from failure


def _unpacker(start: bytes) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    if start[:2] == b"\x1f\x8b":
        return _gunzip
    if start[:6] == b"\xfd7zXZ\0":
        return _unxz
    names = ((b"\x28\xb5\x2f\xfd", "zstd"), (b"\x02\x21\x4c\x18", "lz4"), (b"BZh", "bzip2"), (b"\x89LZO", "lzo"))
    name = next((name for magic, name in names if start.startswith(magic)), "an unknown method")
    raise _End("is packed by {}, which is not read here".format(name))


def _gunzip(blocks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for block in blocks:
        packed = block
        while packed and not unpacker.eof:
            yield unpacker.decompress(packed, BLOCK)
            packed = unpacker.unconsumed_tail


def _unxz(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Raises ValueError for what is no xz, or wants more memory than is given."""
    try:
        import lzma
    except ImportError:
        raise _End("is packed by xz, which this Python cannot read") from None
    unpacker = lzma.LZMADecompressor(memlimit=MEMORY_LIMIT)
    try:
        for block in blocks:
            if unpacker.eof:
                return
            yield unpacker.decompress(block, BLOCK)
            while not unpacker.needs_input and not unpacker.eof:
                yield unpacker.decompress(b"", BLOCK)
    except lzma.LZMAError as failure:
        raise ValueError(str(failure)) from failure


def by_copies(copies: Optional[Copies], mentions: Callable[[Rule], bool], ruled: bool) -> List[Mitigation]:
    """The layer: each copied rule that `mentions`; ruled says that modprobe.d has one: then a closed copy matters."""
    if copies is None:
        return []
    reason = "the copy holds until the root file system is mounted"
    found = [
        Mitigation("initramfs", rule.path, "{} {} {}".format(rule.command, rule.name, rule.words).strip(), "partial",
                   reason)
        for rule in copies.rules if mentions(rule)
    ]  # fmt: skip
    if copies.unread and ruled and not found:
        said = "{}: whether it has a copy of the rules is not known".format(copies.unread)
        found.append(Mitigation("initramfs", copies.path, "modprobe.d", "undecided", said))
    return found
