"""The board in Chromium: at three widths and in both themes, by keyboard, with and without scripts allowed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it brings no types
from playwright.sync_api import Browser, Page, sync_playwright

from bot.app import App
from tests.bot.web.asking import served
from tests.bot.web.stores import CVE

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
PATHS = (
    "/",
    f"/advisories/{CVE}?kind=all",
    "/topics/copy-fail",
    "/matrix/PW-2026-1",
    "/changes/3",
    "/sources",
    "/about",
)
WIDTHS = (360, 768, 1440)
FURTHER_PATHS = ("/topics/af-alg", "/none", "/digest/subscribe", "/digest/confirm/none", "/digest/unsubscribe/none")
EVERY_RULE = {"resultTypes": ["violations"]}
CONTRAST_RULE = {**EVERY_RULE, "runOnly": ["color-contrast", "link-in-text-block"]}  # all that a theme changes
# WCAG 2.2 contrast of every visible text against the first opaque background behind it: 4.5, for large text 3.
CONTRAST = """() => {
  const parse = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = (c) => { const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.99) return c; }
    return parse(getComputedStyle(document.documentElement).backgroundColor); };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest('svg, .hidden, .skip, option')) continue;
    const s = getComputedStyle(e), a = light(parse(s.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(s.fontSize);
    if (ratio < (size >= 24 || (size >= 18.66 && s.fontWeight >= 700) ? 3 : 4.5))
      bad.push(`${ratio.toFixed(2)} ${walker.currentNode.data.trim().slice(0, 40)}`);
  }
  return bad;
}"""

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def url(filled: App) -> Iterator[str]:
    with_mail = replace(filled.config, values={**filled.config.values, ("mail", "host"): "127.0.0.1"})
    with served(replace(filled, config=with_mail)) as address:
        yield address


@contextmanager
def opened(browser: Browser, width: int = 1440, *, scheme: str = "light", scripts: bool = True) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripts,
    )
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_and_read(browser: Browser, url: str, width: int, scheme: str) -> None:
    """No page is wider than the screen, asks for anything elsewhere, complains, or has text too faint to read."""
    asked: list[str] = []
    said: list[str] = []
    with opened(browser, width, scheme=scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for path in PATHS:
            page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert page.evaluate(CONTRAST) == [], path
    assert said == []
    assert {one for one in asked if not one.startswith(url)} == set()


@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing(browser: Browser, url: str, width: int) -> None:
    """axe-core, with its best practices too, finds no violation on any page; nor does a theme's contrast give one."""
    with opened(browser, width) as page:
        for path in (*PATHS, *FURTHER_PATHS):
            page.goto(url + path)
            for scheme, options in (("light", EVERY_RULE), ("dark", CONTRAST_RULE)):
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                found = Axe().run(page, options=options).response["violations"]
                assert [(one["id"], one["nodes"][0]["target"]) for one in found] == [], (path, scheme)


def test_filters_by_keyboard(browser: Browser, url: str) -> None:
    """Without a mouse the chooser opens, a release is ticked by the space bar, and Enter shows it."""
    with opened(browser) as page:
        page.goto(f"{url}/matrix/{CVE}")
        page.locator("details.chooser > summary").focus()
        page.keyboard.press("Enter")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.value") == "debian/11":
                break
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.wait_for_url("**distro=debian**")
        assert page.locator("table.matrix tbody tr").all_inner_texts()[0].startswith("11 bullseye")
        assert page.locator("table.matrix tbody tr").count() == 1


@pytest.mark.parametrize(("width", "picture"), [(1440, True), (360, False)])
def test_stage_line_has_one_form_for_eyes(browser: Browser, url: str, width: int, picture: bool) -> None:
    """Wide screens show the picture; narrow ones the same as a list, which screen readers have on both."""
    with opened(browser, width) as page:
        page.goto(f"{url}/advisories/{CVE}")
        assert page.locator("figure.line").is_visible() is picture
        listed = page.get_by_role("listitem").filter(has_text="mainline: reached (7.0)")
        assert listed.count() == 1


def test_matrix_by_keyboard(browser: Browser, url: str) -> None:
    """Tab reaches the skip link first; Enter opens a cell's evidence and the chooser; focus is to be seen."""
    with opened(browser) as page:
        page.goto(f"{url}/matrix/{CVE}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        for _ in range(12):
            if page.evaluate("document.activeElement.matches('details.evidence > summary')"):
                break
            page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.locator("details.evidence[open]").count() == 1
        assert "SHA-256" in page.locator("details.evidence[open]").inner_text()


@pytest.mark.parametrize("scripts", [True, False])
def test_choosing_releases(browser: Browser, url: str, scripts: bool) -> None:
    """With and without scripts allowed, the chosen releases are shown and stand in the address."""
    with opened(browser, 768, scripts=scripts) as page:
        page.goto(f"{url}/advisories/{CVE}")
        page.locator("details.chooser > summary").click()
        page.get_by_label("24.04 noble").check()
        page.get_by_role("button", name="Show").click()
        assert page.url == f"{url}/advisories/PW-2026-1?distro=ubuntu%2F24.04&status="
        assert page.locator("table.matrix tbody tr").count() == 1
        assert "6.8.0-117.117" in page.locator("table.matrix tbody tr").inner_text()


def test_two_clicks_from_home(browser: Browser, url: str) -> None:
    """From home, two clicks show whether Ubuntu 24.04 has the fix, since when and which document says so."""
    with opened(browser, 360, scripts=False) as page:
        page.goto(url)
        page.get_by_role("link", name=CVE, exact=True).first.click()
        row = page.locator("table.matrix tr", has_text="24.04 noble")
        row.locator("summary").click()
        text = row.inner_text()
        assert all(word in text for word in ("fixed", "6.8.0-117.117", "2026-05-19", "SHA-256"))


def test_tables_are_tables_to_a_screen_reader(browser: Browser, url: str) -> None:
    """Also where rows are stacked on a phone, the matrix keeps its roles and the row its head."""
    with opened(browser, 360) as page:
        page.goto(f"{url}/matrix/{CVE}?distro=debian/12")
        assert page.get_by_role("table").count() == 1
        assert page.get_by_role("rowheader", name="12 bookworm").count() == 1
        assert page.get_by_role("cell").count() == 5


def test_print_hides_what_paper_cannot_use(browser: Browser, url: str) -> None:
    """On paper there is the matrix and no navigation."""
    with opened(browser) as page:
        page.goto(f"{url}/matrix/{CVE}")
        page.emulate_media(media="print")
        shown = {one: page.locator(one).first.is_visible() for one in ("nav", "footer", "table.matrix", ".chooser")}
        assert shown == {"nav": False, "footer": False, "table.matrix": True, ".chooser": False}


def test_paper_has_tables_and_words(browser: Browser, url: str) -> None:
    """At the width of paper the matrix stays a table, and the stage line is written out."""
    with opened(browser, 700) as page:
        page.emulate_media(media="print")
        page.goto(f"{url}/advisories/{CVE}")
        assert page.locator("table.matrix tbody tr").first.evaluate("e => getComputedStyle(e).display") == "table-row"
        assert page.locator("figure.line").is_visible() is False
        assert page.locator("ol.stages").evaluate("e => e.offsetHeight") > 50
