"""A topic as data: what it watches, its matters, plan, mitigations, users and statements (CONTRACT "A topic file").

`parse_topic` takes the text of a TOML file; unknown keys are errors that name the nearest known one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from advisories.topic_tables import TopicError, days, strings, table, tables, text
from advisories.words import ASKED_ALARMS, Alarm

STALLED_AFTER_DAYS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """An advisory that no record opens: found by its commits (12 to 40 hex digits) or Message-IDs (without <>)."""

    slug: str
    title: str
    commits: tuple[str, ...]
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a plan. `state` is what the file says; landings of `matter` or `commits` advance it."""

    slug: str
    title: str
    kind: str  # deprecated | restricted | removed | hardened
    state: str  # proposed | queued | merged | shipped
    release: str | None
    effect: str
    source: str
    matter: str | None
    commits: tuple[str, ...]
    message_ids: tuple[str, ...]
    migrate_to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationCarrier:
    distro: str
    release: str | None
    package: str
    version: str | None
    erratum: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigation:
    id: str
    title: str
    applies_when: str
    inert_when: str
    breaks: str
    carried_by: tuple[MitigationCarrier, ...]
    replaced_by: str | None
    lift_when: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A program that depends on what the topic is about."""

    program: str
    packages: tuple[str, ...]
    uses: str
    breaks: str
    gone_in: str | None
    migrate_to: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A vendor's word that no feed carries, for one CVE of the topic (the first of `cves` when it names none)."""

    cve: str | None
    distro: str
    release: str | None
    package: str | None
    status: str
    disposition: str
    justification: str | None
    words: str
    url: str
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    slug: str
    title: str
    summary: str
    since: datetime
    cves: frozenset[str]
    every_cve: bool
    commits: tuple[str, ...]
    paths: tuple[str, ...]
    subjects: tuple[str, ...]
    words: tuple[str, ...]
    kconfig: tuple[str, ...]
    lists: tuple[str, ...]
    matters: tuple[Matter, ...]
    steps: tuple[Step, ...]
    mitigations: tuple[Mitigation, ...]
    users: tuple[User, ...]
    statements: tuple[Statement, ...]
    alarms: frozenset[Alarm] = frozenset()  # those of ASKED_ALARMS that are turned on
    stalled_after: timedelta = timedelta(days=STALLED_AFTER_DAYS)


_TOP = (
    "slug", "title", "summary", "since", "cves", "commits", "paths", "subjects", "words", "kconfig", "lists",
    "matters", "steps", "mitigations", "users", "statements", "alarms", "stalled_after_days",
)  # fmt: skip


def parse_topic(source: str, *, name: str) -> Topic:
    """The topic a TOML text describes. Raises TopicError naming the file, the key and what would be right."""
    try:
        top = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise TopicError(f"{name}: not valid TOML: {error}") from None
    table(top, _TOP, name)
    slug = text(top, "slug", name, required=True)
    if not _is_slug(slug):
        raise TopicError(f"{name}: slug {slug!r} may hold a-z, 0-9 and '-' only")
    cves = strings(top, "cves", name)
    for cve in cves:
        if cve != "*" and not _is_cve(cve):
            raise TopicError(f"{name}: cves: {cve!r} is no CVE id")
    commits = _commits(strings(top, "commits", name), name)
    return Topic(
        slug=slug,
        title=text(top, "title", name, required=True),
        summary=text(top, "summary", name),
        since=_since(top, name),
        cves=frozenset(cves) - {"*"},
        every_cve="*" in cves,
        commits=commits,
        paths=strings(top, "paths", name),
        subjects=strings(top, "subjects", name),
        words=tuple(word.lower() for word in strings(top, "words", name)),
        kconfig=strings(top, "kconfig", name),
        lists=strings(top, "lists", name),
        matters=tuple(_matter(one, name) for one in tables(top, "matters", name)),
        steps=tuple(_step(one, name) for one in tables(top, "steps", name)),
        mitigations=tuple(_mitigation(one, name) for one in tables(top, "mitigations", name)),
        users=tuple(_user(one, name) for one in tables(top, "users", name)),
        statements=tuple(_statement(one, name) for one in tables(top, "statements", name)),
        alarms=_alarms(strings(top, "alarms", name), name),
        stalled_after=timedelta(days=days(top, "stalled_after_days", name, default=STALLED_AFTER_DAYS)),
    )


def _is_slug(word: str) -> bool:
    return bool(word) and len(word) <= 64 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in word)


def _is_cve(word: str) -> bool:
    parts = word.split("-")
    return len(parts) == 3 and parts[0] == "CVE" and all(p.isascii() and p.isdigit() and len(p) >= 4 for p in parts[1:])


