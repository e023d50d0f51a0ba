"""What a posting says it stands on: the lines that git and b4 write below a patch or cover letter.

`git format-patch --base` writes `base-commit:` and a `prerequisite-patch-id:` for each patch in between
(git-format-patch(1), "Base tree information"). b4 writes those and, for whole series, `prerequisite-change-id: ID:vN`
and `prerequisite-message-id: <ID>` (b4's documentation, "prep --edit-deps").
"""

from __future__ import annotations

import re
from itertools import islice

PREREQUISITE_LIMIT = 100
READ_CHARS = 24_000  # the lines stand at the end; a hundred of them are 7,000 characters
BASE_COMMIT = "base-commit"
PATCH_ID = "patch-id"
MESSAGE_ID = "message-id"
CHANGE_ID = "change-id"
_LINE = re.compile(
    r"^(base-commit|prerequisite-(?:patch-id|message-id|change-id)): (\S{7,300})[ \t]*\r?$", re.MULTILINE
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MESSAGE = re.compile(r"<?([^<>\s@]{1,250}@[^<>\s@]{1,200})>?")
_CHANGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{5,150})(?::v[0-9]{1,4})?")
_SHAPES = {BASE_COMMIT: _COMMIT, PATCH_ID: _COMMIT, MESSAGE_ID: _MESSAGE, CHANGE_ID: _CHANGE}


def read_prerequisites(text: str) -> tuple[str, ...]:
    """ "base-commit:…", "patch-id:…", "message-id:…" and "change-id:…" of a mail's text, each once and in order.

    At most PREREQUISITE_LIMIT; a line of another shape is left out. A change-id is given without its revision.
    """
    tail = text[-READ_CHARS:]
    if "base-commit: " not in tail and "prerequisite-" not in tail:
        return ()
    found: dict[str, None] = {}
    for name, value in islice((match.groups() for match in _LINE.finditer(tail)), PREREQUISITE_LIMIT):
        kind = name.removeprefix("prerequisite-")
        shaped = _SHAPES[kind].fullmatch(value)
        if shaped is not None:
            found[f"{kind}:{shaped[1] if shaped.re.groups else value}"] = None
    return tuple(found)
