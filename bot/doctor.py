"""`patchwatch doctor`: what an operator would look at first, each with one line that says what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as mail_policy
from urllib.parse import urlsplit

from bot.app import App, make_poller
from bot.config import Config
from sources.base import SourceSpec
from sources.errors import FetchError, TooLarge
from sources.http import HttpDoor
from sources.registry import find_source, source_names
from storage import source_health
from storage.migrate import current_revision
from storage.store import integrity_problem

PROBE_BYTES = 16 * 1024
PROBE_SECONDS = 10.0
PROBES_AT_ONCE = 8
CLOCK_TOLERANCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was looked at, whether it is fine, and what it is or what to do. `advice`: it works without."""

    what: str
    good: bool
    text: str
    advice: bool = False


def examine(app: App, *, send: str | None = None) -> list[Finding]:
    """Everything there is to say. Sends nothing unless `send` names a destination. Raises StorageError."""
    findings = [*_configuration(app), _database(app), _clock(app), *_python(), _base_url(app), *_credentials(app)]
    if send is not None:
        findings.append(_send(app, send))
    return [*findings, *_sources(app)]


def _configuration(app: App) -> Iterator[Finding]:
    where = str(app.config.path) if app.config.path else "no file: defaults and environment"
    yield Finding(what="configuration", good=True, text=f"{where}; data in {app.config.data_dir}")
    names = ", ".join(topic.slug for topic in app.topics)
    yield Finding(what="topics", good=True, text=names)
    if not app.config.text("http", "contact"):
        yield Finding(
            what="contact",
            good=False,
            advice=True,
            text="[http] contact is empty: tell the sources how to reach you (a URL or mail address)",
        )


def _database(app: App) -> Finding:
    problem = integrity_problem(app.store)
    if problem is not None:
        return Finding(what="database", good=False, text=f"damaged: {problem}; restore: patchwatch db restore FILE")
    kind = "SQLite" if app.store.is_sqlite else "PostgreSQL"
    return Finding(what="database", good=True, text=f"{kind} at revision {current_revision(app.store)}")


def _clock(app: App) -> Finding:
    """A clock behind what was already stored would make new facts look old."""
    now = datetime.now(UTC)
    with app.store.read() as connection:
        times = [one.last_attempt_at for one in source_health.list_health(connection) if one.last_attempt_at]
    newest = max(times, default=now)
    if newest > now + CLOCK_TOLERANCE:
        return Finding(
            what="clock",
            good=False,
            text=f"it is {now:%Y-%m-%d %H:%M} UTC here, but a poll is stored for {newest:%Y-%m-%d %H:%M}; set it",
        )
    return Finding(what="clock", good=True, text=f"{now:%Y-%m-%d %H:%M} UTC")


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding(what="python", good=True, text=version)
    if header_injection_possible():
        yield Finding(
            what="python",
            good=False,
            advice=True,
            text=f"{version} lets a copied mail header start a new one (CVE-2024-6923); ours are plain text: update it",
        )


def header_injection_possible() -> bool:
    """Whether a header read from a foreign mail, copied as it is, would be written as two (TRUST M15)."""
    foreign = b"Subject: =?utf-8?q?a=0D=0AX-Injected=3A_yes?=\r\n\r\n"
    read = message_from_bytes(foreign, policy=mail_policy)
    copy = EmailMessage(policy=mail_policy)
    try:
        copy["Subject"] = read["Subject"]
        return b"\nX-Injected:" in copy.as_bytes().replace(b"\r", b"")
    except ValueError:
        return False


def _base_url(app: App) -> Finding:
    base = app.config.text("web", "base_url")
    if not base:
        return Finding(
            what="base_url",
            good=False,
            advice=True,
            text="[web] base_url is empty: links in messages lead here only",
        )
    split = urlsplit(base)
    if split.scheme not in ("http", "https") or not split.netloc:
        return Finding(what="base_url", good=False, text=f"{base} is no address; write https://host")
    return Finding(what="base_url", good=True, text=base)


