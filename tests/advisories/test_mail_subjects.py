"""Subjects in every form that the kernel's lists have shown."""

from __future__ import annotations

import pytest

from advisories.mail_subject import normalise_title, parse_subject

FORMS = [
    # subject, title, revision, part, branches, flags, is_reply, is_patch
    ("[PATCH] crypto: x", "crypto: x", (1, 0), None, (), (), False, True),
    ("[PATCH v2] crypto: x", "crypto: x", (2, 0), None, (), (), False, True),
    ("[v2 PATCH] crypto: x", "crypto: x", (2, 0), None, (), (), False, True),
    ("[PATCHv3] x", "x", (3, 0), None, (), (), False, True),
    ("[PATCH v5.1 2/3] x", "x", (5, 1), (2, 3), (), (), False, True),
    ("[PATCH 6.12 1/8] x", "x", (1, 0), (1, 8), ("6.12",), (), False, True),
    ("[PATCH 5.10/5.15] x", "x", (1, 0), None, ("5.10", "5.15"), (), False, True),
    ("[PATCH 6.1.y 07/10] x", "x", (1, 0), (7, 10), ("6.1",), (), False, True),
    ("[PATCH AUTOSEL 6.18] x", "x", (1, 0), None, ("6.18",), ("AUTOSEL",), False, True),
    ("[PATCH RESEND 4/6] x", "x", (1, 0), (4, 6), (), ("RESEND",), False, True),
    ("[RESEND PATCH v7] x", "x", (7, 0), None, (), ("RESEND",), False, True),
    ("[PATCH RFC net] x", "x", (1, 0), None, (), ("RFC",), False, True),
    ("[RFC PATCH v2 0/9] x", "x", (2, 0), (0, 9), (), ("RFC",), False, True),
    ("Re: [PATCH net-next v3 1/2] x", "x", (3, 0), (1, 2), (), (), True, True),
    ("RE: Re: [PATCH] x", "x", (1, 0), None, (), (), True, True),
    ("[PATCH] [media] x: y", "[media] x: y", (1, 0), None, (), (), False, True),
    ("[linux-crypto] [PATCH v2] x", "x", (2, 0), None, (), (), False, True),
    ("[syzbot] [crypto?] KASAN: bad", "[syzbot] [crypto?] KASAN: bad", (1, 0), None, (), (), False, False),
    ("[v2] just words", "just words", (1, 0), None, (), (), False, False),
    ("Re: AF_ALG hardening", "AF_ALG hardening", (1, 0), None, (), (), True, False),
    ("[PATCH ] ", "[PATCH ]", (1, 0), None, (), (), False, True),
    ("", "", (1, 0), None, (), (), False, False),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form[0]) or "empty")
def test_a_subject_is_taken_apart(form: tuple[object, ...]) -> None:
    """Title, revision, part, branches, flags, and whether it answers or carries a patch."""
    found = parse_subject(str(form[0]))
    part = None if found.part is None else (found.part, found.parts)
    revision = (found.revision, found.revision_point)
    told = (form[0], found.title, revision, part, found.branches, found.flags, found.is_reply, found.is_patch)
    assert told == form


@pytest.mark.parametrize("subject", ["[" * 5_000, "[PATCH] " * 2_000, "Re: " * 4_000, "[PATCH v" + "9" * 4_000 + "] x"])
def test_a_monstrous_subject_is_cut(subject: str) -> None:
    """In bounded time, to something no longer than the limit."""
    assert len(parse_subject(subject).text) <= 1_000


def test_titles_are_compared_without_case_space_and_full_stop() -> None:
    """And nothing else."""
    assert normalise_title("  Crypto:  X - Y. ") == "crypto: x - y"
