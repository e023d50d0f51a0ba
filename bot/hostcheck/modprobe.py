"""Reads modprobe.d(5) as kmod does: what would happen when the kernel asks for a module by name.

Source: kmod's libkmod-config.c and libkmod-module.c. A file name counts once, from the first folder that has it; files
are read in order of name; the first matching `install` wins; `blacklist` hides only what was found by an alias.
"""

import re
from fnmatch import fnmatchcase
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from bot.hostcheck.files import HostFiles

FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
REFUSING = re.compile(r"^(?:(?:/usr)?/bin/)?(?:false|true)(?: [A-Za-z0-9_=,./:-]+)*$")
SOFTDEPS = "modules.softdep"
_BLANK = re.compile(r"[ \t]+")


class Rule(NamedTuple):
    """One line of modprobe.d: command alias | blacklist | install | options | softdep, with where it stands."""

    command: str
    name: str
    words: str
    path: str


class Rules(NamedTuple):
    """The rules in kmod's order; unread names the files that could not be read: with one, nothing is certain."""

    rules: Tuple[Rule, ...]
    unread: Tuple[str, ...]

    def of(self, command: str) -> List[Rule]:
        """The rules of one command."""
        return [rule for rule in self.rules if rule.command == command]


class Modules(NamedTuple):
    """The module tree of one kernel: dependencies, aliases and what is built in, names with `_`, and where it is."""

    dependencies: Dict[str, Tuple[str, ...]]
    aliases: Tuple[Tuple[str, str], ...]
    builtin: Set[str]
    folder: str = ""


class Action(NamedTuple):
    """One step kmod would take: kind insmod | install | builtin; word is the module or the command."""

    kind: str
    word: str
    module: str


class Probe(NamedTuple):
    """What a request does. refused: "" or why nothing is tried (blacklist, not found). rule: the one that decided."""

    actions: Tuple[Action, ...]
    refused: str
    rule: Optional[Rule]


def underscored(name: str) -> Optional[str]:
    """`-` as `_` outside brackets, as kmod compares; None for unbalanced brackets (kmod drops the line)."""
    parts = re.split(r"(\[[^\]]*\])", name)
    if any(("[" in part or "]" in part) for part in parts[::2]):
        return None
    return "".join(part if at % 2 else part.replace("-", "_") for at, part in enumerate(parts))


def logical_lines(text: str) -> List[str]:
    """Lines with continuations joined; a backslash before anything else is dropped, as kmod's reader does."""
    lines, line, letters = [], [], iter(text)
    for letter in letters:
        if letter == "\\":
            following = next(letters, "")
            if following != "\n":
                line.append(following)
        elif letter == "\n":
            lines.append("".join(line))
            line = []
        else:
            line.append(letter)
    return [*lines, "".join(line)]


def parse_rules(text: str, path: str) -> List[Rule]:
    """The rules of one file; lines that kmod ignores are left out."""
    rules = []
    for line in logical_lines(text):
        if not line or line[0] == "#":
            continue
        command, _, rest = line.lstrip(" \t").partition(" ") if "\t" not in line else _by_blank(line.lstrip(" \t"))
        name, _, words = _by_blank(rest.lstrip(" \t"))
        normal = underscored(name) if name else None
        if normal is None:
            continue
        if command == "blacklist":
            rules.append(Rule(command, normal, "", path))
        elif command == "alias":
            target = underscored(_by_blank(words.lstrip(" \t"))[0])
            if target:
                rules.append(Rule(command, normal, target, path))
        elif command in ("install", "options", "softdep", "remove") and words:
            rules.append(Rule(command, normal, words, path))
    return rules


def _by_blank(text: str) -> Tuple[str, str, str]:
    found = re.search(r"[ \t]", text)
    return (text, "", "") if found is None else (text[: found.start()], " ", text[found.end() :])


def read_rules(
    files: HostFiles, cmdline: str = "", folders: Tuple[str, ...] = FOLDERS, tree: str = ""
) -> Rules:  # fmt: skip
    """All rules in kmod's order, and those of modprobe.blacklist= on the running kernel's command line.

    tree: the folder of a kernel's modules; its modules.softdep counts as one more file of that name.
    """
    chosen: Dict[str, str] = {SOFTDEPS: tree + "/" + SOFTDEPS} if tree else {}
    unread = []
    for folder in folders:
        for name in files.names(folder):
            path = folder + "/" + name
            if is_rule_file(name) and name not in chosen and files.kind(path) != "folder":
                chosen[name] = path
        if folder in files.problems:
            unread.append(folder)
    rules: List[Rule] = []
    for name in sorted(chosen, key=lambda each: each.encode("utf-8", "surrogateescape")):
        if files.real(chosen[name]) == "/dev/null":
            continue
        reading = files.read(chosen[name])
        if not reading.whole and reading.state != "absent":
            unread.append(chosen[name])
        rules.extend(parse_rules(reading.text, chosen[name]))
    for word in cmdline.split():
        if word.replace("-", "_").startswith("modprobe.blacklist="):
            listed = word.partition("=")[2].split(",")
            rules.extend(Rule("blacklist", each.replace("-", "_"), "", "/proc/cmdline") for each in listed if each)
    return Rules(tuple(rules), tuple(unread))


def is_rule_file(name: str) -> bool:
    """kmod reads NAME.conf and NAME.alias, and no hidden file."""
    return not name.startswith(".") and (
        (name.endswith(".conf") and len(name) > 5) or (name.endswith(".alias") and len(name) > 6)
    )


