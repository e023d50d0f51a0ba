"""The peer of the feed bench: an application that writes its feed by feedgen for every request."""

from __future__ import annotations

import sys
from pathlib import Path

import feedparser
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.benches.peers import load_peer


def main() -> None:
    """Serves the entries of the Atom file of argument 1 on the port of argument 2."""
    with Path(sys.argv[1]).open("rb") as file:
        parsed = feedparser.parse(file)
    entries = [(one.id, one.title, one.link, one.updated, one.content[0].value) for one in parsed.entries]
    generator = load_peer("feedgen.feed").FeedGenerator

    async def answer(request: Request) -> Response:
        feed = generator()
        feed.id("https://example.org/feed")
        feed.title("Bench")
        feed.link(href="https://example.org/")
        for identity, title, link, updated, content in entries:
            entry = feed.add_entry()
            entry.id(identity)
            entry.title(title)
            entry.link(href=link)
            entry.updated(updated)
            entry.content(content, type="html")
        return Response(feed.atom_str(), media_type="application/atom+xml")

    uvicorn.run(
        Starlette(routes=[Route("/all.atom", answer)]), port=int(sys.argv[2]), log_level="error", access_log=False
    )


if __name__ == "__main__":
    main()
