"""OSV: what it says of known facts, that it holds to its schema, and what it has no form for."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its types are a package of their own

from advisories.model import Advisory
from bot.app import App
from bot.cli.exporting import Kind
from bot.documents.osv import ecosystem, version_ranges
from tests.bot.documents.trees import CHANGED, check_osv, osv, tree
from tests.bot.web.stores import CVE, FIX, VECTOR
from tests.conftest import ROOT


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
