"""The pages of the board: each function reads the store and fills a template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection

from advisories import wording
from advisories.model import Advisory, Cell, Change
from advisories.severity import rank
from advisories.steps import Standing
from advisories.topics import Topic
from advisories.words import AdvisoryKind, Stage, Status
from bot.views.changes import change_view
from bot.views.sources import source_views
from bot.views.status import Json, status_view
from bot.views.topics import load_plan, step_view
from bot.web import lookup, pictures
from bot.web.matrix import Shown, group_cells, is_at, known_places, tally, wanted_cells
from bot.web.shelf import Rendered
from bot.web.site import Site, WrongRequest, as_of
from bot.web.summary import concerned, packages, sentences, share_over_time, stage_line
from bot.web.words import WORDS
from storage import changes as change_store

LATEST = 25
MAX_ROWS = 300
MAX_PATCHES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One advisory in a list: `places` are the states of the releases that the reader chose."""

    id: str
    name: str
    title: str
    topics: tuple[str, ...]
    severity: str
    exploited: bool
    is_change: bool
    fixed: int
    total: int
    waiting: tuple[str, ...]
    places: tuple[tuple[str, str, str], ...]


def home(site: Site, shown: Shown) -> Rendered:
    """Topics, what changed, what is exploited, where fixes are missing, and how the sources are."""
    with site.app.store.read() as connection:
        stored = lookup.list_stored(connection)
        newest = _newest_changes(connection)
        spoken_for = as_of(connection)
    advisories = [one.advisory for one in stored]
    lines = [_line(one, shown) for one in sorted(advisories, key=_urgency)]
    return site.page(
        "home.html",
        shown=shown,
        places=known_places(advisories),
        lines=lines[:MAX_ROWS],
        more=max(len(lines) - MAX_ROWS, 0),
        exploited=[line for line in lines if line.exploited],
        missing=[line for line in lines if line.waiting][:10],
        changes=newest,
        counts={topic.slug: sum(topic.slug in one.topics for one in advisories) for topic in site.app.topics},
        sources=count_states(source_views(site.app)),
        as_of=spoken_for,
        feed="/feeds/all",
    )


def _newest_changes(connection: Connection, topic: str | None = None) -> list[Json]:
    found = change_store.list_changes(connection, topic=topic, newest_first=True, limit=4 * LATEST, with_quiet=False)
    told = [change_view(one) for one in found if one.draft.change != "text_changed"]
    return told[:LATEST]


def _urgency(advisory: Advisory) -> tuple[bool, int, int]:
    """Exploited first, then the graver, then the newer."""
    level = advisory.severity.claim.level if advisory.severity else None
    year, number = advisory.id.split("-")[1:3]
    return not advisory.exploited.kev, -rank(level), -(int(year) * 1_000_000 + int(number))


def _line(advisory: Advisory, shown: Shown) -> Line:
    cells = concerned(advisory)
    waiting = [cell for cell in cells if cell.status is Status.AFFECTED]
    level = advisory.severity.claim.level if advisory.severity else None
    return Line(
        id=advisory.id,
        name=lookup.name_of(advisory),
        title=advisory.title,
        topics=advisory.topics,
        severity=str(level or "unknown"),
        exploited=advisory.exploited.kev or advisory.exploited.ssvc == "active",
        is_change=advisory.kind is AdvisoryKind.CHANGE,
        fixed=sum(cell.status is Status.FIXED for cell in cells),
        total=len(cells),
        waiting=tuple(dict.fromkeys(wording.place(one.distro, one.release, one.stream) for one in waiting)),
        places=tuple((place, *_state_at(packages(advisory), place)) for place in shown.places),
    )


def _state_at(cells: Iterable[Cell], place: str) -> tuple[str, str]:
    """(status that is worst there, words): of several packages of a release the worst counts."""
    there = [cell for cell in cells if is_at(cell, place)]
    for status in (Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.FIXED, Status.NOT_AFFECTED):
        found = [cell for cell in there if cell.status is status]
        if found:
            version = f" {found[0].fixed_version}" if status is Status.FIXED and found[0].fixed_version else ""
            return status.value, f"{wording.state_phrase(found[0])}{version}"
    return "unknown", "nothing known"


def count_states(views: Iterable[Json]) -> dict[str, int]:
    """How many sources are in each state, in a fixed order; those switched off are left out."""
    order = ("good", "waiting", "stale", "failing", "held")
    states = [view["state"] for view in views]
    return {state: states.count(state) for state in order if states.count(state)}


def topic(site: Site, slug: str, shown: Shown) -> Rendered:
    """A topic: its plan, its advisories, mitigations, users and links."""
    found = lookup.find_topic(site, slug)
    with site.app.store.read() as connection:
        stored = lookup.list_stored(connection, topic=slug)
        newest = _newest_changes(connection, slug)
        plan = load_plan(connection, found)
    advisories = [one.advisory for one in stored]
    return site.page(
        "topic.html",
        topic=found,
        steps=[_step(one) for one in plan],
        shown=shown,
        places=known_places(advisories),
        lines=[_line(one, shown) for one in sorted(advisories, key=_urgency)][:MAX_ROWS],
        more=max(len(advisories) - MAX_ROWS, 0),
        changes=newest,
        links=_links(advisories),
        feed=f"/feeds/{slug}",
    )


def _step(one: Standing) -> Json:
    """A step with the stable releases that have it too."""
    stable = (each.version for each in one.landings if each.stage is Stage.STABLE and each.version)
    return {**step_view(one), "backports": list(dict.fromkeys(stable))}


