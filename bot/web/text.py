"""Foreign text and addresses made fit for a page: what is invisible is shown, and few addresses become links."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from markupsafe import Markup, escape

MAX_SHOWN_CHARS = 20_000
MAX_READ_CHARS = 64  # of an address
MAX_COMBINING = 3  # marks on one letter; more is there to deface the page
_ADDRESS = re.compile(r"(https?://[!-~]*[0-9A-Za-z/_~-])")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})

# Hosts, their sub-domains included, to which a foreign document may make us link (TRUST S11).
LINKED_HOSTS = (
    "access.redhat.com", "redhat.com", "almalinux.org", "alpinelinux.org", "alas.aws.amazon.com", "archlinux.org",
    "bottlerocket.dev", "centos.org", "cert.org", "cisa.gov", "cve.org", "cwe.mitre.org", "debian.org",
    "endoflife.date", "fedoraproject.org", "first.org", "flatcar.org", "gentoo.org", "github.com", "kernel.org",
    "launchpad.net", "lwn.net", "microsoft.com", "msgid.link", "nist.gov", "nixos.org", "openeuler.org",
    "opensuse.org", "openwall.com", "oracle.com", "osv.dev", "rockylinux.org", "suse.com", "ubuntu.com",
)  # fmt: skip


def shown(text: object) -> str:
    r"""Plain text to read: control, format and private characters become \u{202E}, stacked marks are thinned."""
    source = str(text)
    cut = source[:MAX_SHOWN_CHARS]
    if cut.isascii() and cut.isprintable():
        return cut if len(source) <= MAX_SHOWN_CHARS else f"{cut}…"
    parts: list[str] = []
    marks = 0
    for char in cut:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MAX_COMBINING:
            parts.append(_visible(char))
    return "".join(parts) + ("…" if len(source) > MAX_SHOWN_CHARS else "")


def _visible(char: str) -> str:
    if char in "\n\t" or unicodedata.category(char) not in _HIDDEN:
        return char
    return f"\\u{{{ord(char):04X}}}"


def is_linked(url: str, further_hosts: frozenset[str] = frozenset()) -> bool:
    """Whether an address that a source gave may become a link: http(s), no user part, an ASCII host that we know."""
    if len(url) > 2000 or not url.isascii() or any(char in url for char in ' "<>\\^`{|}') or not url.isprintable():
        return False
    try:
        split = urlsplit(url)
        host = split.hostname or ""
        port = split.port
    except ValueError:
        return False
    if split.scheme not in ("http", "https") or "@" in split.netloc or not host:
        return False
    if split.netloc.lower() in further_hosts:
        return True
    return port is None and any(host == known or host.endswith(f".{known}") for known in LINKED_HOSTS)


def link(url: str | None, text: str | None = None, *, further_hosts: frozenset[str] = frozenset()) -> Markup:
    """An address as link where it may be one, else as text. `text` is what is read; the address itself by default."""
    if not url:
        return Markup("")
    read = shown(text if text is not None else url)
    if text is None:
        read = shortened(read)
    if not is_linked(url, further_hosts):
        return Markup('<span class="address">{}</span>').format(
            read if text is None else f"{read} ({shortened(shown(url))})"
        )
    return Markup('<a href="{}" rel="external noopener noreferrer nofollow">{}</a>').format(url, escape(read))


def linked(text: str, *, further_hosts: frozenset[str] = frozenset()) -> Markup:
    """Text in which the addresses that may become links are links."""
    parts = _ADDRESS.split(shown(text))
    return Markup("").join(
        link(one, further_hosts=further_hosts) if number % 2 else one for number, one in enumerate(parts)
    )


def shortened(url: str) -> str:
    """An address to read: without its scheme, the middle left out when it is long; the host is always whole."""
    bare = url.removeprefix("https://")
    if len(bare) <= MAX_READ_CHARS:
        return bare
    host = bare.partition("/")[0]
    return f"{bare[: max(MAX_READ_CHARS - 16, len(host) + 1)]}…{bare[-12:]}"
