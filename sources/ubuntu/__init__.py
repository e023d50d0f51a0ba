"""Ubuntu: security notices, live patches and the CVE tracker of Canonical's security team."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.ubuntu.fetch import MOST_BYTES, fetch
from sources.ubuntu.parse import parse
from sources.ubuntu.settings import SETTINGS

SOURCE = SourceSpec(
    name="ubuntu",
    title="Ubuntu security notices and CVE tracker",
    gives="fixed versions and open states of every kernel package and pocket, live patches, mitigations (kmod)",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings=SETTINGS,
    interval_seconds=900,
    stale_after_seconds=3 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="CC-BY-SA 4.0 (https://github.com/canonical/ubuntu-security-notices)",
    home="https://ubuntu.com/security/notices",
)
