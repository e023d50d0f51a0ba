"""Small documents in the wire forms of Amazon Linux."""

from __future__ import annotations

MIRROR_LIST = "https://cdn.amazonlinux.com/al2023/core/guids/1f3b/x86_64/\n"

REPOMD = b"""<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
 <revision>1777900000</revision>
 <data type="primary"><location href="repodata/primary.xml.gz"/></data>
 <data type="updateinfo">
  <checksum type="sha256">aa11</checksum>
  <location href="repodata/aa11-updateinfo.xml.gz"/>
 </data>
</repomd>"""


def package(name: str, version: str, release: str, epoch: str = "0") -> str:
    return (
        f'<package name="{name}" version="{version}" release="{release}" epoch="{epoch}" arch="x86_64">'
        f"<filename>Packages/{name}-{version}-{release}.x86_64.rpm</filename></package>"
    )


def update(erratum: str, collection: str, *packages: str, title: str = "Important priority update for kernel") -> str:
    return (
        '<update status="final" version="1.4" author="linux-security@amazon.com" type="security"'
        f' from="linux-security@amazon.com"><id>{erratum}</id><title>{title}</title>'
        '<issued date="2026-05-04 09:00:00" /><updated date="2026-05-13 23:16" /><severity>Important</severity>'
        "<description>CVE-2026-43078: crypto: af_alg</description><references>"
        '<reference href="http://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2026-31431" title="" id="CVE-2026-31431"'
        f' type="cve" /></references><pkglist><collection short="{collection}"><name>Amazon Linux</name>'
        f"{''.join(packages)}</collection></pkglist></update>"
    )


def updateinfo(*updates: str) -> bytes:
    return f'<?xml version="1.0" ?>\n<updates>{"".join(updates)}</updates>'.encode()


KERNEL = update(
    "ALAS2023-2026-1651",
    "amazon-linux-2023",
    package("kernel", "6.1.168", "203.330.amzn2023", "1"),
    package("kernel-modules-extra-common", "6.1.168", "203.330.amzn2023", "1"),
    package("kernel-livepatch-6.1.168-203.330", "1.0", "0.amzn2023", "1"),
    package("bpftool", "6.1.168", "203.330.amzn2023", "1"),
)
SECOND = update("ALAS2023-2026-1649", "amazon-linux-2023", package("kernel6.18", "6.18.20", "41.237.amzn2023", "1"))
EXTRAS = update(
    "ALAS2KERNEL-5.10-2026-120", "amazon-linux-2---kernel-5.10", package("kernel", "5.10.254", "250.1010.amzn2")
)
LIVE_PATCH = update(
    "ALAS2023LIVEPATCH-2026-010",
    "amazon-linux-2023---kernel-livepatch",
    package("kernel-livepatch-6.1.166-197.305", "1.0", "2.amzn2023"),
)
OTHER = update("ALAS2023-2026-1600", "amazon-linux-2023", package("rsyslog", "8.2204.0", "3.amzn2023.0.2"))


def feed(*entries: tuple[str, str, str]) -> bytes:
    """An ALAS feed: (title, CVE list, page) each."""
    listed = "".join(
        f"""
    <item>
        <title>{title}</title>
        <description>
            {cves}
        </description>
        <pubDate>Mon, 04 May 2026 09:00:00 GMT</pubDate>
        <lastBuildDate>Wed, 13 May 2026 23:16:00 GMT</lastBuildDate>
        <guid>{page}</guid>
        <link>{page}</link>
    </item>"""
        for title, cves, page in entries
    )
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel>
    <title>Amazon Linux 2023 Security Bulletins</title>
    <link>https://alas.aws.amazon.com</link>
    <ttl>35</ttl>
{listed}
</channel>
</rss>
""".encode()
