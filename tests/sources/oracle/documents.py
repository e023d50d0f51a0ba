"""A small document in the wire form of Oracle's OVAL file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5"
  xmlns:oval="http://oval.mitre.org/XMLSchema/oval-common-5">
<generator><oval:product_name>Oracle Errata System</oval:product_name></generator>
<definitions>
"""
_TAIL = """</definitions>
<tests>
<rpminfo_test id="oval:com.oracle.elsa:tst:1" version="501" comment="kernel is earlier than 0:9-9" check="at least one"
  xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5#linux">
<object object_ref="oval:com.oracle.elsa:obj:1" /><state state_ref="oval:com.oracle.elsa:ste:1" />
</rpminfo_test>
</tests>
</oval_definitions>
"""


def definition(
    erratum: str,
    title: str,
    packages: Mapping[str, Mapping[str, str]],
    *,
    issued: str = "2026-05-05",
    cves: Sequence[str] = ("CVE-2026-31431",),
) -> str:
    """packages: release of Oracle Linux -> package -> first fixed version."""
    releases = "".join(
        f"""<criteria operator="AND">
<criterion test_ref="oval:com.oracle.elsa:tst:1" comment="Oracle Linux {release} is installed"/>
<criteria operator="OR"><criteria operator="AND">
<criterion test_ref="oval:com.oracle.elsa:tst:2" comment="Oracle Linux arch is x86_64"/>
<criteria operator="OR">{"".join(_package(name, version, release) for name, version in listed.items())}</criteria>
</criteria></criteria></criteria>"""
        for release, listed in packages.items()
    )
    references = "".join(f'<reference source="CVE" ref_id="{cve}" ref_url="https://x/{cve}.html"/>' for cve in cves)
    return f"""<definition id="oval:com.oracle.elsa:def:{erratum[5:].replace("-", "")}" version="501" class="patch">
<metadata>
<title>
{erratum}:  {title}
</title>
<affected family="unix"><platform>Oracle Linux 9</platform></affected>
<reference source="elsa" ref_id="{erratum}" ref_url="https://linux.oracle.com/errata/{erratum}.html"/>
{references}
<description>[5.14.0-611.54.1.el9_7.OL9]</description>
<!-- advisory details -->
<advisory>
<severity>IMPORTANT</severity>
<issued date="{issued}"/>
{"".join(f'<cve cvss3="7.8/x" href="https://x/{cve}.html" public="20260422">{cve}</cve>' for cve in cves)}
</advisory>
</metadata>
<criteria operator="OR">{releases}</criteria>
</definition>
"""


def _package(name: str, version: str, release: str) -> str:
    return f"""<criteria operator="AND">
<criterion test_ref="oval:com.oracle.elsa:tst:3" comment="{name} is earlier than {version}"/>
<criterion test_ref="oval:com.oracle.elsa:tst:4" comment="{name} is signed with the Oracle Linux {release} key"/>
</criteria>"""


def oval(*definitions: str) -> bytes:
    return (_HEAD + "".join(definitions) + _TAIL).encode()


RHCK = definition(
    "ELSA-2026-13565",
    "kernel security update (IMPORTANT)",
    {
        "9": {
            "kernel": "0:5.14.0-611.54.1.el9_7",
            "kernel-uek-doc-not-a-kernel": "0:1-1",
            "kernel-core": "0:5.14.0-611.54.1.el9_7",
            "bpftool": "0:7.5.0-611.54.1.el9_7",
        }
    },
)
UEK = definition(
    "ELSA-2026-50253",
    "Unbreakable Enterprise kernel security update (IMPORTANT)",
    {
        "8": {"kernel-uek": "0:5.15.0-319.201.4.4.el8uek", "kernel-uek-container": "0:5.15.0-319.201.4.4.el8uek"},
        "9": {"kernel-uek-core": "0:5.15.0-319.201.4.4.el9uek"},
    },
    issued="2026-05-01",
)
BIND = definition("ELSA-2026-1", "bind security update (LOW)", {"9": {"bind": "32:9.16.23-34.el9_7"}})
OLD = definition("ELSA-2018-1", "kernel update", {"7": {"kernel": "0:3.10.0-862.el7"}}, issued="2018-05-01")
