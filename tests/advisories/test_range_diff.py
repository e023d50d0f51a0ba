"""Two revisions of a patch compared: files, hunks, lines, message; bounded for mail from anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisories.range_diff import (
    FILE_COUNT,
    FILE_LINES,
    LINE_CHARS,
    MESSAGE_LINES,
    SHOWN_LINES,
    Difference,
    Posting,
    RangeDiff,
    compare_postings,
)


def posting(ref: str, diff: str, *message: str, title: str = "crypto: af_alg - Copy") -> Posting:
    return Posting(ref=ref, title=title, message=message, diff=diff)


def hunk(*lines: str, at: int = 1, where: str = "") -> str:
    before = sum(line[:1] in (" ", "-") for line in lines)
    after = sum(line[:1] in (" ", "+") for line in lines)
    return f"@@ -{at},{before} +{at},{after} @@{where}\n" + "".join(f"{line}\n" for line in lines)


def file(path: str, *hunks: str) -> str:
    return f"diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n--- a/{path}\n+++ b/{path}\n" + "".join(hunks)


FIRST = hunk(" static int check(void)", "-\told();", "+\tnew();", " }", where=" check")
SECOND = hunk(" {", "+\tlock();", " }", at=90, where=" bind")
OLD = file("crypto/af_alg.c", FIRST, SECOND)


def compared(older: str, newer: str, **more: tuple[str, ...]) -> RangeDiff:
    return compare_postings(
        posting("v1", older, *more.get("said", ("Why.",))), posting("v2", newer, *more.get("says", ("Why.",)))
    )


def test_a_hunk_that_changed() -> None:
    """One of two; what each revision does of the line, as range-diff writes it."""
    found = compared(OLD, file("crypto/af_alg.c", FIRST.replace("new();", "newer();"), SECOND))
    (one,) = found.files
    assert (found.older, found.newer, found.message, found.titles, found.is_same) == ("v1", "v2", None, None, False)
    assert (one.path, one.what, one.hunks) == ("crypto/af_alg.c", "changed", 1)
    assert one.difference == Difference(
        lines=(" -\told();", "-+\tnew();", "++\tnewer();", "  }"), removed=1, added=1, left_out=0
    )


def test_where_a_hunk_stands_does_not_count() -> None:
    """A rebase moves it; the function it stands in counts. A signature below the diff is no line of it."""
    moved = OLD.replace("@@ -90,", "@@ -117,").replace("index 1111111", "index 3333333")
    assert compared(OLD + "-- \n2.54\n", moved + "-- \n2.55\n\nbase-commit: 0\n").is_same
    assert not compared(OLD, OLD.replace("@@ bind", "@@ accept")).is_same


def test_files_that_come_and_go() -> None:
    """In the order of the newer, then those it leaves alone; what is created or renamed is said."""
    newer = file("crypto/af_alg.c", FIRST, SECOND) + file("crypto/algif_hash.c", FIRST)
    newer += "diff --git a/a.txt b/b.txt\nsimilarity index 100%\nrename from a.txt\nrename to b.txt\n"
    found = compared(OLD + file("net/socket.c", SECOND), newer)
    told = [(one.path, one.what, one.hunks, one.difference.added, one.difference.removed) for one in found.files]
    assert told == [
        ("crypto/algif_hash.c", "added", 1, 5, 0), ("b.txt", "added", 2, 2, 0), ("net/socket.c", "removed", 1, 0, 4),
    ]  # fmt: skip


def test_what_looks_like_a_file_inside_a_hunk_is_a_line() -> None:
    """The counts of the hunk decide: a patch that removes a diff from a text."""
    tricky = hunk(" a", "--- a/evil.c", "-diff --git a/evil.c b/evil.c", "+++ b/evil.c", " z")
    found = compared(file("Documentation/x.rst", tricky), file("Documentation/x.rst", tricky.replace(" z", " y")))
    assert [one.path for one in found.files] == ["Documentation/x.rst"]


def test_title_and_message() -> None:
    """White space at the ends is none."""
    older = posting("v1", OLD, "Why.", "", "Signed-off-by: A B <a@b.org>  ")
    newer = posting("v2", OLD, "", "Why not.", "", "Signed-off-by: A B <a@b.org>", "", title="crypto: Copy")
    found = compare_postings(older, newer)
    assert found.titles == ("crypto: af_alg - Copy", "crypto: Copy")
    assert found.message == Difference(lines=("-Why.", "+Why not.", " "), removed=1, added=1)
    assert compared(OLD, OLD, said=("Why.", ""), says=("", "Why.  ")).is_same


@pytest.mark.parametrize("count", [FILE_LINES + 1, 100_000])
def test_what_is_too_long_is_counted(count: int) -> None:
    """A file, a message: never compared line by line; a diff past the limit says that it was read in part."""
    long = file("x.c", hunk(*(f"+line {number}" for number in range(count))))
    found = compared(OLD, long, says=tuple(f"word {number}" for number in range(count)))
    message, one = found.message, found.files[0]
    assert message is not None
    assert (message.too_long, message.lines, message.added) == (count > MESSAGE_LINES, (), count)
    assert (one.difference.too_long, one.difference.lines) == (True, ())
    assert found.cut is (count == 100_000)
    assert compared(long, long).is_same is not found.cut


def test_many_files_and_long_lines_are_bounded() -> None:
    many = "".join(file(f"dir/{number}.c", FIRST) for number in range(FILE_COUNT + 20))
    found = compared(OLD, many)
    assert (len(found.files), found.more_files) == (FILE_COUNT, 21)
    shown = compared(OLD, file("crypto/af_alg.c", hunk(*("+" + "x" * 9_999 for _ in range(SHOWN_LINES + 7)))))
    (one,) = shown.files
    assert {len(line) for line in one.difference.lines if "x" in line} == {LINE_CHARS}
    assert (len(one.difference.lines), one.difference.left_out > 0) == (SHOWN_LINES, True)


LINES = st.sampled_from(
    [
        "diff --git a/x b/x", "diff --git ", "--- a/x", "+++ b/x", "@@ -1,2 +1,2 @@", "@@ -1 +1,999999999 @@ f",
        "@@ -0,0 +0,0 @@", "@@ -1,9999999999999 +1 @@", "+a", "-b", " c", "", "-- ", "rename from \x1b[2J",
        "Binary files a and b differ", "\u202e",
    ]
)  # fmt: skip
DIFFS = st.lists(LINES, max_size=60).map("\n".join)


@settings(max_examples=150, deadline=None)
@given(DIFFS, DIFFS)
def test_any_text_is_compared(older: str, newer: str) -> None:
    """No error; the same is the same; turned round, what was added is removed."""
    assert compared(older, older).is_same
    there, back = compared(older, newer), compared(newer, older)
    assert there.is_same is back.is_same
    assert {one.path: one.what for one in there.files if one.what == "added"}.keys() == {
        one.path for one in back.files if one.what == "removed"
    }
