"""CSAF, OpenVEX, OSV and their export: known facts, that they hold to their formats, and hostile text in them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from advisories.model import Advisory, Cell
from advisories.observation import FixedVersion
from advisories.words import CellKind, Disposition, Status
from bot.app import App
from bot.cli.exporting import Kind
from bot.cli.root import run_command_line
from bot.documents.common import links, purl
from bot.documents.csaf import Revision, csaf_document
from storage import advisories as advisory_store
from tests.bot.documents.trees import BASE, CHANGED, PUBLISHER, check_osv, osv, tree
from tests.bot.web.asking import asker
from tests.bot.web.hostile import STRINGS
from tests.bot.web.stores import CVE


def test_documents_say_that_they_are_derived(filled: App, advisory: Advisory) -> None:
    """Each names the vendor's document before all others, says it is derived, and carries the licences."""
    first = links(PUBLISHER, advisory)[0]
    assert (first.kind, first.url) == (
        "vendor",
        "https://lists.debian.org/debian-security-announce/2026/msg00150.html",
    )
    document = osv(advisory)
    assert document["references"][0] == {"type": "ADVISORY", "url": first.url}
    assert document["database_specific"]["derived"] is True
    csaf = json.loads(tree(filled, Kind.CSAF)["csaf/2026/pw-2026-1.json"])["document"]
    assert csaf["references"][0]["url"] == first.url
    assert csaf["references"][-1] == {
        "category": "self",
        "summary": "PW-2026-1 at patchwatch",
        "url": f"{BASE}/advisories/PW-2026-1",
    }
    assert [one["title"] for one in csaf["notes"] if one["category"] in ("general", "legal_disclaimer")] == [
        "Derived",
        "Licences",
    ]
    assert "debian: " in next(one["text"] for one in csaf["notes"] if one["category"] == "legal_disclaimer")


@pytest.mark.parametrize(
    ("distro", "release", "codename", "stream", "package", "version", "wanted"),
    [
        ("debian", "12", "bookworm", None, "linux", "6.1-1", "pkg:deb/debian/linux@6.1-1?distro=debian-bookworm"),
        ("rhel", "9", None, "9.6", "kernel", "5.14.0-1.el9_6", "pkg:rpm/redhat/kernel@5.14.0-1.el9_6?distro=rhel-9.6"),
        ("amzn", "2023", None, None, "kernel", "1:6.1.168-203.330.amzn2023",
         "pkg:rpm/amzn/kernel@6.1.168-203.330.amzn2023?distro=amzn-2023&epoch=1"),
        ("arch", None, None, None, "linux", "6.19.12.arch1-1", "pkg:alpm/arch/linux@6.19.12.arch1-1"),
        ("flatcar", None, None, None, "kernel", "6.12.85", None),
    ],
)  # fmt: skip
def test_package_urls(
    advisory: Advisory,
    distro: str,
    release: str | None,
    codename: str | None,
    stream: str | None,
    package: str,
    version: str,
    wanted: str | None,
) -> None:
    """Package URLs carry the release, and rpm's epoch as a qualifier; a distribution without a type has none."""
    cell = replace(advisory.cells[0], distro=distro, release=release, codename=codename, stream=stream, package=package)
    assert purl(cell, version) == wanted


def test_csaf_is_valid(filled: App, hostile: App, shipped: App, tmp_path: Path) -> None:
    """The CSAF 2.0 validator finds every mandatory test passed, with hostile text in every field too."""
    paths = []
    for number, app in enumerate((filled, hostile, shipped)):
        for path, body in tree(app, Kind.CSAF).items():
            if re.search(r"/[0-9]{4}/[a-z0-9-]+\.json$", path):
                target = tmp_path / str(number) / Path(path).name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(body)
                paths.append(str(target))
    assert len(paths) >= 3
    command = [str(Path(sys.executable).with_name("csaf")), "validate", "--spec-version", "v20", "--no-network"]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.count("Overall: PASS"), "FAIL" in done.stdout) == (0, len(paths), False), (
        done.stdout
    )


