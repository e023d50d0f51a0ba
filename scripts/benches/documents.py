"""Large documents in the trackers' own forms, generated: the same bytes in every run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

RELEASES = {
    "bullseye": ("5.10", "11"), "bookworm": ("6.1", "12"), "trixie": ("6.12", "13"), "forky": ("6.19", "14"),
    "sid": ("6.19", ""),
}  # fmt: skip
BRANCHES = ("5.10", "5.15", "6.1", "6.6", "6.12", "6.18", "6.19")
_START = datetime(2025, 1, 2, 8, tzinfo=UTC)
_SENTENCE = (
    "In the Linux kernel, the following vulnerability has been resolved: a buffer of the driver is released while a"
    " request still uses it. Take a reference for the time of the request and drop it when the request is complete. "
)


def cve_name(number: int) -> str:
    return f"CVE-2025-{20_000 + number}"


def when(number: int, count: int) -> datetime:
    """The moment of one of `count` records that are spread over a year."""
    return _START + timedelta(seconds=number * (364 * 86_400 // max(count, 1)))


def commit_id(number: int) -> str:
    return f"{number * 2_654_435_761 % (1 << 64):016x}{number:024x}"


def debian_release(codename: str, number: int) -> dict[str, object]:
    """One release of an issue, of the four kinds that make up nearly all of the tracker."""
    base, _ = RELEASES[codename]
    newest = f"{base}.{170 + number % 20}-1"
    said: dict[str, object] = {"status": "resolved", "repositories": {codename: newest}}
    if codename in ("bullseye", "bookworm", "trixie"):
        said["repositories"] = {codename: newest, f"{codename}-security": newest}
    kind = (number * 7 + len(codename)) % 10
    if kind < 6:
        said |= {"fixed_version": f"{base}.{100 + number % 70}-1", "urgency": "not yet assigned"}
    elif kind < 8:
        said |= {"fixed_version": "0", "urgency": "unimportant"}
    elif kind == 8:
        said |= {"status": "open", "urgency": "not yet assigned"}
    else:
        said |= {"status": "open", "urgency": "not yet assigned", "nodsa": "Minor issue", "nodsa_reason": "postponed"}
    return said


def debian_issue(number: int) -> dict[str, object]:
    return {
        "description": _SENTENCE[: 60 + number * 37 % 150],
        "scope": "local",
        "releases": {codename: debian_release(codename, number) for codename in RELEASES},
    }


def debian_tracker(pairs: int, kernel_pairs: int, padding: int = 0) -> bytes:
    """The security tracker's JSON: kernel_pairs of `pairs` are about linux; padding: further bytes of description."""
    packages: dict[str, dict[str, dict[str, object]]] = {}
    for number in range(pairs):
        package = "linux" if number < kernel_pairs else f"package-{number % 3_000}"
        issue = debian_issue(number)
        if padding:
            issue["description"] = (_SENTENCE * (padding // len(_SENTENCE) + 2))[: padding + number * 37 % 150]
        packages.setdefault(package, {})[cve_name(number)] = issue
    return json.dumps(packages).encode()


def osv_record(number: int) -> bytes:
    """A record of the Enterprise Linux family as its git repository has them: one entry a binary package, indented."""
    fixed = f"5.14.0-{400 + number % 200}.{number % 40}.1.el9_{number % 8}"
    packages = [
        f"kernel-{part}" for part in ("core", "debug", "devel", "doc", "headers", "modules", "rt", "tools", "uki")
    ]
    affected = [
        {
            "package": {"ecosystem": "AlmaLinux:9", "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
        }
        for name in (packages * 6)[: 1 + number * 7 % 24]
    ]
    record = {
        "id": f"ALSA-2025:{10_000 + number}",
        "summary": "Important: kernel security update",
        "details": _SENTENCE * (2 + number % 4),
        "published": "2025-03-01T08:00:00Z",
        "modified": f"2025-{1 + number % 12:02d}-{1 + number % 28:02d}T09:00:00Z",
        "related": [cve_name(number + step) for step in range(1 + number % 6)],
        "affected": affected,
        "references": [
            {"type": "REPORT", "url": f"https://access.redhat.com/security/cve/{cve_name(number + step)}"}
            for step in range(1 + number % 12)
        ],
    }
    return json.dumps(record, indent=2).encode()


def cve_page(rows: int) -> bytes:
    """The Debian tracker's page of one CVE, with `rows` rows in its table of suites."""
    return (
        "<!DOCTYPE html><html><head><title>CVE-2025-20001</title></head><body><header><h1>CVE-2025-20001</h1></header>"
        "<table><tr><td><b>Name</b></td><td>CVE-2025-20001</td></tr></table><h2>Vulnerable and fixed packages</h2>"
        "<table><tr><th>Source Package</th><th>Release</th><th>Version</th><th>Status</th></tr>"
        f"{''.join(map(_row, range(rows)))}</table></body></html>"
    ).encode()


def _row(number: int) -> str:
    codename = tuple(RELEASES)[number % len(RELEASES)]
    package, version = "" if number % 5 else "linux", f"{RELEASES[codename][0]}.{number}-1"
    colour, word = ("green", "fixed") if number % 3 else ("red", "vulnerable")
    status = f'<span class="{colour}">{word}</span>'
    return f"<tr><td>{package}</td><td>{codename}</td><td>{version}</td><td>{status}</td></tr>"


def cna_record(number: int, count: int) -> bytes:
    """A record of the kernel's CNA as its repository has them: commits as git ranges, releases as semver."""
    moment = when(number, count).isoformat().replace("+00:00", "Z")
    path = f"drivers/net/bench{number % 90}.c"
    fixes = {branch: f"{branch}.{30 + number % 60}" for branch in BRANCHES}
    product = {
        "product": "Linux",
        "vendor": "Linux",
        "defaultStatus": "unaffected",
        "repo": "https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git",
        "programFiles": [path],
        "versions": [
            {
                "version": commit_id(900_000 + number),
                "lessThan": commit_id(number * 10 + place),
                "status": "affected",
                "versionType": "git",
            }
            for place in range(len(BRANCHES) + 1)
        ],
    }
    releases = {
        **{key: product[key] for key in ("product", "vendor", "repo", "programFiles")},
        "defaultStatus": "affected",
        "versions": [
            {"version": "4.14", "status": "affected"},
            {"version": "0", "lessThan": "4.14", "status": "unaffected", "versionType": "semver"},
            *(
                {"version": fixed, "lessThanOrEqual": f"{branch}.*", "status": "unaffected", "versionType": "semver"}
                for branch, fixed in fixes.items()
            ),
            {
                "version": "7.0",
                "lessThanOrEqual": "*",
                "status": "unaffected",
                "versionType": "original_commit_for_fix",
            },
        ],
    }
    cna = {
        "providerMetadata": {"orgId": "416baaa9-dc9f-4396-8d5f-8c081fb06d67"},
        "title": f"net: bench{number % 90}: take a reference for request {number}",
        "descriptions": [{"lang": "en", "value": _SENTENCE * 5}],
        "affected": [product, releases],
        "references": [
            {"url": f"https://git.kernel.org/stable/c/{commit_id(number * 10 + place)}"}
            for place in range(len(BRANCHES) + 1)
        ],
        "x_generator": {"engine": "bippy-1.2.0"},
    }
    record = {
        "containers": {"cna": cna},
        "cveMetadata": {
            "assignerOrgId": "416baaa9-dc9f-4396-8d5f-8c081fb06d67",
            "cveID": cve_name(number),
            "requesterUserId": "bench@example.org",
            "serial": "1",
            "state": "PUBLISHED",
            "datePublished": moment,
            "dateUpdated": moment,
        },
        "dataType": "CVE_RECORD",
        "dataVersion": "5.0",
    }
    return json.dumps(record, indent=4).encode()


_PEOPLE = ("Ada Example <ada@example.org>", "Béla Példa <bela@example.net>", '"Cleo, Sample" <cleo@example.com>')
_HUNK = "".join(
    f"@@ -{at},6 +{at},8 @@ static int bench_{at}(struct request *req)\n \tint ret;\n \n+\tif (!req)\n"
    "+\t\treturn -EINVAL;\n \tret = bench_take(req);\n \tif (ret)\n \t\treturn ret;\n"
    for at in range(10, 4_000, 40)
)


def mail(number: int, size: int = 10_800) -> bytes:
    """A mail of a list of about `size` bytes: three of four are patches, every tenth has an encoded name or is quoted-
    printable as many mailers write them."""
    who = _PEOPLE[number % 2] if number % 10 else _PEOPLE[2]
    name, _, address = who.rpartition(" ")
    if not name.isascii():
        name = "=?utf-8?q?B=C3=A9la_P=C3=A9lda?="
    reply = number % 4 == 3
    title = f"net: bench{number % 90}: take a reference for request {number}"
    subject = f"Re: [PATCH v2 {1 + number % 5}/5] {title}" if reply else f"[PATCH v2 {1 + number % 5}/5] {title}"
    text = f'{_SENTENCE}\n\nFixes: {commit_id(number)[:12]} ("net: bench: add requests")\n'
    text += f"Signed-off-by: {who}\n"
    if reply:
        text = "On Monday somebody wrote:\n" + "".join(f"> {line}\n" for line in text.split("\n")) + "\nLooks good.\n"
    diff = "---\n drivers/net/bench.c | 4 ++--\n 1 file changed\n\n"
    diff += "diff --git a/drivers/net/bench.c b/drivers/net/bench.c\n"
    diff += f"index {commit_id(number)[:12]}..{commit_id(number + 1)[:12]} 100644\n"
    diff += "--- a/drivers/net/bench.c\n+++ b/drivers/net/bench.c\n"
    hunks = _HUNK[: max(0, size - 1_600)]
    body = text if reply else f"{text}{diff}{hunks[: hunks.rfind(chr(10)) + 1]}-- \n2.50.1\n"
    if reply:
        body += "".join(f"> {line}\n" for line in _HUNK[: max(0, size - 2_000)].split("\n"))
    stamp = when(number, 65_000).strftime("%a, %d %b %Y %H:%M:%S +0000")
    head = (
        f"Received: from mx.example.org by vger.kernel.org; {stamp}\r\nFrom: {name} {address}\r\n"
        f"To: linux-crypto@vger.kernel.org\r\nCc: netdev@vger.kernel.org, stable@vger.kernel.org\r\n"
        f"Subject: {subject}\r\nDate: {stamp}\r\nMessage-ID: <bench-{number}@example.org>\r\n"
        f"In-Reply-To: <bench-{number - number % 4}@example.org>\r\n"
        f"References: <bench-{number - number % 4}@example.org>\r\nList-Id: <linux-crypto.vger.kernel.org>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
    )
    return head.replace("\r\n", "\n").encode() + body.encode()


def varied_mail(number: int, size: int = 2_400) -> bytes:
    """A mail whose text compresses as people's does, to about a third: words of code, drawn anew for each mail."""
    chance = random.Random(number)
    stems = (
        "alg",
        "buf",
        "ctx",
        "dev",
        "ent",
        "flag",
        "get",
        "hash",
        "init",
        "key",
        "len",
        "map",
        "node",
        "out",
        "put",
    )
    words = [f"{first}_{second}{number}" for first in stems for second in stems for number in ("", "2", "s", "_t")]
    text = " ".join(
        chance.choice(words) if chance.random() < 0.6 else str(chance.randrange(4_000)) for _ in range(size // 7)
    )
    lines = "\n".join(text[at : at + 72] for at in range(0, len(text), 72))
    head, _, _ = mail(number, 2_000).partition(b"\n\n")
    return head + b"\n\n" + lines.encode() + b"\n"


def mails(count: int) -> Iterator[bytes]:
    return (mail(number) for number in range(count))
