"""Who depends on AF_ALG here. A look proves use, never its absence: what is not found is "not seen"."""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from bot.hostcheck.dependents import read_dependents
from bot.hostcheck.dpkg import read_packages
from bot.hostcheck.files import HostFiles
from bot.hostcheck.osrelease import read_release
from bot.hostcheck.programs import Progress, Scan, scan_programs, scan_source
from bot.hostcheck.report import plain
from bot.hostcheck.rpm import read_rpm

AUDIT_RULE = "auditctl -a always,exit -F arch=b64 -S socket -F a0=38 -k af_alg"
PROCESS_LIMIT = 20000
AUDIT_LOGS = ("/var/log/audit/audit.log", "/var/log/audit/audit.log.1")
AUDIT_LIMIT = 12 * 1024 * 1024
# audit's arch and the number of socket there: x86_64, aarch64, i386, s390x, ppc64le, riscv64
SOCKET_CALLS = {
    b"c000003e": b"41", b"c00000b7": b"198", b"40000003": b"359", b"80000016": b"359", b"c0000015": b"326",
    b"c00000f3": b"198",
}  # fmt: skip
_AUDIT_ARCH = re.compile(rb" arch=([0-9a-f]{8}) ")
_AUDIT_CALL = re.compile(rb" syscall=([0-9]{1,4}) ")
_AUDIT_PROGRAM = re.compile(rb' exe="([^"]{1,200})"')


class Finding(NamedTuple):
    """One sign of use. kind: package | process | module | accelerator | fips | program | source | audit."""

    kind: str
    name: str
    detail: str
    breaks: Tuple[Tuple[str, str], ...]
    advice: str
    source: str


class Users(NamedTuple):
    """All findings; problems are the files that could not be read."""

    findings: Tuple[Finding, ...]
    problems: Tuple[Tuple[str, str], ...]


def read_users(
    root: Optional[str], source: Optional[str] = None, programs: bool = False, progress: Optional[Progress] = None
) -> Users:  # fmt: skip
    """Every sign of use in the tree; source names a tree of source code, programs asks for the ELF files (bounded)."""
    files = HostFiles(root)
    findings = (
        _packages(files) + _processes(files) + _modules(files) + _accelerators(files) + _fips(files) + _audit(files)
    )
    if programs:
        findings += scan_findings("program", "/", scan_programs(files, progress))
    if source is not None:
        findings += scan_findings("source", source, scan_source(source, progress))
    return Users(tuple(findings), tuple(sorted(files.problems.items())))


def _packages(files: HostFiles) -> List[Finding]:
    packages = read_packages(files)
    if not packages.database:
        packages = read_rpm(files)
    found = []
    for one in read_dependents(read_release(files), packages):
        detail = "{} {} uses {}".format(one.package.name, one.package.version, ", ".join(one.uses))
        if one.less_from:
            detail += " (less since {})".format(one.less_from)
        advice = "migrate to " + one.migrate_to
        found.append(Finding("package", one.program, detail, one.breaks, advice, one.source))
    return found


def scan_findings(kind: str, place: str, scan: Scan) -> List[Finding]:
    """A finding per file, and one more where the scan did not see all."""
    advice = {"program": "see what it does with it; a name is a sign and no proof"}
    found = [
        Finding(kind, path, ", ".join(signs), (), advice.get(kind, "move to a library in user space"), place)
        for path, signs in scan.found
    ]
    if not scan.whole:
        detail = "the scan ended at its bound, after {} files".format(scan.looked_at)
        found.append(Finding(kind, "bound", detail, (), "", place))
    return found


def _processes(files: HostFiles) -> List[Finding]:
    """/proc/net/protocols counts AF_ALG sockets and is the proof; /proc/PID/fd names sockets without their family."""
    found = []
    for line in files.read("/proc/net/protocols", 65536).text.split("\n"):
        words = line.split()
        if len(words) > 2 and words[0] == "ALG" and words[2].isdigit() and int(words[2][:9]) > 0:
            detail = "{} open AF_ALG sockets now; candidates: {}".format(
                words[2][:9], ", ".join(_candidates(files)) or "not readable"
            )
            found.append(
                Finding("process", "sockets", detail, (), "see which of them names AF_ALG", "/proc/net/protocols")
            )
    return found


