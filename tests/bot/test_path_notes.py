"""What changed between the revisions of a patch, as `path` prints it."""

from __future__ import annotations

from bot.cli.path import changed_lines
from bot.views.status import Json


def revision(ref: str, *notes: str) -> Json:
    return {"ref": ref, "at": None, "subject": "", "message_id": "", "notes": "\n".join(notes)}


def test_each_revision_says_what_is_new_in_it() -> None:
    """Headings, links and what earlier revisions said already are left out; the first has nothing to compare with."""
    assert changed_lines(
        [
            revision("v1", "For the next release."),
            revision("v2", "v2: added tags"),
            revision(
                "v3", "Changes since v2:", "- clearer words", "v2: added tags", "- v2 Link: https://lore.example/x"
            ),
            revision("v4"),
        ]
    ) == ["v2  added tags", "v3  - clearer words"]


def test_foreign_text_is_shown_not_obeyed_and_fits() -> None:
    """Control characters as their numbers, lines within 78 columns, a long story cut."""
    (line,) = changed_lines([revision("v1"), revision("v2", "red \x1b[31m text")])
    assert line == "v2  red \\u{001B}[31m text"
    long = changed_lines([revision("v1"), revision("v2", "word " * 500)])
    assert max(map(len, long)) <= 76
    assert long[-1].endswith(" ...")
    assert len(long) == 6
