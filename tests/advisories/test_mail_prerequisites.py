"""What a posting says it stands on: as git and b4 write it, bounded, and of no other shape."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisories.mail import PatchMail, parse_mail
from advisories.mail_prerequisites import PREREQUISITE_LIMIT, READ_CHARS, read_prerequisites
from tests.advisories.lives import mail, patch_mail

BASE = "0123456789abcdef0123456789abcdef01234567"
ID = "a" * 40


def git(folder: Path, *words: str) -> str:
    plain = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=master"]
    command = ["git", *plain, *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


def as_mails(mbox: str) -> list[PatchMail]:
    parts = [f"From {one}" for one in ("\n" + mbox).split("\nFrom ")[1:]]
    return [parse_mail(one.partition("\n")[2].encode(), received_at=None) for one in parts]


@pytest.mark.parametrize("cover", [True, False])
def test_git_writes_it_and_it_is_read(tmp_path: Path, cover: bool) -> None:
    """git's own format-patch --base: the base, then the patches in between by the patch-id that we count, too."""
    git(tmp_path, "init", "-q")
    for number in range(4):
        (tmp_path / f"file{number}").write_text("".join(f"line {one}\n" for one in range(number + 3)))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", f"crypto: change number {number}")
    base = git(tmp_path, "rev-parse", "HEAD~3").strip()
    between = as_mails(git(tmp_path, "format-patch", "--stdout", "HEAD~3..HEAD~1"))
    options = ["--cover-letter"] if cover else []
    written = as_mails(git(tmp_path, "format-patch", f"--base={base}", *options, "--stdout", "-1"))
    ids = [one.patch_id for one in between]
    assert len(ids) == 2
    assert set(written[0].prerequisites) == {f"base-commit:{base}", *(f"patch-id:{one}" for one in ids)}
    assert all(not one.prerequisites for one in (*written[1:], *between))


def test_b4_names_whole_series() -> None:
    """Below `---` of the cover letter; the revision of a change-id is left away."""
    body = (
        f"Why.\n\n---\nbase-commit: {BASE}\nchange-id: 20260504-mine-0123456789ab\n"
        f"prerequisite-change-id: 20260501-theirs-ba9876543210:v4\nprerequisite-patch-id: {ID}\n"
        "prerequisite-message-id: <20260501-theirs-v4-0-ba9876543210@example.org>\n\nBest regards,\n-- \nA B\n"
    )
    found = mail("c@x", "[PATCH 0/2] AF_ALG: Harden", body)
    assert found.change_id == "20260504-mine-0123456789ab"
    assert found.prerequisites == (
        f"base-commit:{BASE}",
        "change-id:20260501-theirs-ba9876543210",
        f"patch-id:{ID}",
        "message-id:20260501-theirs-v4-0-ba9876543210@example.org",
    )


@pytest.mark.parametrize(
    "lines",
    [
        f"prerequisite-patch-id: {ID[:12]}", f"prerequisite-patch-id: {ID}b", f"prerequisite-patch-id: {ID.upper()}",
        f"prerequisite-patch-id: {'٣' * 40}", "prerequisite-message-id: <a b@c>", "prerequisite-message-id: <@>",
        f"prerequisite-message-id: <{'m' * 280}@example.org>", "prerequisite-change-id: ../../../etc/passwd",
        "prerequisite-change-id: 20260501-theirs:v99999999999999999999", f"> prerequisite-patch-id: {ID}",
        f"+prerequisite-patch-id: {ID}", f"prerequisite-patch-id:{ID}", "base-commit: HEAD~3; rm -rf /",
        "prerequisite-patch-id: \x00" + ID, "prerequisite-tree-id: " + ID,
    ],
)  # fmt: skip
def test_another_shape_is_nothing(lines: str) -> None:
    assert read_prerequisites(f"base-commit: \n{lines}\n") == ()


def test_a_hundred_thousand_lines_are_a_hundred() -> None:
    """Only the end of the mail is looked at, and of that the first hundred lines."""
    flood = "".join(f"prerequisite-patch-id: {number:040x}\n" for number in range(100_000))
    found = patch_mail("v1@x", "[PATCH] crypto: af_alg - Flood", notes=f"base-commit: {BASE}\n{flood}").prerequisites
    assert 0 < len(found) <= PREREQUISITE_LIMIT
    above = f"prerequisite-patch-id: {ID}\n{'word ' * READ_CHARS}\nbase-commit: {BASE}\n"
    assert read_prerequisites(above) == (f"base-commit:{BASE}",)
    repeated = read_prerequisites(f"prerequisite-patch-id: {ID}\n" * 100_000)
    assert repeated == (f"patch-id:{ID}",)


def test_a_reply_stands_on_nothing() -> None:
    """Whatever its sender writes below the quote."""
    body = f"> base-commit: {BASE}\n\nbase-commit: {BASE}\nprerequisite-patch-id: {ID}\n"
    assert mail("r@x", "Re: [PATCH] crypto: af_alg - Flood", body, reply_to="v1@x").prerequisites == ()


@given(st.text(alphabet=st.sampled_from("base-commit: prerequisite-patch-id\nabc0123456789<>@\r\t"), max_size=600))
def test_any_text_is_read(text: str) -> None:
    """Whatever stands there: no error, few, short, each once."""
    found = read_prerequisites("base-commit: \n" + text)
    assert len(found) == len(set(found)) <= PREREQUISITE_LIMIT
    assert all(len(one) <= 500 for one in found)
