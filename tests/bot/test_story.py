"""The real recording of Copy Fail, replayed: the story of its fix, and the matrix that it ends in (read in place)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from advisories.model import Change
from bot.app import App, open_app
from bot.ingest.rebuild import rebuild
from bot.ingest.replay import prepare, replay
from bot.views.changes import change_view
from bot.views.status import status_view
from storage import advisories as advisory_store
from storage import identity
from tests.build import CVE

STORY = """\
2026-04-22 advisory_new New advisory CVE-2026-31431: crypto: algif_aead - Revert to operating out-of-place. \
Fixed upstream in 6.18.22, 6.19.12, 7.0
2026-04-25 severity_changed Severity high 7.8 (CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H)
2026-04-30 fixed_in Fixed in 5.10.254 (5.10.y)
2026-04-30 fixed_in Fixed in 5.15.204 (5.15.y)
2026-04-30 fixed_in Fixed in 6.1.170 (6.1.y)
2026-04-30 fixed_in Fixed in 6.6.137 (6.6.y)
2026-04-30 fixed_in Fixed in 6.12.85 (6.12.y)
2026-04-30 mitigation_changed Mitigation in Ubuntu 22.04: kmod 29-1ubuntu1.1 (USN-8226-1). \
The kernel itself is not fixed by it
2026-04-30 mitigation_changed Mitigation in Ubuntu 24.04: kmod 31+20240202-2ubuntu7.2 (USN-8226-1). \
The kernel itself is not fixed by it
2026-04-30 mitigation_changed Mitigation in Ubuntu 25.10: kmod 34.2-2ubuntu1.1 (USN-8226-1). \
The kernel itself is not fixed by it
2026-04-30 fixed_in Fixed in Debian 13: linux 6.12.85-1 (DSA-6238-1, 2026-04-30)
2026-05-01 fixed_in Fixed in AlmaLinux 10: kernel 6.12.0-124.52.2.el10_1 (ALSA-2026:A003, 2026-05-01)
2026-05-01 fixed_in Fixed in AlmaLinux 8: kernel 4.18.0-553.121.1.el8_10 (ALSA-2026:A001, 2026-05-01)
2026-05-01 fixed_in Fixed in AlmaLinux 9: kernel 5.14.0-611.49.2.el9_7 (ALSA-2026:A002, 2026-05-01)
2026-05-01 fixed_in Fixed in Debian 12: linux 6.1.170-1 (DSA-6243-1, 2026-05-01)
2026-05-02 fixed_in Fixed in Debian 11: linux 5.10.251-3 (DLA-4560-1, 2026-05-02)
2026-05-02 fixed_in Fixed in Debian 11: linux-6.1 6.1.170-1~deb11u1 (DLA-4561-1, 2026-05-02)
2026-05-02 fixed_in Fixed in Debian sid: linux 6.19.12-1
2026-05-04 erratum_added ALSA-2026:13566 for AlmaLinux 10: kernel was fixed before
2026-05-04 erratum_added ALSA-2026:13565 for AlmaLinux 9: kernel was fixed before
2026-05-05 erratum_added ALSA-2026:13577 for AlmaLinux 8: kernel was fixed before
""".splitlines()
# FACTS section 2: (distro, release, stream, package) -> (first fixed, erratum, day), what the recording holds of it
DEBIAN = {
    ("debian", "13", None, "linux"): ("6.12.85-1", "DSA-6238-1", "2026-04-30"),
    ("debian", "12", None, "linux"): ("6.1.170-1", "DSA-6243-1", "2026-05-01"),
    ("debian", "11", None, "linux"): ("5.10.251-3", "DLA-4560-1", "2026-05-02"),
    ("debian", "11", None, "linux-6.1"): ("6.1.170-1~deb11u1", "DLA-4561-1", "2026-05-02"),
    ("debian", "sid", None, "linux"): ("6.19.12-1", None, None),
}
RED_HAT = {
    ("rhel", "10", None, "kernel"): ("6.12.0-124.55.1.el10_1", "RHSA-2026:13566", "2026-05-04"),
    ("rhel", "10", "10.0", "kernel"): ("6.12.0-55.71.1.el10_0", "RHSA-2026:13887", "2026-05-05"),
    ("rhel", "9", None, "kernel"): ("5.14.0-611.54.1.el9_7", "RHSA-2026:13565", "2026-05-04"),
    ("rhel", "9", "9.6", "kernel"): ("5.14.0-570.112.1.el9_6", "RHSA-2026:14339", "2026-05-06"),
    ("rhel", "9", "9.4", "kernel"): ("5.14.0-427.124.1.el9_4", "RHSA-2026:13932", "2026-05-06"),
    ("rhel", "9", "9.2", "kernel"): ("5.14.0-284.169.1.el9_2", "RHSA-2026:13734", "2026-05-05"),
    ("rhel", "9", "9.0", "kernel"): ("5.14.0-70.178.1.el9_0", "RHSA-2026:13936", "2026-05-06"),
    ("rhel", "9", "9.2", "kernel-rt"): ("5.14.0-284.169.1.rt14.454.el9_2", "RHSA-2026:14301", "2026-05-06"),
    ("rhel", "9", "9.0", "kernel-rt"): ("5.14.0-70.178.1.rt21.250.el9_0", "RHSA-2026:14137", "2026-05-06"),
    ("rhel", "8", None, "kernel"): ("4.18.0-553.123.1.el8_10", "RHSA-2026:13577", "2026-05-05"),
    ("rhel", "8", None, "kernel-rt"): ("4.18.0-553.123.1.rt7.464.el8_10", "RHSA-2026:13578", "2026-05-05"),
    ("rhel", "8", "8.8", "kernel"): ("4.18.0-477.139.1.el8_8", "RHSA-2026:13681", "2026-05-05"),
    ("rhel", "8", "8.6", "kernel"): ("4.18.0-372.191.1.el8_6", "RHSA-2026:14230", "2026-05-06"),
    ("rhel", "8", "8.4", "kernel"): ("4.18.0-305.190.1.el8_4", "RHSA-2026:14165", "2026-05-06"),
    ("rhel", "10", "nvidia", "kernel"): ("6.12.0-211.6.el10nv", "RHSA-2026:14926", "2026-05-07"),
}
ALMA = {
    ("almalinux", "8", None, "kernel"): ("4.18.0-553.121.1.el8_10", "ALSA-2026:A001", "2026-05-01"),
    ("almalinux", "9", None, "kernel"): ("5.14.0-611.49.2.el9_7", "ALSA-2026:A002", "2026-05-01"),
    ("almalinux", "10", None, "kernel"): ("6.12.0-124.52.2.el10_1", "ALSA-2026:A003", "2026-05-01"),
}
NEVER = ("6.14.5", "6.12.25", "6.6.87", "6.12.94-1", "openEuler-SA-2026-1544")


@dataclass(frozen=True)
class Told:
    app: App
    changes: list[Change]
    problems: list[tuple[int, str, str]]
    again: list[Change]


@pytest.fixture(scope="module")
def told(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("story")
    (folder / "patchwatch.toml").write_text("", encoding="utf-8")
    with open_app(config=folder / "patchwatch.toml", data=folder / "data") as app:
        prepare(app.store)
        report = replay(app.intake, shared_data / "recording-copy-fail")
        again = replay(app.intake, shared_data / "recording-copy-fail")
        yield Told(app, report.changes, report.problems, again.changes)


def of_the_cve(told: Told) -> list[Change]:
    return [one for one in told.changes if CVE in one.draft.aliases and one.draft.change != "text_changed"]


def status(told: Told) -> Any:
    with told.app.store.read() as connection:
        pw_id = identity.resolve(connection, CVE)
        assert pw_id is not None
        found = advisory_store.load_advisory(connection, pw_id)
    assert found is not None
    return status_view(found, as_of=datetime(2026, 9, 30, tzinfo=UTC), topics=told.app.topics)


def test_the_changes_tell_the_story_in_order(told: Told) -> None:
    """To the day on which each fact became known, each in one sentence, until the first week of May."""
    lines = [
        f"{one.draft.at:%Y-%m-%d} {one.draft.change} {one.draft.text}"
        for one in of_the_cve(told)
        if one.draft.at < datetime(2026, 5, 6, tzinfo=UTC) and one.draft.change != "stage_reached"
    ]
    assert lines == STORY


def test_a_second_replay_says_nothing(told: Told) -> None:
    """The same (source, url, at, sha256) is taken in once."""
    assert told.again == []


def test_every_document_of_the_recording_is_read(told: Told) -> None:
    """No line is unreadable; records that are left out are named."""
    assert [one for one in told.problems if one[0]] == []


def test_red_hats_record_gives_a_fix_for_each_stream(told: Told) -> None:
    """Minors kept apart, 6 and 7 not affected, live patches and images told as what they are."""
    red_hat = [one.draft for one in of_the_cve(told) if one.draft.source == "redhat"]
    fixed = [one for one in red_hat if one.change == "fixed_in"]
    assert {(one.distro, one.release, one.stream, one.package): one.version for one in fixed} == {
        place: version for place, (version, _, _) in RED_HAT.items()
    }
    unaffected = {(one.release, one.package) for one in red_hat if one.change == "status_changed"}
    assert unaffected == {("6", "kernel"), ("7", "kernel"), ("7", "kernel-rt")}
    assert {one.package for one in red_hat if one.change == "erratum_added"} == {"kpatch-patch", "rhcos"}


def test_the_catalogue_of_exploited_flaws_is_seen_in_august_with_its_date(told: Told) -> None:
    """Urgent, dated 1 May by the catalogue itself."""
    listed = [one.draft for one in of_the_cve(told) if one.draft.field == "exploited.kev"]
    assert [(f"{one.at:%Y-%m}", one.urgent, one.text) for one in listed] == [
        ("2026-08", True, "Known to be exploited (CISA KEV, listed 2026-05-01, due 2026-05-15)")
    ]


@pytest.mark.parametrize("day", ["2026-05-12", "2026-08-04", "2026-08-05"])
def test_edits_of_the_cna_change_nothing(told: Told, day: str) -> None:
    """Words and references were edited on these days: no status, version or severity."""
    assert [one for one in of_the_cve(told) if f"{one.draft.at:%Y-%m-%d}" == day] == []


def test_the_matrix_equals_the_facts_cell_by_cell(told: Told) -> None:
    """First fixed version, erratum and day of Debian, Red Hat and AlmaLinux."""
    cells = [one for one in status(told)["cells"] if one["kind"] == "package" and one["status"] == "fixed"]
    found = {
        (one["distro"], one["release"], one["stream"], one["package"]): (
            one["fixed_version"],
            one["fixed"][0]["erratum"],
            one["fixed"][0]["date"],
        )
        for one in cells
        if one["distro"] in ("debian", "rhel", "almalinux") and one["release"] != "forky"
    }
    assert found == DEBIAN | RED_HAT | ALMA


def test_branches_of_one_product_stand_apart(told: Told) -> None:
    """AlmaLinux 10: el10_1 and el10_2, the smallest version of each."""
    (ten,) = [one for one in status(told)["cells"] if (one["distro"], one["release"]) == ("almalinux", "10")]
    assert [(one["branch"], one["version"]) for one in ten["fixed"]] == [
        ("el10_1", "6.12.0-124.52.2.el10_1"),
        ("el10_2", "6.12.0-211.7.3.el10_2"),
    ]


def test_no_kernel_cell_of_ubuntu_was_turned_by_kmod(told: Told) -> None:
    """USN-8226-1 is a mitigation: the kernels of 22.04, 24.04 and 25.10 have no fixed cell from it."""
    cells = [one for one in status(told)["cells"] if one["distro"] == "ubuntu" and one["kind"] == "package"]
    assert [one for one in cells if "USN-8226-1" in one["errata"]] == []
    assert {one["package"] for one in cells} & {"kmod"} == set()


def test_every_cell_names_its_evidence(told: Told) -> None:
    """Address, time and hash of the document."""
    cells = status(told)["cells"]
    assert len(cells) > 25
    for one in cells:
        assert one["evidence"], one
        assert all(each["url"].startswith("https://") and len(each["sha256"]) == 64 for each in one["evidence"])


def test_the_wrong_answers_of_others_are_never_given(told: Told) -> None:
    """Versions and ids that were claimed in public and are wrong."""
    said = json.dumps([change_view(one) for one in told.changes]) + json.dumps(status(told))
    assert [word for word in NEVER if word in said] == []


def test_debians_own_backport_says_why_it_is_fixed(told: Told) -> None:
    """5.10.251-3 is below the upstream 5.10.254, and the cell says whose word makes it fixed."""
    (eleven,) = [
        one
        for one in status(told)["cells"]
        if (one["distro"], one["release"], one["package"]) == ("debian", "11", "linux")
    ]
    assert eleven["note"] == (
        "built on 5.10.251, older than the upstream 5.10.254: debian names it as fixed, by the vendor's own backport"
    )


def test_a_rebuild_derives_the_same_state(told: Told) -> None:
    """From the stored documents alone; nothing differs."""
    before = status(told)
    report = rebuild(told.app)
    assert (report.unreadable, report.added, report.gone, report.changed) == (0, (), (), ())
    assert status(told) == before
