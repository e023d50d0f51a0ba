"""Who depends on AF_ALG here. A look proves use, never its absence: what is not found is "not seen"."""

import json
import pkgutil
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from bot.hostcheck.dpkg import read_packages
from bot.hostcheck.files import HostFiles
from bot.hostcheck.osrelease import read_release
from bot.hostcheck.report import plain
from bot.hostcheck.rpm import read_rpm
from bot.hostcheck.versions import compare

AUDIT_RULE = "auditctl -a always,exit -F arch=b64 -S socket -F a0=38 -k af_alg"
FAMILY = 38
SCAN_FILES = 20000
SCAN_BYTES = 256 * 1024
PROCESS_LIMIT = 20000
SIGNS = (b"linux/if_alg.h", b"AF_ALG", b"libkcapi", b"afalg")
SOURCE_NAMES = (".c", ".h", ".cc", ".cpp", ".go", ".rs", ".py", ".pl", ".rb", ".zig")


class Finding(NamedTuple):
    """One sign of use. kind: package | process | module | accelerator | fips | source | audit."""

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


def known_users() -> List[Dict[str, Any]]:  # Any: our own JSON, its form is a test
    """The shipped list of programs."""
    content = pkgutil.get_data("bot.hostcheck", "users.json")
    rows: List[Dict[str, Any]] = json.loads((content or b"{}").decode("utf-8"))["users"]
    return rows


def read_users(root: Optional[str], source: Optional[str] = None) -> Users:
    """Every sign of use in the tree; source names a tree of source code to look through (bounded)."""
    files = HostFiles(root)
    findings = (
        _packages(files) + _processes(files) + _modules(files) + _accelerators(files) + _fips(files) + _audit(files)
    )
    if source is not None:
        findings += scan_source(source)
    return Users(tuple(findings), tuple(sorted(files.problems.items())))


def _packages(files: HostFiles) -> List[Finding]:
    release, packages = read_release(files), read_packages(files)
    if not packages.database:
        packages = read_rpm(files)
    found = []
    for row in known_users():
        for name in sorted({each for names in row["packages"].values() for each in names}):
            package = packages.installed.get(name)
            if package is None:
                continue
            if row["gone_in"] and _at_least(release.distro, package.version, row["gone_in"]):
                continue
            detail = "{} {} uses {}".format(name, package.version, ", ".join(row["uses"]))
            breaks = tuple((cause, effect) for cause, effect in sorted(row["breaks"].items()) if effect)
            found.append(
                Finding("package", row["program"], detail, breaks, "migrate to " + row["migrate_to"], row["source"])
            )
            break
    return found


def _at_least(distro: str, version: str, gone_in: str) -> bool:
    try:
        return compare(distro, version.partition("-")[0], gone_in) >= 0
    except ValueError:
        return False


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
    names = []
    for pid in [name for name in files.names("/proc") if name.isdigit()][:PROCESS_LIMIT]:
        folder = "/proc/{}/fd".format(pid)
        links = [files.link(folder + "/" + number) for number in files.names(folder)]
        sockets = [link[8:-1] for link in links if link.startswith("socket:[")]
        if any(inode not in listed for inode in sockets):
            names.append("{} ({})".format(files.read("/proc/{}/comm".format(pid), 64).text.strip(), pid))
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
    found: Dict[str, int] = {}
    log = files.read("/var/log/audit/audit.log", 8 * 1024 * 1024)
    for line in log.text.split("\n"):
        if "type=SYSCALL" in line and re.search(r" a0=26 ", line) and re.search(r" syscall=(?:41|198|359) ", line):
            program = re.search(r' exe="([^"]{1,200})"', line)
            if program:
                found[program.group(1)] = found.get(program.group(1), 0) + 1
    return [
        Finding("audit", name, "{} sockets in the audit log".format(count), (), "", log.path)
        for name, count in sorted(found.items())
    ]


def scan_source(folder: str) -> List[Finding]:
    """Files of a source tree that name AF_ALG; at most SCAN_FILES files, the first SCAN_BYTES of each."""
    files, found, seen = HostFiles(folder), [], 0
    pending = ["/"]
    while pending and seen < SCAN_FILES:
        here = pending.pop()
        for name in files.names(here):
            path = here.rstrip("/") + "/" + name
            if files.real(path) != path:
                continue
            if files.kind(path) == "folder" and name != ".git":
                pending.append(path)
            elif name.endswith(SOURCE_NAMES) and seen < SCAN_FILES:
                seen += 1
                content = files.read(path, SCAN_BYTES).content
                signs = [sign.decode("ascii") for sign in SIGNS if sign in content]
                if signs:
                    found.append(
                        Finding("source", path, ", ".join(signs), (), "move to a library in user space", folder)
                    )
    return found


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
