"""The words by which a maintainer, b4 or the patchwork bot says that a patch was applied. Only own words count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from advisories.mail_values import AppliedCommit

_DONE = frozenset({"applied", "queued", "pushed", "merged"})
_LEADS = frozenset(
    {
        "ok", "okay", "alright", "great", "good", "perfect", "cool", "nice", "thanks", "thank", "you", "thx",
        "much", "so", "very", "for", "these", "fixing", "doing", "sending", "cheers", "i", "i've", "we've",
        "we", "have", "has", "had", "been", "is", "are", "was", "were", "now", "just", "also", "finally", "and",
        "both", "all", "everything", "the", "this", "that", "it", "them", "whole", "entire", "full", "rest",
        "of", "patch", "patches", "patchset", "patchsets", "series", "commit", "commits", "set", "first",
        "last", "two", "three", "lgtm", "looks", "look", "to", "me", "fine",
    }
)  # fmt: skip
_OBJECTS = frozenset(
    {
        "up", "this", "it", "these", "them", "both", "all", "everything", "the", "whole", "entire", "full",
        "patch", "patches", "patchset", "series", "set", "commit", "commits", "first", "last", "two", "three",
        "and", "through", "-", "only",
    }
)  # fmt: skip
_AFTER = frozenset(
    {
        "thanks", "thank", "thx", "cheers", "with", "as", "by", "via", "manually", "now", "after", "instead",
        "again", "too", "already", "both", "and",
    }
)  # fmt: skip
_TO = frozenset({"to", "in", "into", "for", "on", "onto"})
_NO_TREE = frozenset(
    {
        "top", "a", "an", "your", "our", "linux", "review", "testing", "local", "it", "this", "that", "them",
        "kernel", "merge", "approval",
    }
)  # fmt: skip
_ARTICLES = frozenset({"the", "my", "our"})
_NUMBERS = re.compile(r"\[?#?[0-9]{1,3}(?:[-/][0-9]{1,3}){0,3}\]?|v[0-9]{1,3}")
_TREE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,100}")
_TREE_WORDS = frozenset({"tree", "branch", "queue", "queues", "tag"})
_VERSION = re.compile(r"v?[0-9]+\.[0-9]+(?:\.[0-9]+|-rc[0-9]+)$")
_TOKEN = re.compile(r"[^\s,;:!()\"'`]+(?:'[a-z]+)?|[,;:!()]")
_STOPS = frozenset(",;:!()")
_BOT = re.compile(r"^This (?:patch|series|pull request) was applied to (\S{1,120})", re.MULTILINE)
_TY = re.compile(r"^Applied(?: to ([^,\n]{1,120}?))?(?:, thanks!|[ \t]*$)", re.MULTILINE)
_TY_LINE = re.compile(
    r"^[ \t]*(?:- )?\[(?:[^\]\n]{0,60}?[ ,])?(?P<part>[0-9]{1,4})/[0-9]{1,4}\][ \t]*(?P<title>[^\n]{1,300})\n"
    r"[ \t]*(?:commit: (?P<commit>[0-9a-f]{7,40})|https?://[^\s]{1,200}/c/(?P<link>[0-9a-f]{7,40})|\(no commit info\))",
    re.MULTILINE,
)
_BOT_LINE = re.compile(
    r"^[ \t]*- (?P<title>[^\n]{1,300})\n[ \t]*https?://[^\s]{1,200}/c/(?P<commit>[0-9a-f]{7,40})", re.MULTILINE
)
_LINES_READ = 400
_SENTENCE_LIMIT = 300
_LEAD_LIMIT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an "applied" mail says: the tree it names, if any, and its patches."""

    tree: str | None
    commits: tuple[AppliedCommit, ...] = ()


def read_applied(lines: Sequence[str]) -> Applied | None:
    """The statement that a patch was applied, among a reply's own lines (no quote, no signature), or None."""
    text = "\n".join(islice(lines, _LINES_READ))
    if "pplied" not in text and "ueued" not in text and "ushed" not in text and "erged" not in text:
        return None
    commits = _commits(text)
    if bot := _BOT.search(text):
        return Applied(tree=bot[1].rstrip(",."), commits=commits)
    if commits and (thanks := _TY.search(text)):
        return Applied(tree=thanks[1], commits=commits)
    for line in text.split("\n"):
        said = _said(line[:_SENTENCE_LIMIT])
        if said is not None:
            return said
    return None


def _said(line: str) -> Applied | None:
    """Whether the first sentence of a line that names it says "applied", in the indicative and of the patch itself."""
    for sentence in re.split(r"(?<=[.!?])\s+", line.strip()):
        tokens = _TOKEN.findall(sentence)
        words = [one.lower().rstrip(".") for one in tokens]
        at = next((number for number, word in enumerate(words) if word in _DONE), None)
        if at is None:
            continue
        leads = words[:at]
        if at > _LEAD_LIMIT or sentence.endswith("?") or not all(_is_lead(word) for word in leads):
            return None
        return _completed(tokens[at + 1 :])
    return None


def _is_lead(word: str) -> bool:
    return word in _LEADS or word in _STOPS or word in {"&", "-"} or _NUMBERS.fullmatch(word) is not None


def _completed(tokens: Sequence[str]) -> Applied | None:
    rest = list(tokens)
    while rest and (rest[0].lower().rstrip(".") in _OBJECTS or _NUMBERS.fullmatch(rest[0])):
        if rest.pop(0).endswith("."):
            return Applied(tree=None)
    if not rest or rest[0] in _STOPS or rest[0] == ".":
        return Applied(tree=None)
    word = rest[0].lower().rstrip(".")
    if word in _TO:
        return _to_tree(rest[1:])
    if word in _AFTER:
        return Applied(tree=None)
    return None


def _to_tree(tokens: Sequence[str]) -> Applied | None:
    """ "applied on v6.18.22" or "to my kernel" is a tester's word and names no tree."""
    named = [one for one in tokens if one.lower() not in _ARTICLES][:2]
    if not named:
        return None
    tree = named[0].rstrip(".")
    if _VERSION.match(tree) or tree.lower() in _NO_TREE or _TREE.fullmatch(tree) is None:
        return None
    if tree.lower() in _TREE_WORDS:
        return Applied(tree=None)
    return Applied(tree=tree)


def _commits(text: str) -> tuple[AppliedCommit, ...]:
    found = [
        AppliedCommit(part=int(match["part"]), title=match["title"].strip(), commit=match["commit"] or match["link"])
        for match in islice(_TY_LINE.finditer(text), 500)
    ]
    return tuple(found) or tuple(
        AppliedCommit(part=None, title=match["title"].strip(), commit=match["commit"])
        for match in islice(_BOT_LINE.finditer(text), 500)
    )