def test_csaf_of_known_facts(filled: App) -> None:
    """Products stand under their vendor in the status that their cell has; each kind of status has its statement."""
    document = json.loads(tree(filled, Kind.CSAF)["csaf/2026/pw-2026-1.json"])
    (found,) = document["vulnerabilities"]
    assert found["cve"] == CVE
    assert found["product_status"] == {
        "fixed": [
            "linux-kernel@6.12.85",
            "linux-kernel@7.0",
            "almalinux/9/kernel@5.14.0-611.49.2.el9_7",
            "debian/12/linux@6.1.170-1",
            "rhel/9/kernel@5.14.0-611.54.1.el9_7",
            "rhel/9/9.6/kernel@5.14.0-570.112.1.el9_6",
            "ubuntu/24.04/linux@6.8.0-117.117",
        ],
        "known_affected": ["debian/11/linux"],
        "known_not_affected": ["rhel/7/kernel", "ubuntu/26.04/linux"],
    }
    assert found["flags"] == [{"label": "vulnerable_code_not_present", "product_ids": ["ubuntu/26.04/linux"]}]
    assert [one["category"] for one in found["threats"]] == ["impact", "exploit_status"]
    assert found["remediations"] == [
        {
            "category": "none_available",
            "details": "A fixed package is announced; mitigate until it is published.",
            "product_ids": ["debian/11/linux"],
        }
    ]
    tracking = document["document"]["tracking"]
    assert (tracking["version"], len(tracking["revision_history"])) == ("5", 5)
    assert (tracking["initial_release_date"], tracking["current_release_date"]) == (
        "2026-04-22T10:17:00Z",
        "2026-05-19T23:00:00Z",
    )


def test_csaf_of_an_advisory_that_nobody_speaks_of(advisory: Advisory, tmp_path: Path) -> None:
    """Without a cell and a fix the kernel is under investigation, and a change has an id in place of a CVE."""
    bare = replace(advisory, aliases=(), cells=(), upstream=replace(advisory.upstream, fixed=()))
    document = csaf_document(PUBLISHER, bare, [Revision(at=CHANGED, summary="x")], changed=CHANGED, version="1")
    (found,) = document["vulnerabilities"]
    assert (found["product_status"], found["ids"]) == (
        {"under_investigation": ["linux-kernel"]},
        [{"system_name": BASE, "text": "PW-2026-1"}],
    )


def test_csaf_provider(filled: App) -> None:
    """Index, changes, feed, metadata and hashes name the same documents and agree with their bytes."""
    files = tree(filled, Kind.CSAF)
    assert files["csaf/index.txt"] == b"2026/pw-2026-1.json\n"
    assert files["csaf/changes.csv"] == b'"2026/pw-2026-1.json","2026-05-19T23:00:00Z"\n'
    body = files["csaf/2026/pw-2026-1.json"]
    for kind in ("sha256", "sha512"):
        line = f"{hashlib.new(kind, body).hexdigest()}  pw-2026-1.json\n"
        assert files[f"csaf/2026/pw-2026-1.json.{kind}"].decode() == line
    (entry,) = json.loads(files["csaf/feed-tlp-white.json"])["feed"]["entry"]
    assert [one["href"] for one in entry["link"]] == [
        f"{BASE}/csaf/2026/pw-2026-1.json{ending}" for ending in ("", ".sha256", ".sha512")
    ]
    metadata = json.loads(files[".well-known/csaf/provider-metadata.json"])
    assert (metadata["role"], metadata["publisher"]["category"]) == ("csaf_provider", "other")
    assert metadata["distributions"][1]["rolie"]["feeds"][0]["url"] == f"{BASE}/csaf/feed-tlp-white.json"


def test_openvex(filled: App, hostile: App) -> None:
    """Statements have the four words, and each the justification, impact or action that the specification demands."""
    for app in (filled, hostile):
        document = json.loads(tree(app, Kind.OPENVEX)["openvex/PW-2026-1.json"])
        assert document["@context"] == "https://openvex.dev/ns/v0.2.0"
        assert document["@id"] == f"{BASE}/openvex/PW-2026-1.json"
        for one in document["statements"]:
            assert one["status"] in tuple(Status)
            assert ("action_statement" in one) is (one["status"] == "affected")
            assert (("justification" in one) or ("impact_statement" in one)) is (one["status"] == "not_affected")
            assert re.fullmatch(r"(pkg:|https://pw\.example\.org/)[!-~]+", one["products"][0]["@id"])
    known = json.loads(tree(filled, Kind.OPENVEX)["openvex/PW-2026-1.json"])
    assert {(one["products"][0]["@id"], one["status"]) for one in known["statements"]} >= {
        ("pkg:deb/debian/linux@6.1.170-1?distro=debian-bookworm", "fixed"),
        ("pkg:deb/debian/linux?distro=debian-bullseye", "affected"),
        ("pkg:rpm/redhat/kernel?distro=rhel-7", "not_affected"),
    }


