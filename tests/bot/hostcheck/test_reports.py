"""The forms of the report, the fleet, the signed matrix, the users of AF_ALG, and the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.hostcheck.cli import main
from bot.hostcheck.dependents import known_users
from bot.hostcheck.fleet import fleet_releases, fleet_table, read_fleet
from bot.hostcheck.matrix import MatrixError, parse_matrix
from bot.hostcheck.report import as_json, as_nagios, as_prometheus, as_text
from bot.hostcheck.signed import MatrixSource, load_matrix
from bot.hostcheck.users import AUDIT_RULE, read_users, users_text
from bot.hostcheck.verdict import check_host
from tests.bot.hostcheck.cases import CASES, D12, D12_OLD
from tests.bot.hostcheck.roots import CVE, NOW, debian, document, dpkg, host, matrix, running, write_root
from tests.conftest import ROOT

RULE = {"etc/modprobe.d/x\u202e.conf": "install algif_aead /bin/false\n"}


def test_every_root_gives_a_report_of_the_schema(tmp_path: Path) -> None:
    """The JSON of all fixture roots validates."""
    schema = json.loads((ROOT / "docs/hostcheck-report.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for number, (_, files, word) in enumerate(CASES):
        report = check_host(write_root(tmp_path / str(number), files), matrix(), [CVE], NOW)
        shown = json.loads(as_json(report))
        validator.validate(shown)
        assert shown["verdict"] == word


def test_no_form_shows_a_control_or_bidi_character(tmp_path: Path) -> None:
    """A hostile file name is shown with a replacement character."""
    report = check_host(write_root(tmp_path, D12_OLD | RULE), matrix(), [CVE], NOW)
    for text in (as_text(report), as_nagios(report), as_prometheus(report), as_json(report)):
        assert "\u202e" not in text
    assert as_nagios(report).startswith("PATCHWATCH WARNING: CVE-2026-31431 mitigated - ")
    assert 'patchwatch_host_verdict{advisory="CVE-2026-31431",verdict="mitigated"} 1\n' in as_prometheus(report)
    assert "patchwatch_matrix_age_seconds 43200\n" in as_prometheus(report)


def test_a_fleet_is_one_table(tmp_path: Path) -> None:
    """Reports are counted; a file that is none makes the fleet unverified at best."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    fixed = host("debian12", running(debian(D12, "6.1.170-1")))
    for name, files in (("a", fixed), ("b", fixed)):
        report = check_host(write_root(tmp_path / name, files), matrix(), [CVE], NOW)
        (folder / f"{name}.json").write_text(as_json(report))
    table, code = fleet_table(str(folder))
    assert (table.splitlines()[1].split(), code) == (["CVE-2026-31431", "debian/12", "fixed", "2"], 0)
    (folder / "c.json").write_text("[" * 100000)
    (folder / "d.json").write_text('{"patchwatch_check": 1, "advisories": [{"advisory": 1}]}')
    shown, status = fleet_table(str(folder), "json")
    row = {"release": "debian/12", "package": "linux", "verdicts": {CVE: "fixed"}}
    assert (json.loads(shown), status) == (
        {"patchwatch_fleet": 1, "hosts": [{"host": "a"} | row, {"host": "b"} | row], "rejected": ["c.json", "d.json"]},
        6,
    )
    hosts, rejected = read_fleet(str(folder))
    assert (fleet_releases(hosts), rejected, fleet_table(str(folder))[1]) == (["debian/12"], ["c.json", "d.json"], 6)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[" * 200000, b"{}", b"1", b'{"patchwatch_matrix": 2, "advisories": []}']
)
def test_what_is_no_matrix_is_refused(content: bytes) -> None:
    """A typed error and no other."""
    with pytest.raises(MatrixError):
        parse_matrix(content, "test")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_a_signed_matrix_is_believed_only_when_the_signature_is_good(tmp_path: Path) -> None:
    """The right signer: good. Another content, signer or no signature: refused."""
    key, path = tmp_path / "key", tmp_path / "matrix.json"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (tmp_path / "allowed").write_text("patchwatch " + (tmp_path / "key.pub").read_text())
    path.write_text(json.dumps({"patchwatch_matrix": 1, "as_of": "2026-05-19T12:00:00Z", "advisories": [document()]}))
    source = MatrixSource(str(path), allowed_signers=str(tmp_path / "allowed"))
    with pytest.raises(MatrixError, match=r"matrix\.json\.sig cannot be read"):
        load_matrix(source)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "patchwatch-matrix", path], check=True)
    assert load_matrix(source).signature == "good (patchwatch)"
    with pytest.raises(MatrixError, match="is not good"):
        load_matrix(source._replace(identity="somebody"))
    path.write_text(path.read_text() + " ")
    with pytest.raises(MatrixError, match="is not good"):
        load_matrix(source)


def test_only_https_is_fetched() -> None:
    """Other schemes are refused before anything is opened."""
    for address in ("http://vendor.example/m", "file:///etc/passwd", "ftp://x"):
        with pytest.raises(MatrixError, match="is not an https address"):
            load_matrix(MatrixSource(address))