def _links(advisories: Iterable[Advisory]) -> list[Any]:  # Any: LinkObservation, as the template reads it
    links = {one.url: one for advisory in advisories for one in advisory.links}
    return sorted(links.values(), key=lambda one: str(one.published or ""), reverse=True)[:50]


def advisory_page(site: Site, name: str, shown: Shown) -> Rendered:
    """All about one advisory; the revisions of its patches are compared when the address asks for it."""
    with site.app.store.read() as connection:
        advisory = lookup.load_advisory(connection, name)
        told = lookup.timeline(connection, advisory.id)
        compared_by = site.app.store.blobs if shown.revisions else None
        patches = lookup.patches_of(connection, advisory.id, compared_by=compared_by)
        spoken_for = as_of(connection)
    points = stage_line(advisory, patches)
    steps, total = share_over_time(advisory, spoken_for)
    label = lookup.name_of(advisory)
    topics = lookup.topics_of(site, advisory)
    view = status_view(advisory, as_of=spoken_for, topics=topics)
    return site.page(
        "advisory.html",
        name=label,
        view=view,
        errata=_errata_pages(view),
        part_of=_narrowest(topics, advisory),
        sentences=sentences(advisory),
        shown=shown,
        groups=group_cells(wanted_cells(advisory, shown)),
        places=known_places([advisory]),
        tally=tally(packages(advisory)),
        others=len(advisory.cells) - len(packages(advisory)),
        stages=Markup(pictures.draw_stages(label, points).decode()),  # noqa: S704  # written by lxml from plain text
        share=Markup(pictures.draw_share(label, steps, total).decode()),  # noqa: S704  # the same
        has_share=bool(steps),
        share_words=pictures.describe_share(steps, total),
        points=points,
        patches=patches[:MAX_PATCHES],
        changes=[change_view(one) for one in told],
        as_of=spoken_for,
        feed=f"/feeds/advisories/{advisory.id}",
    )


def matrix_page(site: Site, name: str, shown: Shown) -> Rendered:
    """The fix matrix alone, to print or to read on a phone."""
    with site.app.store.read() as connection:
        advisory = lookup.load_advisory(connection, name)
        spoken_for = as_of(connection)
    view = status_view(advisory, as_of=spoken_for, topics=lookup.topics_of(site, advisory), cells=())
    return site.page(
        "matrix.html",
        name=lookup.name_of(advisory),
        view=view,
        errata=_errata_pages(view),
        has_mitigations=bool(view["mitigations"]),
        shown=shown,
        groups=group_cells(wanted_cells(advisory, shown)),
        places=known_places([advisory]),
        tally=tally(packages(advisory)),
        others=len(advisory.cells) - len(packages(advisory)),
        as_of=spoken_for,
        feed=f"/feeds/advisories/{advisory.id}",
    )


def _narrowest(topics: Iterable[Topic], advisory: Advisory) -> Topic | None:
    """The topic that says best what this is: of those that name its CVE, the one that names the fewest."""
    naming = [one for one in topics if one.cves & set(advisory.aliases)]
    return min(naming, key=lambda one: len(one.cves), default=None)


def _errata_pages(view: Json) -> dict[str, str]:
    """The vendor's own page of each erratum that names one."""
    return {one["id"]: one["url"] for one in view["errata"] if one["url"]}


def change_page(site: Site, number: str) -> Rendered:
    """One change: what was, what is, and where it says so. Raises WrongRequest (404)."""
    change = _find_change(site, number)
    return site.page("change.html", change=change_view(change), name=_name(change), feed="/feeds/all", max_age=3600)


def _find_change(site: Site, number: str) -> Change:
    if number.isascii() and number.isdigit() and len(number) < 16:
        with site.app.store.read() as connection:
            found = change_store.load_change(connection, int(number))
        if found is not None:
            return found
    raise WrongRequest("There is no change of this number. The board lists the newest ones.", 404)


def _name(change: Change) -> str:
    return change.draft.name or "a patch"


def stages_picture(site: Site, name: str) -> Rendered:
    with site.app.store.read() as connection:
        advisory = lookup.load_advisory(connection, name)
        patches = lookup.patches_of(connection, advisory.id)
    points = stage_line(advisory, patches)
    return _picture(pictures.draw_stages(lookup.name_of(advisory), points))


def share_picture(site: Site, name: str) -> Rendered:
    with site.app.store.read() as connection:
        advisory = lookup.load_advisory(connection, name)
        steps, total = share_over_time(advisory, as_of(connection))
    return _picture(pictures.draw_share(lookup.name_of(advisory), steps, total))


def _picture(body: bytes) -> Rendered:
    return Rendered(body=body, media=pictures.MEDIA, max_age=300, open_to_all=True)


def sources_page(site: Site) -> Rendered:
    views = source_views(site.app)
    return site.page("sources.html", sources=views, counts=count_states(views), feed="/feeds/all", max_age=10)


def about_page(site: Site) -> Rendered:
    licences = sorted({(view["title"], view["licence"], view["home"]) for view in source_views(site.app)})
    return site.page("about.html", licences=licences, words=WORDS, feed="/feeds/all", max_age=3600)


def missing_page(site: Site, text: str, status: int) -> Rendered:
    """What is not there, or cannot be asked so, and how to find what is."""
    return site.page("missing.html", text=text, status=status, code=status, feed="/feeds/all", max_age=0)