def _one_click(config: Config) -> Iterator[Finding]:
    """RFC 8058: without https and a DKIM signature over both headers they are left out of mail."""
    if not config.text("mail", "host"):
        return
    lacks = []
    if not config.text("web", "base_url").startswith("https://"):
        lacks.append("[web] base_url is not https")
    if not config.flag("mail", "dkim"):
        lacks.append("[mail] dkim is off; let your MTA sign both headers (docs/mail.md), then switch it on")
    text = (
        f"left out of mail (RFC 8058): {' and '.join(lacks)}"
        if lacks
        else "offered in mail; your MTA has to sign both headers (docs/mail.md)"
    )
    yield Finding(what="one-click unsubscribe", good=not lacks, advice=True, text=text)


def _credentials(app: App) -> Iterator[Finding]:
    config = app.config
    on = {
        "telegram": bool(config.secret("telegram", "token")),
        "matrix": bool(config.text("matrix", "homeserver")) and bool(config.secret("matrix", "token")),
        "mail": bool(config.text("mail", "host")),
        "webhook": bool(config.webhooks),
    }
    for name, present in on.items():
        yield Finding(what=name, good=True, text="configured" if present else "off: no credential or address")
    if on["matrix"]:
        yield _matrix_encryption(config)
    yield _apprise(config)
    yield from _one_click(config)
    if config.secret("telegram", "webhook_secret") and not config.text("web", "base_url").startswith("https://"):
        yield Finding(
            what="telegram webhook",
            good=False,
            text="[telegram] webhook_secret is set, but [web] base_url is not https: Telegram posts to https only",
        )
    if not config.text("alerts", "destination"):
        yield Finding(
            what="alerts",
            good=False,
            advice=True,
            text="[alerts] destination is empty: failing sources are told here and on the board only",
        )


def _matrix_encryption(config: Config) -> Finding:
    from bot.channels.matrix.opening import why_plain

    missing = why_plain(config)
    text = f"encrypted rooms get nothing: {missing}" if missing else "on: encrypted rooms are served"
    return Finding(what="matrix encryption", good=True, text=text)


def _apprise(config: Config) -> Finding:
    if not config.apprise:
        return Finding(what="apprise", good=True, text="off: no credential or address")
    from bot.channels.apprise import find_problem

    problem = find_problem(config.apprise)
    names = ", ".join(one.name for one in config.apprise)
    return Finding(what="apprise", good=problem is None, text=problem or f"configured: {names}")


def _send(app: App, destination: str) -> Finding:
    import asyncio

    from bot.channels.registry import send_test

    problem = asyncio.run(send_test(app.store, app.config, destination))
    return Finding(what=f"send {destination}", good=problem is None, text=problem or "sent")


def _sources(app: App) -> Iterator[Finding]:
    """One small request to each source that is on, a few at a time."""
    names = [name for name in (*source_names(), *app.config.further_trees) if app.config.source(name).enabled]
    poller = make_poller(app)
    try:
        with ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="doctor") as pool:
            yield from pool.map(lambda name: _probe(app, poller.http, find_source(name)), names)
    finally:
        poller.http.close()


def _probe(app: App, http: HttpDoor, spec: SourceSpec) -> Finding:
    what = f"source {spec.name}"
    given = app.config.source_values(spec).get("url", "")
    url = (given if isinstance(given, str) else next(iter(given), "")).rstrip("/")
    if not url.startswith(("http://", "https://")):
        return Finding(what=what, good=True, text=f"not asked: {url or 'no address'}")
    if url.endswith(".git"):
        url += "/info/refs?service=git-upload-pack"
    try:
        http.get(url, source=spec.name, expect="binary", max_bytes=PROBE_BYTES, deadline_seconds=PROBE_SECONDS)
    except TooLarge:
        return Finding(what=what, good=True, text=f"answers: {url}")
    except FetchError as error:
        # a base address that is no document may say 404: the host is there and speaks
        if error.status in (400, 403, 404, 405):
            return Finding(what=what, good=True, text=f"the host answers {error.status} for its base {url}")
        return Finding(what=what, good=False, text=str(error))
    return Finding(what=what, good=True, text=f"answers: {url}")
