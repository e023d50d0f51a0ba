"""Each layer of mitigation alone: initramfs copies, units, container profiles, the next start, and their lifting."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.hostcheck.files import HostFiles
from bot.hostcheck.initramfs import read_copies
from bot.hostcheck.mitigation import Mitigation
from bot.hostcheck.nextboot import NextBoot, read_next_boot
from bot.hostcheck.sandboxes import Families, after_line, by_seccomp, by_units
from bot.hostcheck.verdict import Verdict, check_host
from tests.bot.hostcheck.cases import D12, D12_OLD, EL9_OLD, OLD, RHEL_OLD
from tests.bot.hostcheck.roots import CVE, NOW, Files, cpio, debian, dpkg, host, matrix, running, tree, write_root

FALSE = "install algif_aead /bin/false\n"
FIXED = host("debian12", running(debian(D12, "6.1.170-1")), tree(D12))
RULE = {"etc/modprobe.d/x.conf": FALSE}
EARLY = cpio({"kernel/x86/microcode/GenuineIntel.bin": "x" * 3000})
MAIN = cpio({"bin/busybox": "y" * 70000, "etc/modprobe.d/x.conf": FALSE, "etc/modprobe.d/x.conf.bak": FALSE})


def verdict(tmp_path: Path, files: Files) -> Verdict:
    (found,) = check_host(write_root(tmp_path / "root", files), matrix(), [CVE], NOW).verdicts
    return found


def layers(tmp_path: Path, files: Files, layer: str) -> list[Mitigation]:
    return [one for one in verdict(tmp_path, files).mitigations if one.layer == layer]


@pytest.mark.parametrize(
    "image",
    [
        MAIN,
        gzip.compress(MAIN),
        EARLY + b"\0" * 512 + gzip.compress(MAIN),
        EARLY + lzma.compress(MAIN, check=lzma.CHECK_CRC32),
        EARLY + MAIN,
    ],
)
def test_the_copy_of_a_rule_is_found_in_an_initramfs(tmp_path: Path, image: bytes) -> None:
    """Plain, packed, and after the early archive of microcode; a file that kmod does not read is none."""
    path = f"/boot/initrd.img-{OLD}"
    assert layers(tmp_path, D12_OLD | {path[1:]: image}, "initramfs") == [
        Mitigation("initramfs", path + ":/etc/modprobe.d/x.conf", FALSE.strip(), "partial",
                   "the copy holds until the root file system is mounted")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"\x28\xb5\x2f\xfd rest", "is packed by zstd, which is not read here"),
        (b"\x02\x21\x4c\x18 rest", "is packed by lz4, which is not read here"),
        (b"who knows", "is packed by an unknown method, which is not read here"),
        (MAIN[:300], "ends in the middle of a file"),
        (gzip.compress(MAIN)[:40], "holds no cpio archive"),
        (gzip.compress(b"text" * 100), "holds no cpio archive"),
        (b"070701" + b"Z" * 104, "has a header that is not one"),
        (b"070701" + b"F" * 104, "has a file name that is too long"),
        (gzip.compress(MAIN)[:20] + b"\xff" * 200, "cannot be unpacked"),
        (gzip.compress(cpio({"a": "z" * (18 * 1024 * 1024)}), 1), "was read for its first 16 MiB only"),
        (b"", ""),
        (b"\0" * 4096, ""),
    ],
)
def test_what_hides_in_a_closed_or_broken_initramfs_is_not_claimed(tmp_path: Path, image: bytes, said: str) -> None:
    """No rules, the reason, and no exception; the layer is named only where modprobe.d has a rule."""
    root = write_root(tmp_path / "image", {f"boot/initrd.img-{OLD}": image})
    copies = read_copies(HostFiles(root), OLD)
    assert copies is not None
    assert (copies.rules, copies.unread[: len(said)]) == ((), said)
    found = layers(tmp_path, D12_OLD | RULE | {f"boot/initrd.img-{OLD}": image}, "initramfs")
    assert [one.effect for one in found] == (["undecided"] if said else [])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_an_archive_that_cpio_wrote_is_read(tmp_path: Path) -> None:
    """The real tool's archive, with folders, links and a dot before each name."""
    root = write_root(tmp_path / "tree", {"etc/modprobe.d/x.conf": FALSE, "init": "-> bin/sh", "bin/sh": "#!\n"})
    names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
    made = subprocess.run(["cpio", "-o", "-H", "newc"], cwd=root, input=names, capture_output=True, check=True)
    image = write_root(tmp_path / "image", {f"boot/initramfs-{OLD}.img": gzip.compress(made.stdout)})
    copies = read_copies(HostFiles(image), OLD)
    assert copies is not None
    assert ([(one.command, one.name) for one in copies.rules], copies.unread) == ([("install", "algif_aead")], "")


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ([], False),
        (["~AF_ALG"], True),
        (["~AF_PACKET"], False),
        (["AF_UNIX AF_INET"], True),
        (["AF_UNIX AF_ALG"], False),
        (["none"], True),
        (["~AF_ALG", ""], False),
        (["AF_UNIX", "AF_ALG"], False),
        (["AF_UNIX AF_ALG", "~AF_ALG"], True),
        (["~AF_ALG AF_PACKET", "AF_ALG"], False),
        (["", "AF_UNIX"], True),
    ],
)
def test_address_families_add_up_as_systemd_adds_them(lines: list[str], refused: bool) -> None:
    """The first line sets the direction, an empty one resets, `~` takes away (systemd.exec(5))."""
    state = Families(None, set())
    for line in lines:
        state = after_line(state, line)
    assert state.refuse_alg is refused


