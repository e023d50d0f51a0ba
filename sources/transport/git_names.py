"""What may reach git's command line: ids, reference names, patterns, paths and mirror names, by strict patterns.

Everything is checked although `--end-of-options` stands before it: a repository may hold a branch that is called
`--upload-pack=x`, and a page or a mail may say that this is its commit.
"""

from __future__ import annotations

import re
from typing import Final

OBJECT_ID: Final = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_REF_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._/@+=,#%-]{1,250}")
_REF_GLOB: Final = r"refs/(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)*(?:[A-Za-z0-9_][A-Za-z0-9._-]*\*?|\*)"
REFSPEC: Final = re.compile(rf"\+?(?:{_REF_GLOB}|HEAD):{_REF_GLOB}")
TAG_PATTERN: Final = re.compile(r"(?!-)[A-Za-z0-9._*?/\[\]-]{1,100}")
MIRROR_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}(?:/[a-z0-9][a-z0-9._-]{0,79}){0,3}", re.IGNORECASE)
_RESERVED_ENDINGS: Final = (".new", ".old", ".lock")
LONGEST_PATH: Final = 4096


def is_object_id(text: str) -> bool:
    """40 (SHA-1) or 64 (SHA-256) lower-case hex digits."""
    return OBJECT_ID.fullmatch(text) is not None


def is_ref_name(text: str) -> bool:
    """A full name ("refs/heads/linux-6.12.y"): git check-ref-format's rules, narrowed to characters that are safe to
    say to git and to show, and to components that do not look like an option."""
    if _REF_CHARACTERS.fullmatch(text) is None or ".." in text:
        return False
    components = text.split("/")
    return (
        len(components) > 1
        and components[0] == "refs"
        and all(part and not part.startswith((".", "-")) and not part.endswith((".", ".lock")) for part in components)
    )


def is_mirror_name(text: str) -> bool:
    return (
        MIRROR_NAME.fullmatch(text) is not None
        and ".." not in text
        and not any(part.lower().endswith(_RESERVED_ENDINGS) for part in text.split("/"))
    )


def is_tree_path(text: str) -> bool:
    """A path below the root of a tree: relative, no magic pathspec, no control characters."""
    return (
        0 < len(text) <= LONGEST_PATH
        and not text.startswith(("/", ":", "-"))
        and text.isprintable()
        and ".." not in text.split("/")
    )
