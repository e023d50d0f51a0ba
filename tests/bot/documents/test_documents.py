"""OSV, CSAF and OpenVEX: what they say of known facts, that they hold to their formats, and hostile text in them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its types are a package of their own

from advisories.model import Advisory, Cell
from advisories.observation import FixedVersion
from advisories.words import CellKind, Disposition, Status
from bot.app import App
from bot.cli.exporting import Kind, files_of
from bot.cli.root import run_command_line
from bot.documents.common import Publisher, links, purl
from bot.documents.csaf import Revision, csaf_document
from bot.documents.osv import ecosystem, osv_document, version_ranges
from storage import advisories as advisory_store
from tests.bot.web.asking import asker
from tests.bot.web.hostile import STRINGS, hostile_app
from tests.bot.web.stores import CVE, FIX, VECTOR, open_filled, open_shipped
from tests.conftest import ROOT

BASE = "https://pw.example.org"
PUBLISHER = Publisher(base_url=BASE)
CHANGED = datetime(2026, 5, 19, 23, tzinfo=UTC)
Tree = dict[str, bytes]
# The ecosystems of the OSV schema that we use; each with the shape of its release.
ECOSYSTEMS = re.compile(
    r"Linux|Debian:[0-9]+|Ubuntu:(Pro:)?[0-9]{2}\.[0-9]{2}(:LTS)?|AlmaLinux:[0-9]+|Rocky Linux:[0-9]+"
    r"|Red Hat:[a-z0-9_]+:[0-9.]+::baseos|SUSE:[A-Za-z0-9. -]+|openSUSE:(Leap [0-9.]+|Tumbleweed)|Alpine:v[0-9.]+"
    r"|Photon OS:[0-9.]+"
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with open_filled(tmp_path_factory.mktemp("documents"), PATCHWATCH_WEB_BASE_URL=BASE) as app:
        yield app


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = hostile_app(tmp_path_factory.mktemp("hostile"))
    yield app
    app.store.close()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with open_shipped(tmp_path_factory.mktemp("shipped"), PATCHWATCH_WEB_BASE_URL=BASE) as app:
        yield app


@pytest.fixture(scope="module")
def advisory(filled: App) -> Advisory:
    with filled.store.read() as connection:
        found = advisory_store.load_advisory(connection, "PW-2026-1")
    assert found is not None
    return found


def tree(app: App, kind: Kind) -> Tree:
    return dict(files_of(app, kind))


def osv(advisory: Advisory) -> Any:  # Any: JSON
    return osv_document(PUBLISHER, advisory, changed=CHANGED)


def test_osv_of_known_facts(advisory: Advisory) -> None:
    """Upstream by commit and version, vendors by their own versions; nothing for who is not affected."""
    document = osv(advisory)
    assert (document["id"], document["modified"], document["published"]) == (
        CVE,
        "2026-05-19T23:00:00Z",
        "2026-04-22T10:17:00Z",
    )
    assert document["severity"] == [{"type": "CVSS_V3", "score": VECTOR}]
    upstream, *packages = document["affected"]
    assert upstream["ranges"][0]["events"] == [
        {"introduced": "72548b093ee38a6d4f2a19e6ef1948ae05c181f7"},
        {"fixed": "8b88d99341f139e23bdeb1027a2a3ae10d341d82"},
        {"fixed": FIX},
    ]
    assert [one["events"] for one in upstream["ranges"][1:]] == [
        [{"introduced": "4.14"}, {"fixed": "6.12.85"}],
        [{"introduced": "6.13"}, {"fixed": "7.0"}],
    ]
    assert {one["package"]["ecosystem"]: one["ranges"][0]["events"][1:] for one in packages} == {
        "Debian:12": [{"fixed": "6.1.170-1"}],
        "Debian:11": [],
        "Ubuntu:24.04:LTS": [{"fixed": "6.8.0-117.117"}],
        "Red Hat:enterprise_linux:9::baseos": [{"fixed": "5.14.0-611.54.1.el9_7"}],
        "Red Hat:rhel_eus:9.6::baseos": [{"fixed": "5.14.0-570.112.1.el9_6"}],
        "AlmaLinux:9": [{"fixed": "5.14.0-611.49.2.el9_7"}],
    }


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


def check_osv(document: Any) -> None:  # Any: JSON
    """What the schema (ossf.github.io/osv-schema, 1.6) demands of the fields that we write."""
    assert re.fullmatch(r"CVE-[0-9]{4}-[0-9]{4,}", document["id"])
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", document["modified"])
    assert {one["type"] for one in document["references"]} <= {"ADVISORY", "FIX", "WEB", "REPORT"}
    assert all(one["url"].startswith(("https://", "http://")) for one in document["references"])
    for one in document["affected"]:
        assert ECOSYSTEMS.fullmatch(one["package"]["ecosystem"]), one["package"]
        assert one["package"]["name"]
        assert one["ranges"]
        for each in one["ranges"]:
            assert each["type"] in ("GIT", "ECOSYSTEM")
            assert ("repo" in each) is (each["type"] == "GIT")
            assert "introduced" in each["events"][0]
            assert all(len(event) == 1 for event in each["events"])
            if each["type"] == "GIT":
                assert all(re.fullmatch(r"0|[0-9a-f]{40}", word) for event in each["events"] for word in event.values())


def test_osv_holds_to_its_schema(filled: App, hostile: App) -> None:
    """Every OSV document holds to the schema's rules, with hostile text too; zip and list name just these."""
    for app in (filled, hostile):
        files = tree(app, Kind.OSV)
        names = [path for path in files if path.startswith("osv/CVE-")]
        assert names == [f"osv/{CVE}.json"]
        for path in names:
            check_osv(json.loads(files[path]))
        with zipfile.ZipFile(io.BytesIO(files["osv/all.zip"])) as archive:
            assert {f"osv/{one}": archive.read(one) for one in archive.namelist()} == {
                path: files[path] for path in names
            }
        assert [row[1] for row in csv.reader(files["osv/modified_id.csv"].decode().splitlines())] == [CVE]


