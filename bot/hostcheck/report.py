"""The report as text for people, as JSON (docs/hostcheck-report.schema.json), for Nagios and for Prometheus."""

import json
from typing import Any, Dict, List

from bot.hostcheck.mitigations import Mitigation
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
    """For people."""
    lines = ["{} ({})".format(plain(report.release.name), report.release.label)]
    for verdict in report.verdicts:
        lines += _verdict_lines(verdict)
    lines += ["could not read {}: {}".format(plain(path), plain(reason)) for path, reason in report.problems]
    return "\n".join(lines) + "\n"


def _verdict_lines(verdict: Verdict) -> List[str]:
    lines = ["{}: {}".format(plain(verdict.advisory), verdict.word.upper()), "  " + plain(verdict.reason)]
    lines += ["  - " + plain(link) for link in verdict.evidence]
    lines += [
        "  installed {} {}: {}".format(plain(name), plain(version), word) for name, version, word in verdict.installed
    ]
    for advice in verdict.advice:
        lines.append(
            "  {} {}: {} ({})".format(plain(advice.where), plain(advice.text), advice.state, plain(advice.reason))
        )
        if advice.step:
            lines.append("    you may {}".format(plain(advice.step)))
    return [*lines, "  next: " + plain(verdict.next_step)] if verdict.next_step else lines


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
        "verdict": report.worst,
        "advisories": [_verdict_document(verdict) for verdict in report.verdicts],
        "problems": [{"path": plain(path), "reason": plain(reason)} for path, reason in report.problems],
    }


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
            dict(_mitigation_document(one), lift=advice.state)
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
