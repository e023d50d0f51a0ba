"""Whether a package version has the fix, answered from the matrix: compared within one package and branch only."""

from __future__ import annotations

from advisories import versions, wording
from advisories.model import Advisory, Cell
from advisories.words import CellKind, Disposition, Status


def judge_version(advisory: Advisory, version: str, place: str) -> list[str]:
    """One sentence per package cell of the place ("debian/12", "rhel/9/9.6")."""
    parts = [one.lower() for one in place.split("/")]
    cells = [
        cell
        for cell in advisory.cells
        if cell.kind is CellKind.PACKAGE
        and [cell.distro.lower(), (cell.release or "").lower(), (cell.stream or "").lower()][: len(parts)] == parts
    ]
    return [f"{_where(cell)}: {judge_cell(cell, version)}" for cell in cells]


def judge_cell(cell: Cell, version: str) -> str:
    """What this cell says about a version of its package."""
    if cell.status is Status.NOT_AFFECTED:
        return "not affected"
    if cell.status is Status.UNDER_INVESTIGATION:
        return "not decided: the vendor still looks at it"
    if cell.status is not Status.FIXED:
        return wording.state_phrase(cell)
    branch = versions.branch_of(cell.distro, version)
    fixes = [one for one in cell.fixed if one.branch == branch]
    if not fixes:
        return "not decided: the fix is known for another branch of the package only"
    order = versions.compare(cell.distro, version, fixes[0].version)
    if order is None:
        return "not decided: this version cannot be compared"
    return f"has the fix ({fixes[0].version})" if order >= 0 else f"affected; the fix is in {fixes[0].version}"


def _where(cell: Cell) -> str:
    mark = ", mitigated" if cell.disposition is Disposition.MITIGATED else ""
    return f"{wording.place(cell.distro, cell.release, cell.stream)} {cell.package}{mark}"
