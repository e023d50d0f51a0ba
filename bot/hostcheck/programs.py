"""ELF files and source trees that reference AF_ALG: a sign of use, bounded, and only when it is asked for.

The number of the family leaves no trace in a compiled program. What does: the library or engine it is linked to, the
type names of struct sockaddr_alg (include/uapi/linux/if_alg.h), and the family's name in its messages.
"""

from typing import Callable, Iterator, List, NamedTuple, Optional, Set, Tuple

from bot.hostcheck.files import HostFiles

SOURCE_FILES = 20000
SOURCE_BYTES = 256 * 1024
SOURCE_SIGNS = (b"linux/if_alg.h", b"AF_ALG", b"libkcapi", b"afalg")
SOURCE_NAMES = (".c", ".h", ".cc", ".cpp", ".go", ".rs", ".py", ".pl", ".rb", ".zig")
PROGRAM_FOLDERS = (
    "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec", "/usr/local/lib",
    "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/opt",
)  # fmt: skip
PROGRAM_DEPTH = 3
PROGRAM_FILES = 20000
PROGRAM_BYTES = 16 * 1024 * 1024
ALL_BYTES = 2 * 1024 * 1024 * 1024
PROGRAM_SIGNS = (b"libkcapi.so", b"libell.so", b"afalg", b"\0skcipher\0", b"AF_ALG", b"algif_")
LEFT_OUT = ("/lib/modules", "/usr/lib/modules", "/usr/lib/firmware", "/lib/firmware", "/usr/lib/debug")
OVERLAP = 32
Progress = Callable[[int, str], None]


class Scan(NamedTuple):
    """(path, signs) of each file that has one; looked_at files; whole is False where a bound ended the scan."""

    found: Tuple[Tuple[str, Tuple[str, ...]], ...]
    looked_at: int
    whole: bool


def scan_source(folder: str, progress: Optional[Progress] = None, limit: int = SOURCE_FILES) -> Scan:
    """Files of a source tree that name AF_ALG, at most `limit` looked at; links are not followed."""
    files = HostFiles(folder)
    found: List[Tuple[str, Tuple[str, ...]]] = []
    seen = 0
    for path in _tree(files, "/", 64):
        if not path.endswith(SOURCE_NAMES):
            continue
        if seen >= limit:
            return Scan(tuple(found), seen, False)
        seen += 1
        _tell(progress, seen, path)
        content = files.read(path, SOURCE_BYTES).content
        signs = tuple(sign.decode("ascii") for sign in SOURCE_SIGNS if sign in content)
        if signs:
            found.append((path, signs))
    return Scan(tuple(found), seen, True)


def scan_programs(files: HostFiles, progress: Optional[Progress] = None, limit: int = PROGRAM_FILES) -> Scan:
    """ELF files below the folders of programs and libraries, at most `limit` files looked at."""
    found: List[Tuple[str, Tuple[str, ...]]] = []
    known: Set[str] = set()
    seen, left = 0, ALL_BYTES
    for path in _programs(files):
        real = files.real(path)
        if real in known:
            continue
        known.add(real)
        if seen >= limit or left <= 0:
            return Scan(tuple(found), seen, False)
        seen += 1
        _tell(progress, seen, path)
        signs, count = _signs(files.blocks(real, min(PROGRAM_BYTES, left)))
        left -= count
        if signs:
            found.append((real, signs))
    return Scan(tuple(found), seen, True)


def _programs(files: HostFiles) -> Iterator[str]:
    for folder in PROGRAM_FOLDERS:
        if files.real(folder) == folder:  # /bin is a link to /usr/bin where the two were merged
            yield from _tree(files, folder, PROGRAM_DEPTH)


def _tree(files: HostFiles, folder: str, depth: int) -> Iterator[str]:
    """The paths of regular files below a folder."""
    pending = [(folder, depth)]
    while pending:
        here, left = pending.pop()
        for name in files.names(here):
            path = here.rstrip("/") + "/" + name
            if files.real(path) != path or name == ".git" or path in LEFT_OUT:
                continue
            kind = files.kind(path)
            if kind == "file":
                yield path
            elif kind == "folder" and left > 0:
                pending.append((path, left - 1))


def _signs(blocks: Iterator[bytes]) -> Tuple[Tuple[str, ...], int]:
    """The signs in an ELF file, and how many bytes were read; nothing of another file is looked at."""
    seen: Set[bytes] = set()
    tail, count = b"", 0
    for block in blocks:
        if not count and not block.startswith(b"\x7fELF"):
            return (), len(block)
        count += len(block)
        joined = tail + block
        seen.update(sign for sign in PROGRAM_SIGNS if sign in joined)
        tail = joined[-OVERLAP:]
    return tuple(sign.strip(b"\0").decode("ascii") for sign in PROGRAM_SIGNS if sign in seen), count


def _tell(progress: Optional[Progress], seen: int, path: str) -> None:
    if progress is not None:
        progress(seen, path)
