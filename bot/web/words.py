"""The words of the field that the pages use, each with a sentence; the about page lists them, others link to them."""

from __future__ import annotations

# (anchor, word, what it means)
WORDS = (
    ("advisory", "advisory", "The one record kept here for one matter. Its id PW-<year>-<n> stays for ever."),
    ("upstream-word", "upstream, mainline", "The kernel as kernel.org publishes it; mainline is its main tree."),
    ("stable-word", "stable, branch", "An older series that still gets fixes, such as 6.12.y. The dist tag in EL."),
    ("backport", "backport", "A fix brought to an older kernel. Its version then says nothing about the fix."),
    ("stage-posted", "posted", "The patch was sent to a mailing list for review."),
    ("stage-applied", "applied", "A maintainer took the patch into the tree of that part of the kernel."),
    ("stage-next", "next", "The patch is in linux-next, where the next release is tried out."),
    ("stage-mainline", "mainline (stage)", "The patch is in the main tree, and in every release made of it since."),
    ("stage-stable", "stable (stage)", "The patch was released in at least one stable series."),
    ("stage-packaged", "packaged", "A distribution has published a kernel package with it."),
    ("landing", "landing", "A patch in one tree: at which stage, since when, and how it was recognised."),
    ("erratum", "erratum", "A vendor's own notice of an update: DSA, DLA, USN, RHSA, ALSA, ELSA, ALAS and others."),
    ("mitigation", "mitigation", "What helps without a fixed kernel. It may do nothing, and may break things."),
    ("live-patch", "live patch", "Code put into the running kernel. After a reboot into an old kernel it is gone."),
    ("stream", "stream", "A line of updates beside the main one of a release: eus, ltss, esm-infra, uek7."),
    ("cve", "CVE", "The public number of a flaw. The kernel project gives its own (it is their CNA)."),
    ("cvss", "CVSS, severity", "A score from 0 to 10 for how bad a flaw is; from 7.0 it is high, from 9.0 critical."),
    ("kev", "KEV, exploited", "The list of the US agency CISA of flaws that attackers are known to use."),
    ("ssvc", "SSVC", "CISA's word on exploitation: none, poc (example code is public) or active."),
    ("epss", "EPSS", "A guess, from 0 to 1, that a flaw is used by attackers within 30 days."),
    ("cwe", "CWE", "The kind of mistake behind a flaw, as a number of a public list."),
    ("step-states", "proposed, queued, merged, shipped", "Sent as a patch; taken up; in the main tree; released."),
    ("estimate", "estimate", "Our own guess of a date, by the pace of past kernel releases. Nobody has promised it."),
    ("evidence", "evidence, SHA-256", "The document behind a claim, when it was fetched, and its fingerprint."),
)  # fmt: skip
