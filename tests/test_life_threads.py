"""Mail never seen before: generated threads, each mail in a role it may have, each patch at its true stages."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from advisories.mail import PatchMail, parse_mail
from tests.advisories.lives import fold
from tests.life_threads import Threads, what_is_said

SEEDS = range(6)


def grown(seed: int) -> tuple[Threads, list[PatchMail]]:
    threads = Threads(seed)
    threads.grow(150)
    parsed = [parse_mail(one.raw, received_at=datetime.fromtimestamp(one.at, UTC)) for one in threads.mails]
    return threads, parsed


@pytest.mark.parametrize("seed", SEEDS)
def test_every_mail_has_a_role_it_may_have(seed: int) -> None:
    """And none raises."""
    threads, mails = grown(seed)
    wrong = [
        (one.msgid, mail.role, mail.subject)
        for one, mail in zip(threads.mails, mails, strict=True)
        if mail.role not in one.roles
    ]
    assert wrong == []


@pytest.mark.parametrize("seed", SEEDS)
def test_every_patch_is_at_its_true_stages(seed: int) -> None:
    """Revisions, applied, stable queue, reviewers and refused backports: all of them and no others, in any order."""
    threads, mails = grown(seed)
    random.Random(seed).shuffle(mails)
    assert what_is_said(fold(*mails)) == threads.truth()
