"""EPSS files: scores and dates, broken files, and the choice of the day."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import ExploitationObservation, ParsedDocument, Record, Rejected
from sources.base import Batch
from sources.epss import SOURCE
from sources.epss.parse import LARGEST_CONTENT, parse
from sources.errors import FetchError, ParseError
from sources.formats.inflate import inflate
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, raw_document

RAW = raw_document("epss", "https://epss.empiricalsecurity.com/epss_scores-2026-05-04.csv.gz")
DAY = datetime(2026, 5, 4, tzinfo=UTC)
TEXT = b"""#model_version:v2026.03.16,score_date:2026-05-04T00:00:00+0000
cve,epss,percentile
CVE-1999-0001,0.01151,0.7802
CVE-2026-31431,0.91234,0.99710
CVE-2025-9970,7e-05,0.00428
"""


def score(cve: str, epss: float, percentile: float | None, at: datetime | None = DAY) -> Record:
    observation = ExploitationObservation(cve=cve, epss=epss, epss_percentile=percentile)
    return Record(key=cve, observations=(observation,), modified=at)


def test_a_file_gives_a_score_for_each_cve() -> None:
    """Inflated or not: probability and percentile, as of the file's date."""
    whole = ParsedDocument(
        records=(
            score("CVE-1999-0001", 0.01151, 0.7802),
            score("CVE-2026-31431", 0.91234, 0.9971),
            score("CVE-2025-9970", 7e-05, 0.00428),
        )
    )
    assert parse(RAW(gzip.compress(TEXT))) == whole
    assert parse(RAW(TEXT)) == whole
    assert parse(RAW(TEXT.replace(b"\n", b"\r\n"))) == whole


def test_older_files_have_less() -> None:
    """No first line, no percentile."""
    assert parse(RAW(b"cve,epss\nCVE-2020-5902,0.65117\n")) == ParsedDocument(
        records=(score("CVE-2020-5902", 0.65117, None, None),)
    )