def _commits(words: tuple[str, ...], name: str) -> tuple[str, ...]:
    for word in words:
        if not 12 <= len(word) <= 40 or any(c not in "0123456789abcdef" for c in word):
            raise TopicError(f"{name}: commits: {word!r} must be 12 to 40 lower-case hex digits")
    return words


def _alarms(words: tuple[str, ...], name: str) -> frozenset[Alarm]:
    for word in words:
        if word not in ASKED_ALARMS:
            known = ", ".join(sorted(ASKED_ALARMS))
            raise TopicError(f"{name}: alarms: {word!r} must be one of {known}; the other alarms are always on")
    return frozenset(map(Alarm, words))


def _since(top: Mapping[str, object], name: str) -> datetime:
    value = top.get("since")
    if value is None:
        return datetime(2026, 1, 1, tzinfo=UTC)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise TopicError(f"{name}: since must be a date (since = 2026-04-01)")


def _matter(one: Mapping[str, object], name: str) -> Matter:
    where = f"{name}: [[matters]]"
    table(one, ("slug", "title", "commits", "message_ids"), where)
    return Matter(
        slug=text(one, "slug", where, required=True),
        title=text(one, "title", where, required=True),
        commits=_commits(strings(one, "commits", where), where),
        message_ids=strings(one, "message_ids", where),
    )


def _step(one: Mapping[str, object], name: str) -> Step:
    where = f"{name}: [[steps]]"
    table(
        one,
        (
            "slug",
            "title",
            "kind",
            "state",
            "release",
            "effect",
            "source",
            "matter",
            "commits",
            "message_ids",
            "migrate_to",
        ),
        where,
    )
    state = text(one, "state", where) or "proposed"
    if state not in ("proposed", "queued", "merged", "shipped"):
        raise TopicError(f"{where}: state {state!r} must be proposed, queued, merged or shipped")
    title = text(one, "title", where, required=True)
    return Step(
        slug=text(one, "slug", where) or "-".join(title.lower().split())[:60],
        title=title,
        kind=text(one, "kind", where),
        state=state,
        release=text(one, "release", where) or None,
        effect=text(one, "effect", where),
        source=text(one, "source", where),
        matter=text(one, "matter", where) or None,
        commits=_commits(strings(one, "commits", where), where),
        message_ids=strings(one, "message_ids", where),
        migrate_to=text(one, "migrate_to", where) or None,
    )


def _mitigation(one: Mapping[str, object], name: str) -> Mitigation:
    where = f"{name}: [[mitigations]]"
    table(
        one,
        ("id", "title", "applies_when", "inert_when", "breaks", "carried_by", "replaced_by", "lift_when", "source"),
        where,
    )
    return Mitigation(
        id=text(one, "id", where, required=True),
        title=text(one, "title", where, required=True),
        applies_when=text(one, "applies_when", where),
        inert_when=text(one, "inert_when", where),
        breaks=text(one, "breaks", where),
        carried_by=tuple(_mitigation_carrier(each, where) for each in tables(one, "carried_by", where)),
        replaced_by=text(one, "replaced_by", where) or None,
        lift_when=text(one, "lift_when", where),
        source=text(one, "source", where),
    )


def _mitigation_carrier(one: Mapping[str, object], where: str) -> MitigationCarrier:
    table(one, ("distro", "release", "package", "version", "erratum"), where)
    return MitigationCarrier(
        distro=text(one, "distro", where),
        release=text(one, "release", where) or None,
        package=text(one, "package", where, required=True),
        version=text(one, "version", where) or None,
        erratum=text(one, "erratum", where) or None,
    )


def _user(one: Mapping[str, object], name: str) -> User:
    where = f"{name}: [[users]]"
    table(one, ("program", "packages", "uses", "breaks", "gone_in", "migrate_to", "source"), where)
    return User(
        program=text(one, "program", where, required=True),
        packages=strings(one, "packages", where),
        uses=text(one, "uses", where),
        breaks=text(one, "breaks", where),
        gone_in=text(one, "gone_in", where) or None,
        migrate_to=text(one, "migrate_to", where) or None,
        source=text(one, "source", where),
    )


def _statement(one: Mapping[str, object], name: str) -> Statement:
    where = f"{name}: [[statements]]"
    table(
        one,
        ("cve", "distro", "release", "package", "status", "disposition", "justification", "words", "url", "date"),
        where,
    )
    day = one.get("date")
    if not isinstance(day, date):
        raise TopicError(f"{where}: date must be a date (date = 2026-04-30)")
    return Statement(
        cve=text(one, "cve", where) or None,
        distro=text(one, "distro", where, required=True),
        release=text(one, "release", where) or None,
        package=text(one, "package", where) or None,
        status=text(one, "status", where, required=True),
        disposition=text(one, "disposition", where) or "none",
        justification=text(one, "justification", where) or None,
        words=text(one, "words", where),
        url=text(one, "url", where, required=True),
        date=day.date() if isinstance(day, datetime) else day,
    )
