"""Pictures as SVG: how far a fix has come, and how many packages have it over time.

Colours are attributes that read on white; on our own pages style.css gives the classes the colours of the theme. Every
picture says in its title and description what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from lxml import etree
from lxml.builder import ElementMaker

from bot.feeds.writers import clean
from bot.web.summary import StagePoint
from bot.web.text import shown

SVG = "http://www.w3.org/2000/svg"
MEDIA = "image/svg+xml; charset=utf-8"
_FONT = "system-ui, sans-serif"
_INK, _FAINT, _GOOD, _PAPER = "#1f2933", "#667380", "#146c43", "#ffffff"
_make = ElementMaker(namespace=SVG, nsmap={None: SVG})


def draw_stages(name: str, points: Sequence[StagePoint]) -> bytes:
    """The stage line: one dot a stage, filled when it is reached."""
    step, height = 120, 100
    width = step * len(points)
    root = _canvas(width, height, f"How far the fix of {name} has come", describe_stages(points))
    middle = step // 2
    root.append(_line(middle, 40, width - middle, 40))
    for number, point in enumerate(points):
        x = middle + number * step
        look = {"class": "reached", "fill": _GOOD} if point.reached else {"class": "open", "fill": _PAPER}
        root.append(_make.circle(cx=str(x), cy="40", r="9", stroke=_FAINT, **{"stroke-width": "2"}, **look))
        root.append(_text(x, 22, str(point.stage), anchor="middle", size=14, weight="600"))
        root.append(_text(x, 70, _cut(point.words), anchor="middle", size=12, css="faint", fill=_FAINT))
        if point.at:
            root.append(_text(x, 90, point.at.isoformat(), anchor="middle", size=12, css="faint", fill=_FAINT))
    return _written(root)


def describe_stages(points: Sequence[StagePoint]) -> str:
    """The stage line as words."""
    parts = []
    for point in points:
        day = f" on {point.at.isoformat()}" if point.at else ""
        parts.append(f"{point.stage}: {f'reached{day} ({point.words})' if point.reached else 'not known'}")
    return "; ".join(parts) + "."


def draw_share(name: str, steps: Sequence[tuple[date, int]], total: int) -> bytes:
    """Packages with the fix as a line of steps from publication on."""
    width, height, left, top, right, bottom = 640, 240, 52, 44, 20, 36
    root = _canvas(width, height, f"Packages with the fix of {name} over time", describe_share(steps, total))
    reached = f": {steps[-1][1]} of {total}" if steps else ""
    root.append(
        _text(left, 24, f"Packages with the fix of {_cut(name)}{reached}", anchor="start", size=14, weight="600")
    )
    inner, rise = width - left - right, height - top - bottom
    for share in (0, 50, 100):
        y = top + rise - rise * share // 100
        root.append(_line(left, y, width - right, y, css="grid"))
        root.append(_text(left - 8, y + 4, f"{share} %", anchor="end", size=12, css="faint", fill=_FAINT))
    if not steps:
        root.append(_text(width // 2, height // 2, "No dated fix is known.", anchor="middle", size=14))
        return _written(root)
    first, last = steps[0][0], steps[-1][0]
    span = max((last - first).days, 1)
    points, before = [], 0
    for day, count in steps:
        x = left + inner * (day - first).days // span
        points += [f"{x},{top + rise - rise * before // total}", f"{x},{top + rise - rise * count // total}"]
        before = count
    look = {"class": "share", "fill": "none", "stroke": _GOOD, "stroke-width": "3", "stroke-linejoin": "round"}
    root.append(_make.polyline(points=" ".join(points), **look))
    root.append(_text(left, height - 12, first.isoformat(), anchor="start", size=12, css="faint", fill=_FAINT))
    root.append(_text(width - right, height - 12, last.isoformat(), anchor="end", size=12, css="faint", fill=_FAINT))
    return _written(root)


def describe_share(steps: Sequence[tuple[date, int]], total: int) -> str:
    """The share as words."""
    if not steps:
        return f"No dated fix is known among {total} packages."
    rises = [f"{day.isoformat()} {count}" for day, count in steps[1:-1]]
    if len(rises) > 12:
        rises = [*rises[:6], "…", *rises[-5:]]
    text = f"From {steps[0][0].isoformat()} to {steps[-1][0].isoformat()}: {steps[-1][1]} of {total} packages are fixed"
    return f"{text}. Fixed by day: {'; '.join(rises)}." if rises else f"{text}."


def _canvas(width: int, height: int, title: str, description: str) -> etree._Element:
    size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}"}
    look = {"role": "img", "class": "picture", "font-family": _FONT}
    paper = _make.rect(width="100%", height="100%", fill=_PAPER, **{"class": "paper"})
    return _make.svg(_make.title(_clean(title)), _make.desc(_clean(description)), paper, **size, **look)


def _line(x1: int, y1: int, x2: int, y2: int, css: str = "rule") -> etree._Element:
    ends = {"x1": str(x1), "y1": str(y1), "x2": str(x2), "y2": str(y2)}
    return _make.line(stroke="#b4bec8", **ends, **{"stroke-width": "2" if css == "rule" else "1", "class": css})


def _text(
    x: int, y: int, text: str, *, anchor: str, size: int, css: str = "ink", fill: str = _INK, weight: str = "400"
) -> etree._Element:
    look = {"text-anchor": anchor, "font-size": str(size), "class": css, "font-weight": weight}
    return _make.text(_clean(text), x=str(x), y=str(y), fill=fill, **look)


def _clean(text: str) -> str:
    return clean(shown(text))


def _cut(text: str, limit: int = 18) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _written(root: etree._Element) -> bytes:
    written: bytes = etree.tostring(root, encoding="utf-8")
    return written
