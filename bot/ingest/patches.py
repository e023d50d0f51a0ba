"""Mails and commits of a batch into patches (joined with the mail side of the life of a patch)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from advisories.model import ChangeDraft
from advisories.topics import Topic
from storage.records import NewVersion


def apply_patches(
    connection: Connection, topics: Sequence[Topic], versions: Sequence[NewVersion], *, at: datetime, emits: bool
) -> list[ChangeDraft]:
    """Takes the batch's mails and commits into patches; the changes that follow."""
    return []