def _candidates(files: HostFiles) -> List[str]:
    """Processes with a socket that no table of /proc/net lists, which is how an AF_ALG socket looks."""
    listed = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "unix", "netlink", "packet", "raw", "raw6", "icmp"):
        listed.update(re.findall(r"\b[0-9]{3,}\b", files.read("/proc/net/" + table, 4 * 1024 * 1024).text))
    names, closed = [], 0
    for pid in [name for name in files.names("/proc") if name.isdigit()][:PROCESS_LIMIT]:
        folder = "/proc/{}/fd".format(pid)
        links = [files.link(folder + "/" + number) for number in files.names(folder)]
        closed += files.problems.pop(folder, None) is not None
        sockets = [link[8:-1] for link in links if link.startswith("socket:[")]
        if any(inode not in listed for inode in sockets):
            names.append("{} ({})".format(files.read("/proc/{}/comm".format(pid), 64).text.strip(), pid))
    if closed:
        files.problems["/proc/*/fd"] = "{} processes show their files to root alone".format(closed)
    return names[:20]


def _modules(files: HostFiles) -> List[Finding]:
    found = []
    for line in files.read("/proc/modules", 1024 * 1024).text.split("\n"):
        words = line.split()
        if len(words) > 2 and re.match(r"^(af_alg|algif_[a-z]+)$", words[0]):
            detail = "loaded, used {} times".format(words[2][:9])
            found.append(
                Finding("module", words[0], detail, (), "something asked for it since the start", "/proc/modules")
            )
    return found


def _accelerators(files: HostFiles) -> List[Finding]:
    found = []
    for block in files.read("/proc/crypto", 4 * 1024 * 1024).text.split("\n\n"):
        fields = dict(re.findall(r"^([a-z]+)\s*: (.*)$", block, re.MULTILINE))
        software = fields.get("driver", "").startswith(("cryptd(", "__", "pcrypt(")) or fields.get("internal") == "yes"
        if fields.get("async") == "yes" and fields.get("module", "kernel") != "kernel" and not software:
            detail = "{} by {}: from Linux 7.2 AF_ALG does not reach it".format(
                fields.get("name", ""), fields.get("driver", "")
            )
            found.append(
                Finding("accelerator", fields["module"], detail, (), "use the library of its vendor", "/proc/crypto")
            )
    return found


def _fips(files: HostFiles) -> List[Finding]:
    cmdline = files.read("/proc/cmdline", 65536).text.split()
    module = any(files.kind(folder + "/01fips") == "folder" for folder in ("/usr/lib/dracut/modules.d",))
    program = any(files.kind(folder + "/sha512hmac") == "file" for folder in ("/usr/bin", "/bin"))
    if not program or ("fips=1" not in cmdline and not module):
        return []
    state = "fips=1 is set" if "fips=1" in cmdline else "dracut's fips module is installed"
    breaks = (("af_alg blocked", "the boot hangs in the check"), ("af_alg_restrict=2", "the boot hangs in the check"))
    return [Finding("fips", "sha512hmac", state, breaks, "block algif_aead alone, never af_alg", "dracut")]


def _audit(files: HostFiles) -> List[Finding]:
    """Programs by the audit log: socket() with family 38 (a0=26, hexadecimal), by the call's number per machine."""
    found: Dict[str, int] = {}
    for path in AUDIT_LOGS:
        for line in files.read(path, AUDIT_LIMIT).content.split(b"\n"):
            if b"type=SYSCALL " not in line or b" a0=26 " not in line:
                continue
            machine, call = _AUDIT_ARCH.search(line), _AUDIT_CALL.search(line)
            program = _AUDIT_PROGRAM.search(line)
            if machine and call and program and SOCKET_CALLS.get(machine.group(1)) == call.group(1):
                name = program.group(1).decode("utf-8", "replace")
                found[name] = found.get(name, 0) + 1
    detail = "{} sockets in the audit log"
    return [
        Finding("audit", name, detail.format(count), (), "see what it uses them for", AUDIT_LOGS[0])
        for name, count in sorted(found.items())
    ]


def users_text(users: Users) -> str:
    """For people: findings, and what a look cannot prove."""
    lines = []
    for one in users.findings:
        lines.append("{} {}: {}".format(one.kind, plain(one.name), plain(one.detail)))
        lines += ["    {}: {}".format(cause, effect) for cause, effect in one.breaks]
        if one.advice:
            lines.append("    advice: " + one.advice)
    if not any(one.kind in ("process", "audit") for one in users.findings):
        lines.append("AF_ALG sockets: not seen. They live for milliseconds; this audit rule shows them: " + AUDIT_RULE)
    lines += ["could not read {}: {}".format(plain(path), plain(reason)) for path, reason in users.problems]
    return "\n".join(lines) + "\n"


def users_document(users: Users) -> Dict[str, Any]:  # Any: JSON
    """The findings as a JSON document."""
    rows = [dict(one._asdict(), breaks=dict(one.breaks)) for one in users.findings]
    return {"patchwatch_users": 1, "findings": rows, "audit_rule": AUDIT_RULE, "problems": dict(users.problems)}