def test_users_are_found_and_absence_is_never_claimed(tmp_path: Path) -> None:
    """Packages, loaded modules, accelerators and the audit log; without a sign: not seen, and the audit rule."""
    crypto = "name : cbc(aes)\ndriver : cbc-aes-caam\nmodule : caam_jr\nasync : yes\n\n"
    crypto += "name : x\ndriver : y\nmodule : kernel\nasync : yes\n"
    files = host("debian12", dpkg(("iwd", "2.3-1", "iwd"), ("iproute2", "7.0.0-1", "iproute2")))
    files |= {"proc/modules": "algif_hash 16384 1 - Live 0x0\n", "proc/crypto": crypto}
    users = read_users(write_root(tmp_path / "a", files))
    assert [(one.kind, one.name) for one in users.findings] == [
        ("package", "iwd"),
        ("module", "algif_hash"),
        ("accelerator", "caam_jr"),
    ]
    assert "not seen" in users_text(users)
    assert AUDIT_RULE in users_text(users)
    log = 'type=SYSCALL msg=audit(1:1): arch=c000003e syscall=41 success=yes exit=3 a0=26 a1=5 exe="/usr/sbin/x"\n'
    seen = read_users(write_root(tmp_path / "b", files | {"var/log/audit/audit.log": log}))
    assert "not seen" not in users_text(seen)
    assert seen.findings[-1].name == "/usr/sbin/x"


def test_source_trees_are_looked_through(tmp_path: Path) -> None:
    """Only source files, and what they name."""
    write_root(tmp_path, {"s/a.c": "#include <linux/if_alg.h>\n", "s/b.c": "int x;\n", "s/c.txt": "AF_ALG"})
    findings = [one for one in read_users(str(tmp_path / "none"), str(tmp_path / "s")).findings if one.kind == "source"]
    assert [(one.name, one.detail) for one in findings] == [("/a.c", "linux/if_alg.h")]


def test_the_shipped_list_of_users_is_whole() -> None:
    """Every program: packages, what it uses, what breaks under each of the four, where to go, and a source."""
    for row in known_users():
        assert set(row["breaks"]) == {"algif_aead blocked", "af_alg blocked", "af_alg_restrict=1", "af_alg_restrict=2"}
        assert row["uses"]
        assert row["packages"]
        assert row["migrate_to"]
        assert row["source"].startswith("https://")


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is the verdict's; Nagios has its own, and a bad matrix is usage or UNKNOWN."""
    root = write_root(tmp_path / "root", D12_OLD)
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"patchwatch_matrix": 1, "as_of": "2026-05-19T12:00:00Z", "advisories": [document()]}))
    words = ["--root", root, "--matrix", str(path), "--max-age", "36500"]
    assert [main(words), main([*words, "--format", "nagios"])] == [1, 2]
    assert [main(["--matrix", "/nonexistent"]), main(["--matrix", "/nonexistent", "--format", "nagios"])] == [2, 3]
    assert main(["--root", root, "--users"]) == 0
    assert "/nonexistent cannot be read" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("gpg") is None or shutil.which("gpgv") is None, reason="gpg is not installed")
def test_a_matrix_signed_with_openpgp(tmp_path: Path) -> None:
    """gpgv checks FILE.asc with the keyring that was named, and no other; a changed file is refused."""
    path, keyring, home = tmp_path / "matrix.json", tmp_path / "keys.gpg", tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    path.write_text(json.dumps({"patchwatch_matrix": 1, "as_of": "2026-05-19T12:00:00Z", "advisories": [document()]}))
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    made = subprocess.run(
        [*gpg, "--quick-generate-key", "matrix@vendor.example", "ed25519", "sign", "never"], check=False,
        capture_output=True, timeout=60,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("gpg can make no key here")
    try:
        subprocess.run([*gpg, "--output", str(keyring), "--export"], check=True)
        subprocess.run([*gpg, "--armor", "--detach-sign", str(path)], check=True)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    source = MatrixSource(str(path), keyring=str(keyring))
    assert load_matrix(source).signature == "good (gpgv)"
    (tmp_path / "empty.gpg").write_bytes(b"")
    with pytest.raises(MatrixError, match="is not good"):
        load_matrix(source._replace(keyring=str(tmp_path / "empty.gpg")))
    path.write_text(path.read_text() + " ")
    with pytest.raises(MatrixError, match="is not good"):
        load_matrix(source)


def test_prometheus_reads_what_the_textfile_says(tmp_path: Path) -> None:
    """Prometheus' own parser: one series per advisory and word, one of them 1, and the age of the matrix."""
    report = check_host(write_root(tmp_path, D12_OLD), matrix(), [CVE, "CVE-2026-1"], NOW)
    series = {
        (one.name, one.labels.get("advisory"), one.labels.get("verdict")): one.value
        for family in text_string_to_metric_families(as_prometheus(report))
        for one in family.samples
    }
    assert {key: value for key, value in series.items() if value} == {
        ("patchwatch_host_verdict", CVE, "affected"): 1.0,
        ("patchwatch_host_verdict", "CVE-2026-1", "unverified"): 1.0,
        ("patchwatch_matrix_age_seconds", None, None): 43200.0,
    }
    assert len(series) == 11


def test_this_machine_is_judged_by_its_own_kernel() -> None:
    """A kernel that is not its distribution's, or a container: unverified, and the reason is said."""
    line = Path("/proc/version").read_text(encoding="utf-8")
    (verdict,) = check_host(None, matrix(), [CVE], NOW).verdicts
    assert verdict.kernel == line.split(" ")[2]
    own = any(builder in line for builder in ("debian-kernel@", "buildd@", "mockbuild@", "geeko@", "linux@archlinux"))
    if not own:
        assert verdict.word == "unverified"
        assert verdict.kernel in verdict.reason
    assert verdict.evidence[0].split(";")[1] == f" running kernel {verdict.kernel}"