def test_osv_validates(filled: App, hostile: App, shipped: App) -> None:
    """Each OSV document passes the schema of the OSV project, whose list of ecosystems names all that we write."""
    schema = json.loads((ROOT / "tests" / "osv_schema" / "schema.json").read_bytes())
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    seen = set()
    for app in (filled, hostile, shipped):
        for path, body in tree(app, Kind.OSV).items():
            if path.startswith("osv/CVE-"):
                document = json.loads(body)
                assert [error.message for error in validator.iter_errors(document)] == [], path
                seen |= {one["package"]["ecosystem"].partition(":")[0] for one in document["affected"]}
    assert {"Linux", "Debian", "Ubuntu", "Red Hat", "AlmaLinux", "SUSE"} <= seen


def test_osv_has_no_form_for_a_change(advisory: Advisory) -> None:
    """An advisory without a CVE id has no OSV document; a withdrawn one says so."""
    assert osv(replace(advisory, aliases=("FF-AF-ALG",))) is None
    assert osv(replace(advisory, withdrawn=CHANGED))["withdrawn"] == "2026-05-19T23:00:00Z"


@pytest.mark.parametrize(
    ("distro", "release", "stream", "programmes", "wanted"),
    [
        ("debian", "13", None, (), "Debian:13"),
        ("debian", "sid", None, (), None),
        ("ubuntu", "24.04", None, (), "Ubuntu:24.04:LTS"),
        ("ubuntu", "25.10", None, (), "Ubuntu:25.10"),
        ("ubuntu", "18.04", "esm-infra", (), "Ubuntu:Pro:18.04:LTS"),
        ("rhel", "9", None, (), "Red Hat:enterprise_linux:9::baseos"),
        ("rhel", "9", "9.2", ("e4s",), "Red Hat:rhel_e4s:9.2::baseos"),
        ("rhel", "9", "9.2", (), None),
        ("sles", "15.6", "ltss", (), "SUSE:Linux Enterprise Server 15 SP6-LTSS"),
        ("sles", "16.0", None, (), "SUSE:Linux Enterprise Server 16.0"),
        ("opensuse-leap", "15.6", None, (), "openSUSE:Leap 15.6"),
        ("opensuse-tumbleweed", None, None, (), "openSUSE:Tumbleweed"),
        ("alpine", "3.22", None, (), "Alpine:v3.22"),
        ("photon", "5.0", None, (), "Photon OS:5.0"),
        ("ol", "9", "uek7", (), None),
        ("fedora", "43", None, (), None),
    ],
)
def test_ecosystems(
    advisory: Advisory, distro: str, release: str | None, stream: str | None, programmes: tuple[str, ...], wanted: str
) -> None:
    """Only ecosystems that the schema defines are named."""
    cell = replace(advisory.cells[0], distro=distro, release=release, stream=stream, programmes=programmes)
    assert ecosystem(cell) == wanted


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


def test_ranges_of_every_branch(advisory: Advisory) -> None:
    """Each branch's range begins where the last one's series ends; a fix below the introduction makes none."""
    fixes = tuple(
        replace(one, fix=replace(one.fix, version=version, branch=version.rpartition(".")[0]))
        for one, version in zip(advisory.upstream.fixed * 2, ["5.10.254", "4.9.1", "6.12.85", "x"], strict=True)
    )
    found = version_ranges(replace(advisory, upstream=replace(advisory.upstream, fixed=fixes)))
    assert found == [
        [{"introduced": "4.14"}, {"fixed": "5.10.254"}],
        [{"introduced": "5.11"}, {"fixed": "6.12.85"}],
    ]


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
