"""The mails and documents that go with the trees: read in place, with our ids, or our own where there are none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

from sources.registry import source_names
from tests.life_world import Fact, World, seconds
from tests.servers.inbox import Received
from tests.servers.trees import Commit, GitServer, Tree
from tests.sources.kernel_cna import records

LISTED = "2026-10-05"
BRANCHES = {"trixie": "6.12", "bookworm": "6.1", "bullseye": "5.10"}
_DEBIAN = {"trixie": "6.12.85-1", "bookworm": "6.1.170-1", "bullseye": "5.10.251-3", "sid": "6.19.12-1"}
COPY_FAIL = "CVE-2026-31431"


def real_mails(shared: Path) -> list[Received]:
    """The mails of linux-crypto in order of time."""
    found = []
    for path in sorted((shared / "lore" / "linux-crypto").glob("*.eml")):
        raw = path.read_bytes()
        at = parsedate_to_datetime(str(message_from_bytes(raw)["Date"]))
        found.append(Received(raw=raw, at=int(at.timestamp())))
    return sorted(found, key=lambda one: one.at)


def own_posting(world: World, change: Fact) -> Received:
    """A posting after the real mails end, with the diff that git gives for the commit."""
    tree = world.trees[change["tree"]]
    diff = tree.git("show", "--format=", "--stat", "--patch", world.ids[change["commit"]])
    at = seconds(change["posted"]["v1"], 1)
    who = f"{change['author']} <{change['email']}>"
    lines = [
        f"From: {who}",
        f"Subject: [PATCH] {change['title']}",
        f"Message-ID: <{change['message_id']}>",
        f"Date: {format_datetime(datetime.fromtimestamp(at, UTC))}",
        "List-Id: <linux-crypto.vger.kernel.org>",
        "",
        "What changes, and why.",
        "",
        f"Signed-off-by: {who}",
        "---",
        diff,
        "-- ",
        "2.54",
    ]
    return Received(raw="\n".join([*lines, ""]).encode(), at=at)


def life_mails(world: World, shared: Path) -> list[Received]:
    own = [own_posting(world, one) for one in world.changes if one.get("own_mail")]
    return sorted([*real_mails(shared), *own], key=lambda one: one.at)


def vulns(server: GitServer, world: World, shared: Path, *, at: int) -> Tree:
    """vulns.git: the CNA's newest files, and records of our own for the CVEs of the table that it lacks there."""
    tree = server.create("pub/scm/life/vulns.git")
    folder = "cve/published/2026"
    files: dict[str, str | None] = {
        f"{folder}/{path.name}": world.translated(path.read_bytes()).decode()
        for path in (shared / "kernel-cna" / "current").iterdir()
    }
    for change in world.changes:
        if cve := change.get("cve"):
            pairs = fixed_pairs(world, change)
            record = records.record(cve, pairs, title=change["title"], files=change["files"])
            files[f"{folder}/{cve}.json"] = record.decode()
            files[f"{folder}/{cve}.dyad"] = records.dyad(pairs).decode()
    tree.commit(Commit(message="Publish CVEs", files=files, at=at))
    return tree


def fixed_pairs(world: World, change: Fact) -> tuple[tuple[str, str, str, str], ...]:
    """As .dyad has them: the releases and commits that fix it, each branch's and mainline's."""
    stable = world.trees["stable"]
    found = []
    for branch, version in change["stable"].items():
        lines = stable.git("log", "--format=%H %s", f"refs/heads/linux-{branch}.y", f"^v{branch}").splitlines()
        found += [
            ("4.14", records.INTRODUCED, version, line[:40])
            for line in lines
            if line[41:] == change.get("applied_as", change["title"])
        ]
    return (*found, ("4.14", records.INTRODUCED, change["release"], world.ids[change["commit"]]))


def releases_json(world: World) -> bytes:
    listed = [
        {"moniker": moniker, "version": version, "iseol": False, "released": {"isodate": LISTED, "timestamp": 0}}
        for moniker, versions in world.facts["listed"].items()
        for version in versions
    ]
    return json.dumps({"latest_stable": {"version": "7.2.9"}, "releases": listed}).encode()


def tracker_json() -> bytes:
    """The tracker's word on Copy Fail."""
    releases = {
        name: {"status": "resolved", "fixed_version": version, "urgency": "", "repositories": {name: version}}
        for name, version in _DEBIAN.items()
    }
    return json.dumps({"linux": {COPY_FAIL: {"description": "", "scope": "local", "releases": releases}}}).encode()


def web_documents(world: World, shared: Path) -> dict[str, bytes | tuple[int, dict[str, str]]]:
    """Address below the server -> content, as `configuration` points at them.

    /kernel: changelogs as they were before bookworm's 6.1.180-1; /later: with it.
    """
    recorded = shared / "recording-copy-fail" / "debian"
    found: dict[str, bytes | tuple[int, dict[str, str]]] = {
        "/releases.json": releases_json(world),
        "/tracker/data/json": tracker_json(),
        "/data/DSA/list": (recorded / "DSA.list.20260501").read_bytes(),
        "/data/DLA/list": (recorded / "DLA.list.20260502").read_bytes(),
    }
    for codename in BRANCHES:
        whole = (shared / "debian" / f"changelog.linux.{codename}.afalg-entries.txt").read_bytes()
        found[f"/later/{codename}/debian/changelog"] = whole
        _, before, rest = whole.partition(b"linux (6.1.176-1)")
        found[f"/kernel/{codename}/debian/changelog"] = before + rest or whole
    return found


def configuration(world: World, cna: Tree, lists_url: str, web_url: str, topics: Path, *, port: int) -> str:
    on: dict[str, dict[str, object]] = {one: {"url": world.trees[one].url} for one in world.trees}
    on |= {
        "kernel-cna": {"url": cna.url},
        "lore": {"url": lists_url, "lists": ["linux-crypto"]},
        "kernel-releases": {"url": f"{web_url}/releases.json"},
        "debian": {
            "url": web_url,
            "lists_url": f"{web_url}/data",
            "changelogs_url": f"{web_url}/kernel",
            "changelog_branches": list(BRANCHES),
        },
    }
    return f'[web]\nlisten = "127.0.0.1:{port}"\n[topics]\npaths = ["{topics}"]\n' + source_tables(on)


def source_tables(on: Mapping[str, Mapping[str, object]]) -> str:
    """These sources with these settings, every other off."""
    settings = {name: on.get(name, {"enabled": False}) for name in source_names()}
    return "".join(
        f"[sources.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for name, values in settings.items()
    )
