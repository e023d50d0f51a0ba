"""The kernel that the boot loader is set to start: loader entries (BLS), else grub.cfg.

Sources: the Boot Loader Specification of the UAPI group; the grub.cfg that grub-mkconfig writes, with grubenv's
saved_entry and next_entry.
"""

import re
from typing import List, NamedTuple, Tuple

from bot.hostcheck.files import HostFiles

RELEASE_NAME = re.compile(r"^[0-9]+\.[0-9]+[A-Za-z0-9._+~-]{0,100}$")
ENTRY_FOLDERS = ("/boot/loader/entries", "/boot/efi/loader/entries", "/efi/loader/entries")
ENVIRONMENTS = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
GRUB_FILES = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
_GRUB_DEFAULT = re.compile(r'^\s*set default="?([^"\s]*)"?\s*$', re.MULTILINE)
_GRUB_KERNEL = re.compile(r"^\s*linux(?:16|efi)?\s+\S*/vmlinuz-(\S+)(.*)$", re.MULTILINE)
_LOADER_LINE = re.compile(r"^(linux|options|version)\s+(.*?)\s*$", re.MULTILINE)
_SETTING = re.compile(r"^(saved_entry|next_entry|kernelopts)=(.+)$", re.MULTILINE)


class NextBoot(NamedTuple):
    """What the boot loader is set to start; release "" when that could not be told (reason says why)."""

    release: str
    cmdline: str
    reason: str


class _Entry(NamedTuple):
    name: str
    kernel: str
    options: str


def read_next_boot(files: HostFiles, installed: Tuple[str, ...]) -> NextBoot:
    """By the boot loader's files; `installed` are the releases of the installed kernels."""
    settings = dict(_SETTING.findall(files.first(ENVIRONMENTS, 65536).text))
    once = settings.get("next_entry", "").strip()
    if once:
        return NextBoot("", "", "the next start alone uses the entry {}".format(once[:80]))
    saved = settings.get("saved_entry", "").strip()
    entries = _loader_entries(files, settings.get("kernelopts", ""))
    if entries:
        return _of_entries(entries, saved)
    config = files.first(GRUB_FILES, 4 * 1024 * 1024)
    if config.whole:
        return _of_grub(config.text, saved)
    if len(installed) == 1:
        return NextBoot(installed[0], "", "the only installed kernel")
    return NextBoot("", "", "no boot loader's configuration was found")


def _loader_entries(files: HostFiles, kernelopts: str) -> List[_Entry]:
    entries = []
    for path in (folder + "/" + name for folder in ENTRY_FOLDERS for name in files.names(folder)):
        reading = files.read(path, 65536)
        if path.endswith(".conf") and reading.whole:
            fields = dict(_LOADER_LINE.findall(reading.text))
            image = fields.get("linux", "").rpartition("/")[2]
            kernel = image[8:] if image.startswith("vmlinuz-") else fields.get("version", "")
            if RELEASE_NAME.match(kernel):
                options = fields.get("options", "").replace("$kernelopts", kernelopts)
                entries.append(_Entry(path.rpartition("/")[2][:-5], kernel, options))
    return entries


def _of_entries(entries: List[_Entry], saved: str) -> NextBoot:
    for entry in entries:
        if saved and entry.name == saved:
            return NextBoot(entry.kernel, entry.options, "saved_entry of grubenv")
    if saved.isdigit() or not saved:
        ordered = sorted(entries, key=_numbers, reverse=True)
        at = int(saved[:4] or "0")
        if at < len(ordered):
            return NextBoot(ordered[at].kernel, ordered[at].options, "the loader entries, newest first")
    return NextBoot("", "", "the saved entry {} is not among the loader entries".format(saved[:80]))


def _numbers(entry: _Entry) -> List[int]:
    return [int(part) for part in re.findall(r"[0-9]{1,9}", entry.kernel)]


def _of_grub(config: str, saved: str) -> NextBoot:
    """`set default` may name an entry, or the variables of grubenv; an entry other than the first is not followed."""
    wanted = [each for each in _GRUB_DEFAULT.findall(config) if each != "${next_entry}"] or ["0"]
    wanted = [(saved or "0") if each == "${saved_entry}" else each for each in wanted]
    kernels = _GRUB_KERNEL.findall(config)
    if kernels and all(each in ("0", "") for each in wanted) and RELEASE_NAME.match(kernels[0][0]):
        return NextBoot(kernels[0][0], kernels[0][1].strip(), "the first entry of grub.cfg")
    return NextBoot("", "", "grub.cfg starts another than its first entry")
