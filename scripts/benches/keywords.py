"""The cheap look at a mail before anything is parsed: our watched words, paths and ids against one re.I alternation."""

from __future__ import annotations

import re

from bot.topic_files import load_topics, watch_of
from scripts.benches.documents import mails
from scripts.benches.figure import Figure
from scripts.benches.rounds import rates
from sources.formats.watched import WatchedTerms

COUNT = 500


def run() -> list[Figure]:
    watch = watch_of(load_topics(()))
    terms = WatchedTerms.of(watch)
    asked = [*watch.cves, *watch.commits, *watch.words, *watch.kconfig, *(one.strip("*") for one in watch.subjects)]
    asked += [one.strip("*") for one in watch.paths]
    alternation = re.compile("|".join(sorted(re.escape(one) for one in asked if one)).encode(), re.IGNORECASE)
    raws = list(mails(COUNT))
    hits = [raws[0] + b"\n" + word.encode() + b"\n" for word in watch.words]
    if any(not terms.are_in(one) for one in hits) or any(not alternation.search(one) for one in hits):
        raise RuntimeError("a watched word was passed over")
    return [
        rates(
            "watched words in mail",
            sum(map(len, raws)) / 1e6,
            "MB/s CPU",
            lambda: [terms.are_in(raw) for raw in raws],
            "re.I alternation",
            lambda: [alternation.search(raw) for raw in raws],
            least=5.0,
        )
    ]