def test_units_are_read_with_their_drop_ins(tmp_path: Path) -> None:
    """One of this host is named, those of the distribution are counted, a drop-in may open one again."""
    lib, section = "usr/lib/systemd/system", "[Service]\nRestrictAddressFamilies="
    files: Files = {
        f"{lib}/a.service": section + "AF_UNIX\n",
        f"{lib}/b.service": section + "~AF_ALG\n",
        f"{lib}/c.service": section + "~AF_ALG\n",
        "etc/systemd/system/c.service.d/open.conf": section + "\n",
        "etc/systemd/system/link.service": "-> /usr/lib/systemd/system/a.service",
        "etc/systemd/system/own.service": section + "AF_INET \\\n AF_INET6\n",
        "etc/systemd/system/off.service": "# RestrictAddressFamilies=~AF_ALG\n",
    }
    found = by_units(HostFiles(write_root(tmp_path, files)))
    assert [(one.where, one.text, one.effect) for one in found] == [
        ("/etc/systemd/system/own.service", "RestrictAddressFamilies", "partial"),
        ("/usr/lib/systemd/system", "RestrictAddressFamilies of 3 services", "partial"),
    ]


def rule(action: str, *conditions: tuple[str, int], **more: object) -> dict[str, object]:
    given = [{"index": 0, "value": value, "op": f"SCMP_CMP_{op}"} for op, value in conditions]
    return {"names": ["socket"], "action": f"SCMP_ACT_{action}", "args": given} | more


@pytest.mark.parametrize(
    ("default", "rules", "refused"),
    [
        ("ERRNO", [], True),
        ("ALLOW", [], False),
        ("ALLOW", [rule("ERRNO", ("EQ", 38))], True),
        ("ERRNO", [rule("ALLOW", ("NE", 40))], False),
        ("ERRNO", [rule("ALLOW", ("LT", 38)), rule("ALLOW", ("EQ", 39)), rule("ALLOW", ("GT", 40))], True),
        ("ERRNO", [rule("ALLOW", ("LE", 38))], False),
        ("ERRNO", [rule("ALLOW", includes={"caps": ["CAP_SYS_ADMIN"]})], True),
        ("ERRNO", [rule("ALLOW", excludes={"caps": ["CAP_SYS_ADMIN"]})], False),
        ("ERRNO", [{"name": "socket", "action": "SCMP_ACT_ALLOW"}], False),
        ("ERRNO", [{"names": 7, "action": []}, None], True),
        (None, [], False),
    ],
)
def test_a_profile_refuses_only_what_no_rule_lets_through(
    tmp_path: Path, default: str | None, rules: list[object], refused: bool
) -> None:
    """Docker's and Podman's form; a condition that cannot be told counts as met."""
    profile = {"defaultAction": f"SCMP_ACT_{default}" if default else None, "syscalls": rules}
    files: Files = {"etc/docker/daemon.json": '{"seccomp-profile": "/srv/p.json"}', "srv/p.json": json.dumps(profile)}
    found = by_seccomp(HostFiles(write_root(tmp_path, files)))
    assert [(one.where, one.effect) for one in found] == ([("/srv/p.json", "partial")] if refused else [])


def test_a_profile_that_forgets_socketcall_says_so(tmp_path: Path) -> None:
    """32-bit programs open sockets by another call, which has no arguments that a filter could see."""
    rules = [rule("ALLOW", ("NE", 38)), {"names": ["socketcall"], "action": "SCMP_ACT_ALLOW"}]
    text = json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules})
    (found,) = by_seccomp(HostFiles(write_root(tmp_path, {"etc/containers/seccomp.json": text})))
    assert found.reason == "it holds for containers alone, and 32-bit programs reach the socket by socketcall"


@pytest.mark.parametrize("text", ["", "[", "[]", '"x"', "[" * 100000, '{"syscalls": 3}', '{"seccomp-profile": 1}'])
def test_settings_that_are_none_are_no_mitigation(tmp_path: Path, text: str) -> None:
    """Nothing is claimed and nothing raised."""
    files: Files = {"etc/docker/daemon.json": text, "etc/containers/seccomp.json": text}
    assert by_seccomp(HostFiles(write_root(tmp_path, files))) == []


