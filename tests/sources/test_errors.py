"""The room's errors: one line, no secrets, and whole after a way through a pipe."""

from __future__ import annotations

import pickle

import pytest

from sources.errors import FetchError, GitError, ParseError, RateLimited, SourceError, TooLarge, one_line


def make_error(what: str = "it failed", url: str = "https://example.org/x") -> FetchError:
    return FetchError(what, source="kev", url=url, kind="status", action="wait", retry_after=3.0, status=503)


@pytest.mark.parametrize("kind", [FetchError, GitError, RateLimited, TooLarge])
def test_an_error_survives_a_worker_process(kind: type[SourceError]) -> None:
    """Class and every field come back from a pickle."""
    error = kind("it failed", source="kev", url="https://example.org/", action="wait", retry_after=1.5, status=429)
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(back) is kind
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_a_parse_error_survives_a_worker_process() -> None:
    """What and where come back."""
    back = pickle.loads(pickle.dumps(ParseError("no list", "$.vulnerabilities")))  # noqa: S301 - our own bytes
    assert (back.what, back.where, str(back)) == ("no list", "$.vulnerabilities", "no list (at $.vulnerabilities)")


def test_the_text_names_source_address_and_action() -> None:
    """One readable line."""
    assert str(make_error()) == "kev: it failed (https://example.org/x); wait"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@example.org/x", "https://example.org/x"),
        ("https://tok@example.org/x", "https://example.org/x"),
        ("https://example.org/x?api_key=s3&n=1", "https://example.org/x?api_key=***&n=1"),
        ("https://example.org/x?n=1&X-Amz-Signature=s3", "https://example.org/x?n=1&X-Amz-Signature=***"),
        ("https://example.org/x?ACCESS_TOKEN=s3#f", "https://example.org/x?ACCESS_TOKEN=***#f"),
        ("https://example.org/a@b?cve=CVE-2026-31431", "https://example.org/a@b?cve=CVE-2026-31431"),
    ],
)
def test_secrets_are_cut_out_of_addresses(url: str, shown: str) -> None:
    """The user part and values of secret-looking keys; the rest stays."""
    assert make_error(url=url).url == shown
    assert make_error(what=f"fatal: {url} failed").what == f"fatal: {shown} failed"


@pytest.mark.parametrize("text", ["a\nb", "a\r\n  b", "a\x1b[31mb", "a\u202eb", "a\u2028b", "a\0b", "a\tb"])
def test_a_text_is_one_printable_line(text: str) -> None:
    """No line ends, control or format characters: nothing can forge a log line."""
    line = one_line(text)
    assert line.isprintable()
    assert (line[0], line[-1]) == ("a", "b")


def test_a_long_text_is_cut() -> None:
    """A server's megabyte does not become a log line."""
    assert len(make_error(what="x" * 1_000_000).what) == 300
