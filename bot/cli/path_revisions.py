"""`path --range-diff`: what changed between the revisions of a patch, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.cli.output import printable

if TYPE_CHECKING:
    from bot.views.status import Json


def range_diff_lines(found: Json) -> Iterator[str]:
    """A heading for each pair of revisions, then the title, the message and each file that differs."""
    pair = f"{found['old']} -> {found['new']}"
    if not found["known"]:
        yield f"{pair}: not compared, a mail of it is not kept"
        return
    if found["same"]:
        yield f"{pair}: the same patch"
        return
    yield pair
    if found["subject"]:
        yield from (f"  {sign}{printable(one)}" for sign, one in zip("-+", found["subject"], strict=True))
    if found["message"]:
        yield f"  commit message: {_counted(found['message'])}"
        yield from _shown(found["message"])
    for one in found["files"]:
        hunks = f", {one['hunks']} hunk{'' if one['hunks'] == 1 else 's'}"
        what = {"added": "only in the newer", "removed": "only in the older"}.get(one["what"], "changed")
        yield f"  {printable(one['path'])}: {what}{hunks}, {_counted(one)}"
        yield from _shown(one)
    if found["more_files"]:
        yield f"  and {found['more_files']} more files"
    if found["cut"]:
        yield "  a diff is too long and was read in part"


def _counted(one: Json) -> str:
    counts = f"-{one['removed']} +{one['added']}"
    return f"{counts} lines, too long to compare" if one["too_long"] else f"{counts} lines"


def _shown(one: Json) -> Iterator[str]:
    yield from (f"    {printable(line.expandtabs())}" for line in one["lines"])
    if one["left_out"]:
        yield f"    ... {one['left_out']} more lines"
