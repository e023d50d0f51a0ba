"""`check` and `users` as a person or a script runs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import CellObservation
from bot.cli.root import run_command_line
from storage import identity
from tests.bot.hostcheck.roots import write_root
from tests.bot.stores import application, parsed, record, take
from tests.build import CVE, cell, cve

BOOKWORM = {
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    "/proc/version": "Linux version 6.1.0-44-amd64 (debian-kernel@lists.debian.org) (gcc) "
    "#1 SMP Debian 6.1.164-1 (2026-03-09)\n",
    "/proc/sys/kernel/osrelease": "6.1.0-44-amd64\n",
    "/boot/config-6.1.0-44-amd64": "CONFIG_CRYPTO_USER_API=m\nCONFIG_CRYPTO_USER_API_AEAD=m\n",
}


def run(tmp_path: Path, *words: str) -> int:
    return run_command_line(["--config", str(tmp_path / "patchwatch.toml"), "--data", str(tmp_path / "data"), *words])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Debian 12 image whose kernel is older than the fix, and a store that knows so from its vendor."""
    with application(tmp_path) as app:
        now = datetime.now(UTC)
        take(app, parsed(record("json", cve("6.1.170", "7.0")), at=now, source="kernel-cna"))
        take(app, parsed(record("tracker/x", _fixed()), at=now))
    folder = tmp_path / "image"
    write_root(folder, BOOKWORM)
    return folder


def _fixed() -> CellObservation:
    return cell(fixed="6.1.170-1", errata=("DSA-6243-1",))


def test_an_image_with_an_old_kernel_is_affected(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, from this instance's own matrix."""
    assert run(tmp_path, "check", "--root", str(root), "--format", "json") == 1
    report = json.loads(capsys.readouterr().out)
    assert [(one["advisory"], one["verdict"]) for one in report["advisories"]] == [(CVE, "affected")]


def test_nagios_gets_its_own_status(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CRITICAL is 2, and every error is UNKNOWN."""
    assert run(tmp_path, "check", "--root", str(root), "--format", "nagios") == 2
    assert capsys.readouterr().out.startswith(f"PATCHWATCH CRITICAL: {CVE} affected")
    assert run(tmp_path, "check", "CVE-2026-1", "--format", "nagios") == 3
    assert (
        capsys.readouterr().out
        == "PATCHWATCH UNKNOWN: no advisory 'CVE-2026-1' is known here; see: patchwatch changes\n"
    )


def test_a_topic_asks_for_all_of_its_vulnerabilities(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is that of the worst."""
    assert run(tmp_path, "check", "--topic", "copy-fail", "--root", str(root), "--format", "json") == 1
    asked = [one["advisory"] for one in json.loads(capsys.readouterr().out)["advisories"]]
    assert CVE in asked
    assert len(asked) > 1
    assert run(tmp_path, "check", "--topic", "copy-fial") == 2
    assert capsys.readouterr().err == "patchwatch: no topic 'copy-fial'\n"


def test_a_wrong_folder_or_matrix_is_a_usage_error(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, and exit status 2."""
    (tmp_path / "junk.json").write_text("{", encoding="utf-8")
    assert run(tmp_path, "check", "--root", str(tmp_path / "absent")) == 2
    assert run(tmp_path, "check", "--matrix", str(tmp_path / "junk.json")) == 2
    assert run(tmp_path, "users", "--root", str(tmp_path / "absent")) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["patchwatch"] * 3


def test_users_are_listed_as_json(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An image without any of the known programs has none, and says how to see more."""
    assert run(tmp_path, "users", "--root", str(root), "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_an_id_that_was_merged_leads_to_the_other(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The younger id of one matter is judged by the older one's cells."""
    with application(tmp_path) as app, app.store.write() as connection:
        at = datetime.now(UTC)
        younger = identity.open_advisory(connection, aliases=["CVE-2026-9999"], kind="vulnerability", year=2026, at=at)
        older = identity.resolve(connection, CVE)
        assert older is not None
        identity.redirect(connection, younger=younger, older=older)
    for name in (older, younger, "cve-2026-9999"):
        assert run(tmp_path, "check", name, "--root", str(root), "--format", "json") == 1
        (judged,) = json.loads(capsys.readouterr().out)["advisories"]
        assert (judged["advisory"], judged["verdict"]) == (CVE, "affected")


def test_a_fleet_is_subscribed_to_by_what_it_runs(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A subscription per release and package, with the words beside them; a release nobody knows is left out."""
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    assert run(tmp_path, "check", "--root", str(root), "--format", "json") == 1
    report = json.loads(capsys.readouterr().out)
    (fleet / "a.json").write_text(json.dumps(report), encoding="utf-8")
    strange = report | {"release": {"distro": "strange", "release": None, "name": "x"}}
    (fleet / "b.json").write_text(json.dumps(strange), encoding="utf-8")
    assert run(tmp_path, "subscribe", "webhook:ops", "severity:high", "--from-fleet", str(fleet)) == 0
    said = capsys.readouterr()
    assert said.out == "webhook:ops: subscription 1, debian/12 package:linux severity:high\n"
    assert said.err.startswith("patchwatch: left out strange package:linux: ")
    assert run(tmp_path, "subscribe", "webhook:ops", "--from-fleet", str(tmp_path / "absent")) == 2
    assert run(tmp_path, "subscribe", "webhook:ops") == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["patchwatch"] * 2