BAD_LINES = [
    b"cve-2026-31431,0.5,0.5",
    b"CVE-2026-031431,0.5,0.5",
    b"CVE-2026-31431,1.5,0.5",
    b"CVE-2026-31431,nan,0.5",
    b"CVE-2026-31431,-0.1,0.5",
    b"CVE-2026-31431,1e999,0.5",
    b"CVE-2026-31431,0.5,0.5,0.5",
    b"CVE-2026-31431",
    b"CVE-2026-31431,,",
    b"CVE-1999-0001,0.9,0.9",
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_score_is_rejected(line: bytes) -> None:
    """Its number and text are named, the others count; the first of two lines of one CVE counts."""
    parsed = parse(RAW(b"cve,epss,percentile\nCVE-1999-0001,0.01151,0.7802\n" + line + b"\n"))
    assert parsed == ParsedDocument(
        records=(score("CVE-1999-0001", 0.01151, 0.7802, None),),
        rejected=(Rejected(key="line 2", what=f"no score: {line.decode()!r}"),),
    )


def test_a_last_line_without_an_end_does_not_count() -> None:
    """CVE-2025-9970 may be the beginning of CVE-2025-99701; inside gzip the trailer says that it is whole."""
    parsed = parse(RAW(TEXT[:-1]))
    assert [record.key for record in parsed.records] == ["CVE-1999-0001", "CVE-2026-31431"]
    assert parsed.rejected == (Rejected(key="line 3", what="the last line has no end"),)
    assert len(parse(RAW(gzip.compress(TEXT[:-1]))).records) == 3


def test_broken_files_are_parse_errors() -> None:
    """A cut gzip file never gives a score; a cut text gives only whole lines."""
    assert_only_parse_errors(parse, RAW, gzip.compress(TEXT, mtime=0))
    assert_only_parse_errors(parse, RAW, TEXT, cuts_fail=False)


@pytest.mark.parametrize("header", [b"cve,score,percentile", b"invalid,header,format", b"cve", b"CVE-2026-31431,1,1"])
def test_other_columns_are_a_parse_error(header: bytes) -> None:
    """S28: a renamed column is an error."""
    with pytest.raises(ParseError, match="columns"):
        parse(RAW(TEXT.replace(b"cve,epss,percentile", header)))


def test_a_bomb_is_stopped() -> None:
    """A small file that inflates beyond every EPSS file, and gzip with something behind it."""
    with pytest.raises(ParseError, match=f"more than {LARGEST_CONTENT} bytes"):
        parse(RAW(gzip.compress(b"0" * (LARGEST_CONTENT + 1), 1)))
    with pytest.raises(ParseError, match="more than 10 bytes"):
        inflate(gzip.compress(b"0" * 11), 10)
    with pytest.raises(ParseError, match="follows"):
        parse(RAW(gzip.compress(TEXT) + gzip.compress(TEXT)))
    with pytest.raises(ParseError, match="damaged"):
        parse(RAW(b"\x1f\x8b\x08" + zlib.compress(TEXT)))


REAL = {
    "a/epss_scores-2021-04-14.csv.gz": (2, None),
    "a/epss_scores-2021-09-01.csv.gz": (2, None),
    "a/epss_scores-2022-02-04.csv.gz": (2, datetime(2022, 2, 4, tzinfo=UTC)),
    "a/epss_scores-2023-03-07.csv.gz": (2, datetime(2023, 3, 7, tzinfo=UTC)),
    "b/epss_scores-2025-x-x.csv": (26, datetime(2025, 12, 26, 12, 55, tzinfo=UTC)),
    "c/example-1.csv": (5, datetime(2025, 2, 20, tzinfo=UTC)),
    "c/missing-date.csv": (5, None),
}


def test_real_files_of_five_years(shared_data: Path) -> None:
    """Number of scores and date of each; the one with other columns is refused."""
    found = {}
    for name in REAL:
        parsed = parse(RAW((shared_data / "epss" / name).read_bytes()))
        found[name] = (len(parsed.records), parsed.records[0].modified)
    assert found == REAL
    with pytest.raises(ParseError, match="columns"):
        parse(RAW((shared_data / "epss" / "c" / "invalid-header.csv").read_bytes()))


def fetch_from(
    answers: Mapping[str, bytes | tuple[int, dict[str, str]]],
    folder: Path,
    *,
    cves: tuple[str, ...] = ("CVE-2026-31431",),
    day: str = "YYYY-MM-DD",
    checkpoint: dict[str, str] | None = None,
) -> tuple[list[Batch], list[str]]:
    """(what is fetched on 4 May 2026, the addresses asked)."""
    with path_server(answers) as server:
        settings = {"url": f"{server.url}/epss-{day}.csv.gz"}
        context = make_context(SOURCE, server, folder, settings, cves=cves, checkpoint=checkpoint)
        return list(SOURCE.fetch(context)), list(server.asked)


def test_fetch_hands_on_the_followed_lines_of_the_newest_day(tmp_path: Path) -> None:
    """Today's file is not out; yesterday's is read, and only what is followed is kept."""
    (batch,), asked = fetch_from({"/epss-2026-05-03.csv.gz": gzip.compress(TEXT)}, tmp_path)
    assert asked == ["/epss-2026-05-04.csv.gz", "/epss-2026-05-03.csv.gz"]
    assert batch.checkpoint == {"day": "2026-05-03"}
    (document,) = batch.documents
    assert document.url.endswith("/epss-2026-05-03.csv.gz")
    assert document.body == b"".join(TEXT.splitlines(keepends=True)[i] for i in (0, 1, 3))
    assert parse(document).records == (score("CVE-2026-31431", 0.91234, 0.9971),)


def test_fetch_reads_a_day_once(tmp_path: Path) -> None:
    """With today's file nothing is asked; with yesterday's only today's."""
    answers = {"/epss-2026-05-03.csv.gz": gzip.compress(TEXT)}
    batches, asked = fetch_from(answers, tmp_path, checkpoint={"day": "2026-05-04"})
    assert ([batch.documents for batch in batches], asked) == ([()], [])
    batches, asked = fetch_from(answers, tmp_path, checkpoint={"day": "2026-05-03"})
    assert ([batch.documents for batch in batches], asked) == ([()], ["/epss-2026-05-04.csv.gz"])


def test_fetch_without_followed_cves_has_no_document(tmp_path: Path) -> None:
    """A whole file that says nothing of ours is a good fetch."""
    batches, _ = fetch_from({"/epss-2026-05-04.csv.gz": gzip.compress(TEXT)}, tmp_path, cves=("CVE-2026-1",))
    assert [(batch.documents, batch.checkpoint) for batch in batches] == [((), {"day": "2026-05-04"})]


def test_fetch_takes_a_configured_file(tmp_path: Path) -> None:
    """An address without a day is one document, sent inflated or not."""
    (batch,), asked = fetch_from({"/epss-fixed.csv.gz": TEXT}, tmp_path, day="fixed")
    assert (len(batch.documents), batch.checkpoint, asked) == (1, {}, ["/epss-fixed.csv.gz"])


@pytest.mark.parametrize(
    ("answers", "kind", "requests"),
    [
        ({}, "status", 3),
        ({"/epss-2026-05-04.csv.gz": (500, {})}, "status", 1),
        ({"/epss-2026-05-04.csv.gz": gzip.compress(TEXT)[:-9]}, "truncated", 1),
    ],
)
def test_fetch_errors(
    tmp_path: Path, answers: dict[str, bytes | tuple[int, dict[str, str]]], kind: str, requests: int
) -> None:
    """No file of three days; a server that fails is not asked for older days; a cut file is no document."""
    with path_server(answers) as server:
        settings = {"url": f"{server.url}/epss-YYYY-MM-DD.csv.gz"}
        with pytest.raises(FetchError) as caught:
            list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings)))
        assert (caught.value.kind, len(server.asked)) == (kind, requests)


def test_fetch_leaves_a_page_to_the_parser(tmp_path: Path) -> None:
    """What has no score at all is handed on, so that its error is told."""
    (batch,), _ = fetch_from({"/epss-2026-05-04.csv.gz": b"something else\n"}, tmp_path)
    with pytest.raises(ParseError):
        parse(batch.documents[0])
