"""The CNA's files in their own format, made from pairs of vulnerable and fixed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sources.base import RawDocument

BASE = "https://git.kernel.org/pub/scm/linux/security/vulns.git"
AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ORGANISATION = "f4215fc3-5b6b-47ff-a258-f7189bd81038"
VECTOR = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"

# CVE-2026-46028, two of its branches: (introduced release, commit, fixed release, commit)
INTRODUCED = "d887c52d6ae43aeebd249b5f2f1333e60236aa60"
PAIRS = (
    ("4.14", INTRODUCED, "6.18.27", "ebc235675f24b0e3f8bc92b8419471d42f837d8f"),
    ("4.14", INTRODUCED, "7.0.4", "3d72f8c6490dc79210b64270740cb2a8619361a4"),
    ("4.14", INTRODUCED, "7.1", "5aa58c3a572b3e3b6c786953339f7978b845cc52"),
)
FILES = ("crypto/algif_aead.c",)
TITLE = "crypto: algif_aead - snapshot IV for async AEAD requests"
WORDS = "An asynchronous AEAD request shared its initialisation vector with the socket."


def raw(body: bytes, name: str, *, folder: str = "published", at: datetime = AT) -> RawDocument:
    """`body` as the file `name` of the repository ("CVE-2026-46028.json")."""
    url = f"{BASE}/plain/cve/{folder}/{name[4:8]}/{name}"
    return RawDocument(source="kernel-cna", url=url, at=at, body=body)


def record(cve: str, pairs: tuple[tuple[str, str, str, str], ...] = PAIRS, **changes: object) -> bytes:
    """A published record. changes: files, title, cna (a table laid over the CNA's container), adp, metadata."""
    files = changes.get("files", FILES)
    product = {"product": "Linux", "vendor": "Linux", "repo": "https://git.kernel.org/", "programFiles": files}
    commits = [
        {"version": introduced, "lessThan": fixed, "status": "affected", "versionType": "git"}
        for _, introduced, _, fixed in pairs
    ]
    cna = {
        "providerMetadata": {"orgId": ORGANISATION},
        "descriptions": [{"lang": "en", "value": WORDS}],
        "affected": [
            {**product, "defaultStatus": "unaffected", "versions": commits},
            {**product, "defaultStatus": "affected", "versions": _versions(pairs)},
        ],
        "references": [{"url": f"https://git.kernel.org/stable/c/{fixed}"} for *_, fixed in pairs],
        "title": changes.get("title", TITLE),
        "x_generator": {"engine": "bippy-1.2.0"},
    }
    cna.update(changes.get("cna", {}))  # type: ignore[call-overload]  # a table by its name
    containers: dict[str, object] = {"cna": cna}
    if "adp" in changes:
        containers["adp"] = changes["adp"]
    metadata = {"assignerOrgId": ORGANISATION, "cveId": cve, "state": "PUBLISHED", **changes.get("metadata", {})}  # type: ignore[dict-item]
    document = {
        "containers": containers,
        "cveMetadata": metadata,
        "dataType": "CVE_RECORD",
        "dataVersion": "5.1.1",
    }
    return json.dumps(document, indent=3).encode()


def _versions(pairs: tuple[tuple[str, str, str, str], ...]) -> list[dict[str, str]]:
    since = pairs[0][0]
    versions = [
        {"version": since, "status": "affected"},
        {"version": "0", "lessThan": since, "status": "unaffected", "versionType": "semver"},
    ]
    for *_, fixed, _ in pairs:
        mainline = fixed.count(".") == 1
        versions.append(
            {
                "version": fixed,
                "lessThanOrEqual": "*" if mainline else fixed.rpartition(".")[0] + ".*",
                "status": "unaffected",
                "versionType": "original_commit_for_fix" if mainline else "semver",
            }
        )
    return versions


def dyad(pairs: tuple[tuple[str, str, str, str], ...] = PAIRS) -> bytes:
    head = f"# dyad version: 1.2.0\n# \tgetting vulnerable:fixed pairs for git id {pairs[-1][3]}\n"
    return (head + "".join(":".join(pair) + "\n" for pair in pairs)).encode()


def cvss(vector: str = VECTOR) -> bytes:
    return f"{ORGANISATION} {vector}\n\nAV:L - Reached by local system calls\n    only.\n".encode()


def announcement(cve: str, pairs: tuple[tuple[str, str, str, str], ...] = PAIRS) -> bytes:
    affected = "".join(
        f"\tIssue introduced in {since} with commit {introduced} and fixed in {fixed} with commit {commit}\n"
        for since, introduced, fixed, commit in pairs
    )
    links = "".join(f"\thttps://git.kernel.org/stable/c/{commit}\n" for *_, commit in pairs)
    return f"""\
From bippy-1.2.0 Mon Sep 17 00:00:00 2001
From: Greg Kroah-Hartman <gregkh@kernel.org>
To: <linux-cve-announce@vger.kernel.org>
Subject: {cve}: {TITLE}

Description
===========

{WORDS}

The Linux kernel CVE team has assigned {cve} to this issue.


Severity
========

  CVSS v3.1: 7.8 HIGH
  Vector:    {VECTOR}


Affected and fixed versions
===========================

{affected}
Unaffected versions might change over time.


Affected files
==============

The file(s) affected by this issue are:
\t{FILES[0]}


Mitigation
==========

Update. The commits are:
{links}""".encode()