MENU = "menuentry x {{\n  linux /vmlinuz-{} ro quiet\n}}\nmenuentry y {{\n  linux /vmlinuz-{} ro\n}}\n"
ENTRIES = {
    "boot/loader/entries/a.conf": f"linux /vmlinuz-{OLD}\n",
    "boot/loader/entries/b.conf": f"linux /vmlinuz-{D12}\n",
}
DEFAULT = 'if [ "${next_entry}" ] ; then\n  set default="${next_entry}"\nelse\n  set default="%s"\nfi\n'


@pytest.mark.parametrize(
    ("files", "kernel"),
    [
        ({"boot/grub/grub.cfg": DEFAULT % "0" + MENU.format(D12, OLD)}, D12),
        ({"boot/grub/grub.cfg": DEFAULT % "1" + MENU.format(D12, OLD)}, ""),
        ({"boot/grub/grub.cfg": DEFAULT % "${saved_entry}" + MENU.format(D12, OLD)}, D12),
        ({"boot/grub/grub.cfg": DEFAULT % "${saved_entry}" + MENU.format(D12, OLD),
          "boot/grub/grubenv": "saved_entry=old\n"}, ""),
        ({"boot/grub/grub.cfg": DEFAULT % "0" + MENU.format(D12, OLD), "boot/grub/grubenv": "next_entry=1\n"}, ""),
        (ENTRIES, D12),
        (ENTRIES | {"boot/grub2/grubenv": "saved_entry=a\n"}, OLD),
        (ENTRIES | {"boot/grub2/grubenv": "saved_entry=1\n"}, OLD),
        (ENTRIES | {"boot/grub2/grubenv": "saved_entry=gone\n"}, ""),
        ({"boot/efi/loader/entries/a.conf": f"version {OLD}\nlinux /x/linux\n"}, OLD),
        ({"boot/grub/grub.cfg": "linux /vmlinuz-$(id) ro\n"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_the_kernel_that_starts_next(tmp_path: Path, files: Files, kernel: str) -> None:
    """By the files of grub and of the loader entries; what is not certain is not guessed."""
    assert read_next_boot(HostFiles(write_root(tmp_path, files)), (D12, OLD)).release == kernel


def test_the_options_of_an_entry_may_stand_in_grubenv(tmp_path: Path) -> None:
    """As EL 8 writes them."""
    files: Files = {
        "boot/loader/entries/a.conf": f"linux /vmlinuz-{EL9_OLD}\noptions $kernelopts quiet\n",
        "boot/grub2/grubenv": "saved_entry=a\nkernelopts=ro initcall_blacklist=algif_aead_init\n",
    }
    expected = NextBoot(EL9_OLD, "ro initcall_blacklist=algif_aead_init quiet", "saved_entry of grubenv")
    assert read_next_boot(HostFiles(write_root(tmp_path, files)), ()) == expected


def test_a_parameter_that_waits_for_a_reboot_is_named_and_not_believed(tmp_path: Path) -> None:
    """/proc/cmdline alone proves it."""
    files = RHEL_OLD | {"etc/default/grub": 'GRUB_CMDLINE_LINUX="ro initcall_blacklist=algif_aead_init"\n#GRUB_X="x"\n'}
    found = verdict(tmp_path, files)
    assert [(one.where, one.effect) for one in found.mitigations] == [("/etc/default/grub", "undecided")]
    assert found.word == "affected"


IWD = dpkg(("bluez", "5.66-1", "bluez"))


@pytest.mark.parametrize(
    ("files", "state", "breaks"),
    [
        (FIXED | RULE, "harmless", ()),
        (FIXED | RULE | IWD, "harmful", ("bluez: Bluetooth mesh, which needs ccm(aes)",)),
        (D12_OLD | RULE | IWD, "still needed", ("bluez: Bluetooth mesh, which needs ccm(aes)",)),
        (FIXED | {"etc/modprobe.d/x.conf": "blacklist algif_aead\n"} | IWD, "inert", ()),
    ],
)
def test_a_rule_is_harmful_where_it_breaks_something_for_nothing(
    tmp_path: Path, files: Files, state: str, breaks: tuple[str, ...]
) -> None:
    """Fixed and needed by a program here: harmful. While affected it is needed, and what it breaks is said."""
    (advice,) = verdict(tmp_path, files).advice
    assert (advice.state, advice.breaks) == (state, breaks)


def test_a_rule_stays_while_an_affected_kernel_starts_next(tmp_path: Path) -> None:
    """The running kernel is fixed, the boot loader is set to the old one."""
    waiting = dpkg((f"linux-image-{OLD}", "6.1.164-1", "linux-signed-amd64"))
    files = FIXED | RULE | waiting | {"boot/grub/grub.cfg": MENU.format(OLD, D12)}
    (advice,) = verdict(tmp_path, files).advice
    assert (advice.state, advice.step) == ("still needed", "")
    assert advice.reason == f"{OLD} would start next, and it is not known to be fixed"
