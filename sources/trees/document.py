"""Our own documents of a tree: what fetch read from git, as JSON, so that parse stays pure and a rebuild needs no git.

    {"patchwatch": "commit", "tree", "branch", "commit", "author": {"name", "email", "at"}, "committed_at", "message",
     "files": [], "patch_id", "tags": [{"name", "at"}]}         url: BASE/commit/?id=ID (&h=BRANCH where branches count)
    {"patchwatch": "queued", "tree", "branch", "file", "commit", "committed_at", "patch"}    url: BASE/plain/FILE
    {"patchwatch": "refs", "tree", "branch", "old", "new", "dropped": []}    url: BASE/log/?h=BRANCH&qt=range&q=NEW..OLD

`message` is the whole message with its subject; `tags` holds the first release tag that contains the commit, or nothing
yet; `patch` is the text of a file of the stable queue; `dropped` are the ids that a forced push took out of the branch.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

KIND: Final = "commit"
LONGEST_MESSAGE: Final = 64 * 1024
LONGEST_PATCH: Final = 1024 * 1024
MOST_FILES: Final = 1_000
MOST_DROPPED: Final = 20_000

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Person(msgspec.Struct):
    """An author as the commit names it; `at` is the author's own time."""

    name: str
    email: str
    at: Moment


class Tag(msgspec.Struct):
    name: str
    at: Moment


class CommitDocument(msgspec.Struct, tag_field="patchwatch", tag="commit"):
    tree: str
    branch: str
    commit: str
    author: Person
    committed_at: Moment
    message: str
    files: list[str] = []
    patch_id: str | None = None
    tags: list[Tag] = []


class QueuedDocument(msgspec.Struct, tag_field="patchwatch", tag="queued"):
    tree: str
    branch: str
    file: str
    commit: str
    committed_at: Moment
    patch: str


class RefsDocument(msgspec.Struct, tag_field="patchwatch", tag="refs"):
    tree: str
    branch: str
    old: str
    new: str
    dropped: list[str] = []


TreeDocument = CommitDocument | QueuedDocument | RefsDocument


def encode(document: TreeDocument) -> bytes:
    """The same document gives the same bytes."""
    return msgspec.json.encode(document)
