"""Amazon Linux' live addresses."""

from __future__ import annotations

from typing import Final

from sources.base import FetchContext

_CDN: Final = "https://cdn.amazonlinux.com"

SETTINGS: Final[dict[str, str | tuple[str, ...]]] = {
    "url": ("https://alas.aws.amazon.com/AL2023/alas.rss", "https://alas.aws.amazon.com/AL2/alas.rss"),
    "repositories": (
        f"{_CDN}/al2023/core/mirrors/latest/x86_64/mirror.list",
        f"{_CDN}/al2023/kernel-livepatch/mirrors/latest/x86_64/mirror.list",
        f"{_CDN}/2/core/latest/x86_64/mirror.list",
        f"{_CDN}/2/extras/kernel-5.4/latest/x86_64/mirror.list",
        f"{_CDN}/2/extras/kernel-5.10/latest/x86_64/mirror.list",
        f"{_CDN}/2/extras/kernel-5.15/latest/x86_64/mirror.list",
    ),
}


def asked_repositories(context: FetchContext) -> tuple[str, ...]:
    """Every mirror.list; not the live ones when the operator moved `url` to a server of theirs."""
    moved = context.settings["url"] != SETTINGS["url"]
    if moved and context.settings["repositories"] == SETTINGS["repositories"]:
        return ()
    return context.urls("repositories")
