"""The Debian tracker's page of a CVE with 2,000 rows: our reader against bs4 on html.parser for the same table."""

from __future__ import annotations

from scripts.benches.documents import cve_page
from scripts.benches.figure import Figure
from scripts.benches.rounds import compared
from sources.debian.cve_page import read_cve_page

ROWS = 2_000


def peer(page: bytes) -> list[list[str]]:
    from bs4 import BeautifulSoup

    table = BeautifulSoup(page, "html.parser").find_all("table")[1]
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]


def run() -> list[Figure]:
    page = cve_page(ROWS)
    if len(read_cve_page(page).records) != 1 or len(peer(page)) != ROWS + 1:
        raise RuntimeError("the page was not read")
    return [
        compared(
            f"tracker HTML, {ROWS} rows",
            lambda: read_cve_page(page),
            "bs4 html.parser",
            lambda: peer(page),
            limit=1 / 12,
        )
    ]
