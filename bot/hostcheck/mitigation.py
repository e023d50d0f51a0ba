"""One layer that may keep flawed code from being reached: the value that all readers of layers give."""

from typing import NamedTuple


class Mitigation(NamedTuple):
    """layer: modprobe.d | initramfs | cmdline | sysctl | sysctl.d | systemd | seccomp | lsm; where it stands, its text.

    effect: effective | inert | partial (some programs, or some time, only) | undecided (named, not judged).
    """

    layer: str
    where: str
    text: str
    effect: str
    reason: str
