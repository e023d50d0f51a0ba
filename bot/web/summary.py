"""An advisory in plain words: what it is, how bad, since when, how far the fix has come, who still waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from advisories import wording
from advisories.model import Advisory, Cell
from advisories.words import CellKind, Stage, Status
from bot.views.status import Json

MAX_NAMED = 8
LINE_STAGES = (Stage.POSTED, Stage.APPLIED, Stage.NEXT, Stage.MAINLINE, Stage.STABLE, Stage.PACKAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePoint:
    """One stage of the line: reached or not known to be; `at` when we know the day, `words` what reached it."""

    stage: Stage
    reached: bool
    at: date | None
    words: str


def packages(advisory: Advisory) -> list[Cell]:
    return [cell for cell in advisory.cells if cell.kind is CellKind.PACKAGE]


def concerned(advisory: Advisory) -> list[Cell]:
    """Cells of packages that have, or had, the flaw or may have it."""
    return [cell for cell in packages(advisory) if cell.status is not Status.NOT_AFFECTED]


def sentences(advisory: Advisory) -> list[str]:
    """The summary, one sentence each; only what is known."""
    said = [_upstream(advisory), _exploited(advisory), _severity(advisory), *_distributions(advisory)]
    if advisory.withdrawn:
        said.insert(0, f"Withdrawn by its CNA, known to patchwatch since {advisory.withdrawn:%Y-%m-%d}.")
    return [one for one in said if one]


def _upstream(advisory: Advisory) -> str:
    versions = [one.fix.version for one in advisory.upstream.fixed]
    since = next((one.version for one in advisory.upstream.introduced if one.version), None)
    start = f"In Linux since {since}" if since else ""
    if not versions:
        return f"{start}; no upstream fix is known." if start else ""
    fixed = f"fixed upstream in {_listed(versions)}"
    return f"{start}; {fixed}." if start else f"{fixed[0].upper()}{fixed[1:]}."


def _exploited(advisory: Advisory) -> str:
    found = advisory.exploited
    if found.kev:
        listed = f" since {found.since.isoformat()}" if found.since else ""
        return f"Known to be exploited: listed by CISA (KEV){listed}."
    if found.ssvc == "active":
        return "Known to be exploited (CISA SSVC: active)."
    return "A public proof of concept is known (CISA SSVC: poc)." if found.ssvc == "poc" else ""


def _severity(advisory: Advisory) -> str:
    if advisory.severity is None or advisory.severity.claim.level is None:
        return ""
    claim = advisory.severity.claim
    score = f" (CVSS {claim.score:.1f})" if claim.score is not None else ""
    return f"Severity {claim.level}{score}, by {advisory.severity.evidence.source}."


def _distributions(advisory: Advisory) -> list[str]:
    cells = concerned(advisory)
    if not cells:
        return ["No distribution's word on it is known here."] if advisory.kind == "vulnerability" else []
    fixed = [cell for cell in cells if cell.status is Status.FIXED]
    open_cells = [cell for cell in cells if cell.status is Status.AFFECTED]
    said = [f"{len(fixed)} of {len(cells)} kernel packages that have it are fixed."]
    if open_cells:
        places = dict.fromkeys(wording.place(one.distro, one.release, one.stream) for one in open_cells)
        said.append(f"Without a fixed package: {_listed(list(places))}.")
    return said


def _listed(words: Sequence[str]) -> str:
    if len(words) > MAX_NAMED:
        return f"{', '.join(words[:MAX_NAMED])} and {len(words) - MAX_NAMED} more"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def fixed_on(cell: Cell) -> date | None:
    """The day of a fixed cell: of its first dated package, else the vendor's, else when we first saw it."""
    if cell.status is not Status.FIXED:
        return None
    dated = [one.date for one in cell.fixed if one.date]
    return min(dated) if dated else cell.since or cell.first_seen.date()


def stage_line(advisory: Advisory, patches: Sequence[Json]) -> list[StagePoint]:
    """The stages in order: the first landing of the main patch in each; upstream and package facts fill the rest.

    patches: as `path --format json` lists them, the main one first.
    """
    reached = _landed(patches[0]["landings"]) if patches else {}
    for stage, (day, words) in _known_stages(advisory).items():
        landed = reached.get(stage)
        if landed is None or stage is Stage.PACKAGED:
            reached[stage] = (day, words)
        elif stage is Stage.STABLE:
            reached[stage] = (landed[0], words)
    return [
        StagePoint(stage=one, reached=one in reached, at=reached[one][0], words=reached[one][1])
        if one in reached
        else StagePoint(stage=one, reached=False, at=None, words="not known")
        for one in LINE_STAGES
    ]


def _landed(landings: Sequence[Json]) -> dict[Stage, tuple[date | None, str]]:
    found: dict[Stage, tuple[date | None, str]] = {}
    for landing in landings:
        stage = Stage(landing["stage"])
        if stage not in LINE_STAGES or landing["guess"]:
            continue
        day = datetime.fromisoformat(landing["at"]).date() if landing["at"] else None
        before = found.get(stage)
        if before is None or (day is not None and (before[0] is None or day < before[0])):
            found[stage] = (day, landing["version"] or (landing["tree"] or "").partition(".")[0])
    return found


def _known_stages(advisory: Advisory) -> dict[Stage, tuple[date | None, str]]:
    mainline = [one.fix.version for one in advisory.upstream.fixed if one.fix.branch == one.fix.version]
    stable = [one.fix.version for one in advisory.upstream.fixed if one.fix.branch != one.fix.version]
    fixed = [cell for cell in packages(advisory) if cell.status is Status.FIXED]
    found: dict[Stage, tuple[date | None, str]] = {}
    if mainline:
        found[Stage.MAINLINE] = (None, ", ".join(mainline[:2]))
    if stable:
        found[Stage.STABLE] = (None, f"{len(stable)} branches" if len(stable) > 1 else stable[0])
    if fixed:
        days = [day for day in map(fixed_on, fixed) if day]
        found[Stage.PACKAGED] = (min(days, default=None), f"{len(fixed)} of {len(concerned(advisory))} packages")
    return found


def share_over_time(advisory: Advisory, until: datetime) -> tuple[list[tuple[date, int]], int]:
    """([(day, packages fixed by then)], packages concerned), from publication to `until`; empty when nothing is."""
    cells = concerned(advisory)
    days = sorted(day for day in map(fixed_on, cells) if day)
    if not cells or not days:
        return [], len(cells)
    start = min(advisory.published.date() if advisory.published else days[0], days[0])
    steps = {start: 0}
    for number, day in enumerate(days, start=1):
        steps[day] = number
    steps[max(until.date(), days[-1])] = len(days)
    return sorted(steps.items()), len(cells)