def test_documents_never_contradict_the_matrix(advisory: Advisory) -> None:
    """Live patches, related packages and half-read documents are no product; a word we do not know is no reason."""
    odd: list[Cell] = [
        replace(advisory.cells[0], package="kpatch", kind=CellKind.LIVEPATCH),
        replace(advisory.cells[0], package="half", partial=True),
        replace(
            advisory.cells[0],
            package="odd",
            status=Status.NOT_AFFECTED,
            disposition=Disposition.NONE,
            fixed=(FixedVersion(version="1"),),
            justification="because",
        ),
    ]
    document = csaf_document(PUBLISHER, replace(advisory, cells=tuple(odd)), [], changed=CHANGED, version="1")
    (found,) = document["vulnerabilities"]
    assert found["product_status"]["known_not_affected"] == ["almalinux/9/odd"]
    assert found["product_status"]["fixed"] == ["linux-kernel@6.12.85", "linux-kernel@7.0"]
    assert "flags" not in found


def test_hostile_text_names_no_link(hostile: App) -> None:
    """References lead to plain web addresses alone: no user part, no other scheme, no odd character."""
    with hostile.store.read() as connection:
        found = advisory_store.load_advisory(connection, "PW-2026-1")
    assert found is not None
    urls = {one.url for one in links(PUBLISHER, found)}
    assert not urls & set(STRINGS[:6])
    assert all(re.fullmatch(r"https?://[!-~]+", one) and "@" not in one for one in urls)


@pytest.mark.parametrize("kind", [Kind.OSV, Kind.CSAF, Kind.OPENVEX])
def test_export_is_what_the_web_serves(filled: App, kind: Kind) -> None:
    """Every exported file has the bytes of its address, open to every site."""
    ask = asker(filled)
    for path, body in tree(filled, kind).items():
        answer = ask(f"/{path}")
        assert (answer.status_code, answer.content) == (200, body), path
        assert answer.headers["access-control-allow-origin"] == "*"


def test_documents_are_found_by_any_name(filled: App) -> None:
    """OSV takes the CVE id, OpenVEX the PW id or an alias; what is not there is a 404."""
    ask = asker(filled)
    assert ask(f"/openvex/{CVE}.json").content == ask("/openvex/PW-2026-1.json").content
    missing = ("/osv/CVE-2020-1.json", "/csaf/2025/pw-2026-1.json", "/csaf/x", "/openvex/x.json", "/csaf/")
    assert [ask(path).status_code for path in missing] == [404] * 5


def test_export_of_matrix_and_feeds(filled: App) -> None:
    """`export matrix` writes the whole and each advisory, `export feed` every feed in three formats."""
    matrices = tree(filled, Kind.MATRIX)
    assert sorted(matrices) == ["matrix.json", "matrix/PW-2026-1.json"]
    assert json.loads(matrices["matrix.json"])["advisories"] == [json.loads(matrices["matrix/PW-2026-1.json"])]
    assert sorted(tree(filled, Kind.FEED)) == sorted(
        f"feeds/{name}.{kind}" for name in ("all", "copy-fail", "af-alg") for kind in ("atom", "rss", "json")
    )


def test_export_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`patchwatch export` writes the shipped facts as valid documents, or says why not, with status 2."""
    out = tmp_path / "out"
    arguments = ["--data", str(tmp_path / "data"), "export", "osv", "--out"]
    assert run_command_line([*arguments, str(out)]) == 0
    written = sorted((out / "osv").glob("CVE-*.json"))
    assert f"{len(written) + 2} files in {out}" in capsys.readouterr().err
    assert CVE in {path.stem for path in written}
    for path in written:
        check_osv(json.loads(path.read_bytes()))
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert run_command_line([*arguments, str(tmp_path / "file")]) == 2
    assert "cannot write below" in capsys.readouterr().err