def parse_dependencies(text: str) -> Dict[str, Tuple[str, ...]]:
    """modules.dep: module -> what it needs, nearest first."""
    needs = {}
    for line in text.split("\n"):
        path, colon, rest = line.partition(":")
        if colon:
            needs[module_name(path)] = tuple(module_name(each) for each in rest.split())
    return needs


def parse_aliases(text: str) -> Tuple[Tuple[str, str], ...]:
    """modules.alias: (pattern, module), without the devices (pci:..., usb:...), which no request of ours can match."""
    found = []
    for line in text.split("\n"):
        words = line.split() if ":" not in line else ()
        if len(words) == 3 and words[0] == "alias":
            pattern = underscored(words[1])
            if pattern:
                found.append((pattern, words[2].replace("-", "_")))
    return tuple(found)


def module_name(path: str) -> str:
    """algif_aead of kernel/crypto/algif-aead.ko.zst."""
    return path.strip().rpartition("/")[2].partition(".")[0].replace("-", "_")


def matches(pattern: str, name: str) -> bool:
    """fnmatch(3); its [^...] is Python's [!...]."""
    return fnmatchcase(name, pattern.replace("[^", "[!"))


def probe(rules: Rules, modules: Modules, name: str) -> Probe:
    """What `modprobe NAME` would do, without doing it."""
    wanted = name.replace("-", "_")
    actions: List[Action] = []
    refused, decisive = "", None
    targets = _lookup(rules, modules, wanted)
    if not targets:
        return Probe((), "not found", None)
    for target in targets:
        hidden = next((each for each in rules.of("blacklist") if each.name == target.module), None)
        if target.alias and hidden is not None:
            refused, decisive = "blacklist", hidden
            continue
        steps, complete = _steps(rules, modules, target)
        actions.extend(steps)
        if not complete:
            refused = "not found"
    return Probe(tuple(actions), refused, decisive)


class _Target(NamedTuple):
    """A module as kmod finds it: one found by another alias counts as another one."""

    module: str
    alias: str


_Order = List[Tuple[_Target, bool]]


def _lookup(rules: Rules, modules: Modules, name: str) -> List[_Target]:
    found = [_Target(rule.words, rule.name) for rule in rules.of("alias") if matches(rule.name, name)]
    if found:
        return found
    if name in modules.dependencies or name in modules.builtin:
        return [_Target(name, "")]
    if any(rule.name == name for rule in rules.of("install") + rules.of("remove")):
        return [_Target(name, "")]
    return [_Target(module, name) for pattern, module in modules.aliases if matches(pattern, name)]


def _steps(rules: Rules, modules: Modules, target: _Target) -> Tuple[List[Action], bool]:
    """The steps for one module, and whether it was found."""
    if target.module in modules.builtin:
        return [Action("builtin", target.module, target.module)], True
    order: _Order = []
    _visit(rules, modules, target, order, {target})
    steps, found = [], True
    for each, ignore_command in order:
        name = each.module
        command = None if ignore_command else install_rule(rules, name)
        if name in modules.builtin:
            steps.append(Action("builtin", name, name))
        elif command is not None:
            given = [rule.words for rule in rules.of("options") if rule.name in (name, each.alias)]
            steps.append(Action("install", " ".join([command.words, *given]), name))
        elif name in modules.dependencies:
            steps.append(Action("insmod", name, name))
        elif each == target:
            found = False
    return steps, found


def _visit(rules: Rules, modules: Modules, target: _Target, order: _Order, seen: Set[_Target]) -> None:
    for needed in reversed(modules.dependencies.get(target.module, ())):
        _with_softdeps(rules, modules, _Target(needed, ""), order, seen)
    _with_softdeps(rules, modules, target, order, seen)


def _with_softdeps(rules: Rules, modules: Modules, target: _Target, order: _Order, seen: Set[_Target]) -> None:
    before, after = _softdeps(rules, target.module)
    first = [found for word in before for found in _lookup(rules, modules, word)]
    last = [found for word in after for found in _lookup(rules, modules, word)]
    _visit_each(rules, modules, first, order, seen)
    order.append((target, bool(first or last)))
    _visit_each(rules, modules, last, order, seen)


def _visit_each(rules: Rules, modules: Modules, found: List[_Target], order: _Order, seen: Set[_Target]) -> None:
    for target in found:
        if target not in seen:
            seen.add(target)
            _visit(rules, modules, target, order, seen)


def _softdeps(rules: Rules, module: str) -> Tuple[List[str], List[str]]:
    rule = next((each for each in rules.of("softdep") if matches(each.name, module)), None)
    before: List[str] = []
    after: List[str] = []
    into: Optional[List[str]] = None
    for word in _BLANK.split(rule.words) if rule else ():
        if word in ("pre:", "post:"):
            into = before if word == "pre:" else after
        elif word and into is not None:
            into.append(word.replace("-", "_"))
    return before, after


def install_rule(rules: Rules, module: str) -> Optional[Rule]:
    """The install rule that kmod would take for a module: the first that matches."""
    return next((rule for rule in rules.of("install") if matches(rule.name, module)), None)


def outcome(actions: Tuple[Action, ...], modules: Modules, module: str, loaded: Set[str]) -> str:
    """inserted | blocked | undecided (another command runs) | builtin, for one module of a request.

    A command that fails stops the rest only when the module or what it needs was asked for by it: kmod goes on after
    a softdep that fails.
    """
    required = {module, *modules.dependencies.get(module, ())}
    for action in actions:
        if action.kind == "install" and action.module in required and action.module not in loaded:
            if REFUSING.match(_BLANK.sub(" ", action.word.strip())):
                return "blocked"
            return "undecided"
        if action.module == module:
            return "builtin" if action.kind == "builtin" else "inserted"
    return "blocked"
