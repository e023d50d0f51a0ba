"""The matrix in a terminal of 80 columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.root import run_command_line

DEBIAN = """\
PW-2026-1 CVE-2026-31431 crypto: algif_aead - Revert to operating out-of-place
Severity   high 7.8
Exploited  Known to be exploited (CISA KEV, listed 2026-05-01, due 2026-05-15)
Upstream   fixed in 5.10.254, 5.15.204, 6.1.170, 6.6.137, 6.12.85, 6.18.22,
           6.19.12, 7.0
[shipped] came with patchwatch, as of 2026-11-23; what a source answers replaces
          it

Debian
  12 bookworm       linux          fixed since 2026-05-01
        6.1.170-1 DSA-6243-1 [shipped]
"""


def run(tmp_path: Path, *words: str) -> int:
    (tmp_path / "patchwatch.toml").write_text("", encoding="utf-8")
    return run_command_line(["--config", str(tmp_path / "patchwatch.toml"), "--data", str(tmp_path / "data"), *words])


def test_a_place_is_shown_with_what_there_is_to_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Head, then state, version, erratum, since."""
    assert run(tmp_path, "status", "cve-2026-31431", "--distro", "debian/12") == 0
    assert capsys.readouterr().out == DEBIAN


def test_the_whole_matrix_fits_into_80_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of every distribution."""
    assert run(tmp_path, "status", "PW-2026-1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) > 100


def test_an_unknown_id_and_an_unknown_place_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 for the first, a line on stderr for the second."""
    assert run(tmp_path, "status", "CVE-2026-1") == 2
    assert capsys.readouterr().err == "patchwatch: no advisory 'CVE-2026-1' is known here; see: patchwatch changes\n"
    assert run(tmp_path, "status", "CVE-2026-31431", "--distro", "plan9") == 0
    assert capsys.readouterr().err == "patchwatch: nothing is known of plan9 for PW-2026-1\n"
