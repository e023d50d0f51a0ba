"""The report as text for people, as JSON (docs/hostcheck-report.schema.json), for Nagios and for Prometheus."""

import json
from typing import Any, Dict, List, Optional, Tuple

from bot.hostcheck.mitigation import Mitigation
from bot.hostcheck.verdict import Report, Verdict

NAGIOS = {
    "fixed": (0, "OK"),
    "not affected": (0, "OK"),
    "mitigated": (1, "WARNING"),
    "affected": (2, "CRITICAL"),
    "unverified": (3, "UNKNOWN"),
}
WORDS = ("fixed", "not affected", "mitigated", "affected", "unverified")


def plain(text: str) -> str:
    """One line without control and bidi characters."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:600]


def render(report: Report, form: str) -> str:
    """form: text | json | nagios | prometheus."""
    return {"text": as_text, "json": as_json, "nagios": as_nagios, "prometheus": as_prometheus}[form](report)


def exit_code(report: Report, form: str) -> int:
    """The exit status of a form: Nagios has its own."""
    return NAGIOS[report.worst][0] if form == "nagios" else report.exit_code


def as_text(report: Report) -> str:
    """For people. Several advisories get a line each with a number; what else is said names the numbers it is for."""
    lines = ["{} ({})".format(plain(report.release.name), report.release.label)]
    if len(report.verdicts) == 1:
        (verdict,) = report.verdicts
        lines += ["{}: {}".format(plain(verdict.advisory), verdict.word.upper()), "  " + plain(verdict.reason)]
    else:
        lines += _headlines(report.verdicts)
    lines += _told_once(report.verdicts)
    lines += ["could not read {}: {}".format(plain(path), plain(reason)) for path, reason in report.problems]
    return "\n".join(lines) + "\n"


def _headlines(verdicts: Tuple[Verdict, ...]) -> List[str]:
    return [
        "{:>2}  {}: {}  {}".format(number, plain(one.advisory), one.word.upper(), plain(one.reason))
        for number, one in enumerate(verdicts, 1)
    ]


def _told_once(verdicts: Tuple[Verdict, ...]) -> List[str]:
    """Evidence, installed kernels, mitigations and steps: each line once, with the numbers of those it is for."""
    meant: Dict[str, List[str]] = {}
    for tell in (_evidence_lines, _installed_lines, _advice_lines, _step_lines):
        for number, verdict in enumerate(verdicts, 1):
            for line in tell(verdict):
                meant.setdefault(line, []).append(str(number))
    return [
        line if len(numbers) == len(verdicts) else "{} [{}]".format(line, ", ".join(numbers))
        for line, numbers in meant.items()
    ]


def _evidence_lines(verdict: Verdict) -> List[str]:
    """The chain of evidence without its conclusion; the mitigations stand below with their advice."""
    layers = {"{} {}: {}, {}".format(one.where, one.text, one.effect, one.reason) for one in verdict.mitigations}
    links = [link for link in verdict.evidence if link not in layers and not verdict.reason.startswith(link)]
    return ["  - " + plain(link) for link in links]


def _installed_lines(verdict: Verdict) -> List[str]:
    lines = []
    for name, version, word in verdict.installed:
        shown = "{} {}".format(plain(name), plain(version)).strip()
        lines.append("  installed {}: {}".format(shown, word))
    return lines


def _advice_lines(verdict: Verdict) -> List[str]:
    lines = []
    for advice in verdict.advice:
        line = "  {} {}: {} ({})".format(plain(advice.where), plain(advice.text), advice.state, plain(advice.reason))
        line += "".join("; breaks {}".format(plain(one)) for one in advice.breaks)
        lines.append(line + ("; you may {}".format(plain(advice.step)) if advice.step else ""))
    return lines


def _step_lines(verdict: Verdict) -> List[str]:
    return ["  next: " + plain(verdict.next_step)] if verdict.next_step else []


def document(report: Report) -> Dict[str, Any]:  # Any: JSON
    """The report as a JSON document."""
    return {
        "patchwatch_check": 1,
        "root": report.root,
        "at": "{:%Y-%m-%dT%H:%M:%SZ}".format(report.at),
        "release": {
            "distro": report.release.distro,
            "release": report.release.release,
            "name": plain(report.release.name),
        },
        "matrix": {
            "as_of": "{:%Y-%m-%dT%H:%M:%SZ}".format(report.matrix_as_of) if report.matrix_as_of else None,
            "origin": report.matrix_origin,
            "signature": report.signature,
        },
        "kernel": _kernel_document(report),
        "verdict": report.worst,
        "advisories": [_verdict_document(verdict) for verdict in report.verdicts],
        "problems": [{"path": plain(path), "reason": plain(reason)} for path, reason in report.problems],
    }


def _kernel_document(report: Report) -> Optional[Dict[str, Any]]:  # Any: JSON
    """The running kernel, else the one that starts next: what a fleet subscribes to."""
    kernels = report.kernels
    found = kernels.running or kernels.find(kernels.next_boot.release)
    if found is None:
        return None
    package = found.packages[0] if found.known else None
    version = plain(found.version) if found.known else None
    return {"release": plain(found.release), "package": package, "version": version, "origin": found.reason or None}


def _verdict_document(verdict: Verdict) -> Dict[str, Any]:  # Any: JSON
    return {
        "advisory": verdict.advisory,
        "verdict": verdict.word,
        "reason": plain(verdict.reason),
        "evidence": [plain(link) for link in verdict.evidence],
        "next_step": verdict.next_step or None,
        "kernel": plain(verdict.kernel) or None,
        "running": verdict.running or None,
        "installed": [
            {"kernel": plain(name), "version": plain(version), "verdict": word}
            for name, version, word in verdict.installed
        ],
        "next_boot": plain(verdict.next_boot) or None,
        "mitigations": [
            dict(
                _mitigation_document(one),
                lift=advice.state,
                lift_reason=plain(advice.reason),
                lift_step=plain(advice.step) or None,
                breaks=[plain(each) for each in advice.breaks],
            )
            for one, advice in zip(verdict.mitigations, verdict.advice)
        ],
    }  # fmt: skip


def _mitigation_document(one: Mitigation) -> Dict[str, Any]:  # Any: JSON
    return {
        "layer": one.layer,
        "where": plain(one.where),
        "text": plain(one.text),
        "effect": one.effect,
        "reason": plain(one.reason),
    }


def as_json(report: Report) -> str:
    """One JSON document."""
    return json.dumps(document(report), indent=2, sort_keys=True) + "\n"


def as_nagios(report: Report) -> str:
    """One line for Nagios and its like."""
    _, word = NAGIOS[report.worst]
    parts = ["{} {}".format(plain(one.advisory), one.word) for one in report.verdicts]
    reason = next((one.reason for one in report.verdicts if one.word == report.worst), "")
    return "PATCHWATCH {}: {} - {}\n".format(word, ", ".join(parts), plain(reason).replace("|", "/"))


def as_prometheus(report: Report) -> str:
    """For the textfile collector: one series per advisory and word, and the age of the matrix."""
    lines = [
        "# HELP patchwatch_host_verdict The verdict for this host (1 for the one that holds).",
        "# TYPE patchwatch_host_verdict gauge",
    ]
    for verdict in report.verdicts:
        for word in WORDS:
            name = verdict.advisory.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
            lines.append(
                'patchwatch_host_verdict{{advisory="{}",verdict="{}"}} {:d}'.format(name, word, word == verdict.word)
            )
    if report.matrix_as_of is not None:
        lines += ["# TYPE patchwatch_matrix_age_seconds gauge", "patchwatch_matrix_age_seconds {:d}".format(
            int((report.at - report.matrix_as_of).total_seconds()))]  # fmt: skip
    return "\n".join(lines) + "\n"
