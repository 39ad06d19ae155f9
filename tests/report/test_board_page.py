"""The page of a board in a real browser: sliders, life lines, difference, keyboard, print, hostile texts."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

import eventsource as es
from eventsource.board import Board
from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.report import About
from eventsource.report._page import page as page_of
from tests.board.worlds import HOSTILE, board, business, by_city, city_chart, hostile

pytestmark = pytest.mark.browser
Opened = tuple[Page, list[str]]


def html_of(*parts: Any) -> str:
    """Return a page whose notebook showed these parts; a pair is a part with the tags of its cell."""
    cells = []
    for number, part in enumerate(parts):
        shown, tags = part if isinstance(part, tuple) else (part, [])
        data = json.loads(json.dumps(shown._repr_mimebundle_()))
        output = nbformat.v4.new_output("execute_result", data=data)
        cells.append(nbformat.v4.new_code_cell("", outputs=[output], metadata={"tags": tags}, id=f"c{number}"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    return page_of(notebook, About("A board", datetime(2025, 1, 1, tzinfo=UTC)))


def written(folder: Path, timeline: es.Timeline, entity: str, *, more: bool = True) -> Path:
    """Write the page of a board with all kinds of parts, or with those of the demo; return its path."""
    shown: Board = board(timeline)
    drawn = [
        shown.table(by_city, title="Cities", forms={"spent": "money"}),
        shown.chart(city_chart, title="Cities, drawn"),
    ]
    parts = [
        shown,
        shown.cards(),
        (shown.trend("premium", "customers", title="Plans"), ["row"]),
        (shown.by("city", "share", of="customers", title="By city"), ["row"]),
        (shown.say("Spent by {as_of}: {spent}, {spent.later} more is known now."), ["tab:One"]),
        (shown.late(), ["tab:Two"]),
        *(drawn if more else []),
        shown.find(entity, name="name"),
    ]
    path = folder / "page.html"
    path.write_text(html_of(*parts), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of a business and of hostile texts."""
    return {
        "business": written(tmp_path_factory.mktemp("business"), business(), "customer-42"),
        "demo": written(tmp_path_factory.mktemp("demo"), business(), "customer-42", more=False),
        "hostile": written(tmp_path_factory.mktemp("hostile"), hostile(), f"0 {HOSTILE[0]}"),
    }


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Callable[..., Opened]]:
    """Open a page; return it, and a list of what it must not do."""
    contexts = []

    def run(name: str = "business", *, width: int = 1280, dark: bool = False, scripts: bool = True) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            offline=True,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page, faults = context.new_page(), []
        page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file://", "data:")) else faults.append(request.url),
        )
        page.goto(pages[name].as_uri())
        return page, faults

    yield run
    for context in contexts:
        context.close()


def _slide(page: Page, name: str, number: int) -> None:
    page.get_by_label(name, exact=True).evaluate(
        "(slider, n) => { slider.value = n; slider.dispatchEvent(new Event('input', {bubbles: true})); }", number
    )


def _stops(page: Page, name: str) -> list[str]:
    found: list[str] = json.loads(page.get_by_label(name, exact=True).get_attribute("data-moments") or "")
    return found


def _figures(page: Page) -> dict[str, set[str]]:
    pairs: list[tuple[str, str]] = page.evaluate(
        "[...document.querySelectorAll('[data-figure]')].map((e) => [e.dataset.figure, e.dataset.value])"
    )
    return {name: {value for other, value in pairs if other == name} for name, _ in pairs}


def test_figures_equal_as_of_at_fifty_pairs(opened: Callable[..., Opened]) -> None:
    """Cards and sentences follow both sliders, and say what `as_of` says, each figure once."""
    page, faults = opened()
    timeline, chance = business(), random.Random(14)
    moments, known = _stops(page, "As of"), _stops(page, "As known on")
    for _ in range(50):
        t, k = chance.randrange(len(moments)), chance.randrange(len(known))
        _slide(page, "As of", t)
        _slide(page, "As known on", k)
        states = timeline.as_of(moments[t], known_at=known[k])
        found = _figures(page)
        assert found["customers"] == {str(states.height)}
        assert found["premium"] == {str(states["premium"].sum())}
        assert [float(value) for value in found["spent"]] == [pytest.approx(float(states["spent"].sum()))]
        assert [float(value) for value in found["share"]] == [pytest.approx(states["premium"].mean())]
        shown = page.locator(".answer-first").inner_text()
        assert shown.startswith(f"{formatted(states['premium'].sum())} of {formatted(states.height)} customer")
    assert faults == []


def test_lives_equal_as_of_at_fifty_pairs(opened: Callable[..., Opened]) -> None:
    """The state of every entity, as the table and the life line read it, is that of `as_of`."""
    page, _ = opened()
    timeline, chance = business(), random.Random(41)
    moments, known = _stops(page, "As of"), _stops(page, "As known on")
    fields = ["name", "city", "premium", "term", "orders", "spent"]
    for _ in range(50):
        t, k = chance.randrange(len(moments)), chance.randrange(len(known))
        found = page.evaluate(
            """([t, k]) => {
                const data = eventsource.board.data, instant = data.moments.instants[t];
                const lives = eventsource.livesOf(data.lives, data.known.instants);
                return Array.from({ length: lives.count }, (_, e) => e)
                  .filter((e) => lives.existsAt(e, instant, k))
                  .map((e) => [lives.entities[e], ...lives.fields.map((field) => field.valueAt(e, instant, k))]);
            }""",
            [t, k],
        )
        states = timeline.as_of(moments[t], known_at=known[k]).select("entity", *fields)
        expected = states.with_columns(pl.col("spent").cast(pl.Float64)).rows()
        assert sorted(map(tuple, found)) == sorted(expected)


def test_charts_and_tables_follow_the_sliders(opened: Callable[..., Opened]) -> None:
    """At pairs of moments they show what `as_of` says; a table stays sorted as its reader sorted it."""
    page, faults = opened()
    timeline = business()
    moments, known = _stops(page, "As of"), _stops(page, "As known on")
    table = page.get_by_role("region", name="Cities", exact=True)
    table.get_by_role("button", name="home town").click()
    chart = page.locator("[data-follows=chart]")
    for t, k in ((0, 0), (4, 3), (len(moments) - 1, len(known) - 1), (2, 6)):
        _slide(page, "As of", t)
        _slide(page, "As known on", k)
        expected = by_city(timeline.as_of(moments[t], known_at=known[k]))
        rows = table.locator("tbody tr")
        assert rows.count() == min(15, expected.height)
        cells = rows.first.locator("td").all_inner_texts()
        assert cells[:2] == [formatted(value) for value in expected.sort("home_town").row(0)[:2]]
        number = page.evaluate(
            "([k, t, n]) => eventsource.json('part-' + n).numbers[k][t]", [k, t, chart.get_attribute("data-board")]
        )
        page.wait_for_selector(f"[data-follows=chart][data-drawn='{number}']")
        shown = chart.locator("svg text").all_text_contents()
        assert formatted(expected["customers"][0]) in shown
        assert expected["home_town"][0] in (chart.get_attribute("aria-label") or "")
    assert faults == []


def test_the_page_without_scripts_says_the_same(opened: Callable[..., Opened]) -> None:
    """Figures, changes and sentences are those that scripts write at the stops that the page opens with."""
    texts = (
        "[...document.querySelectorAll('[data-figure], [data-part], [data-moment], .change, .later, .bars th')]"
    )
    with_scripts, _ = opened()
    found = [text.strip() for text in with_scripts.locator(".answer-first, .live, .card").all_inner_texts()]
    assert with_scripts.evaluate(f"{texts}.length") > 20
    without, _ = opened(scripts=False)
    assert [text.strip() for text in without.locator(".answer-first, .live, .card").all_inner_texts()] == found
    assert without.locator("[data-trend] svg path").count() > 5
    assert "need scripts" in without.locator("noscript").first.inner_text()


def test_formats_are_those_of_python(opened: Callable[..., Opened]) -> None:
    """Browser and Python write a value in the same way, halves included."""
    page, _ = opened()
    chance = random.Random(7)
    values = [0, 1, -1, 1234, -1234567, 0.5, 0.125, 2.5, 0.015, 1.005, -0.375, 1e-7, 12345.6789, 0.285]
    values += [chance.uniform(-2, 2) * 10 ** chance.randrange(6) for _ in range(200)]
    cases = [(value, form) for value in values for form in ("", "share", "money", "number")]
    cases += [(value, form) for value in values if isinstance(value, int) for form in ("count", "more", "a|b")]
    found = page.evaluate("(cases) => cases.map(([value, form]) => eventsource.shown(value, form))", cases)
    assert found == [formatted(value, form) for value, form in cases]


def test_life_line_and_sentences(opened: Callable[..., Opened]) -> None:
    """Search, a click and the sliders answer: what was so, which event made it, and when it was recorded."""
    page, faults = opened()
    assert "Żuławski lived in Warszawa and did not have the plan" in page.locator("[data-life]").inner_text()
    page.get_by_label("Search", exact=True).fill("customer-9")
    assert page.locator(".entities tbody tr").first.locator("button").inner_text() == "customer-9"
    assert "customer-9" in page.locator("[data-life] h3").inner_text()
    page.get_by_label("Search", exact=True).fill("")
    page.locator(".entities tbody button").nth(2).click()
    assert page.locator("[data-life] h3").inner_text() != ""
    page.get_by_label("Search", exact=True).fill("customer-42")
    _slide(page, "As of", _stops(page, "As of").index("2024-03-01"))
    said = page.locator("[data-life]").inner_text()
    assert "On 1 March 2024 Wojciech Żuławski lived in Kraków and had the plan" in said
    _slide(page, "As of", _stops(page, "As of").index("2024-06-30"))
    said = page.locator("[data-life]").inner_text()
    assert "Premium plan cancelled on 15 June 2024; recorded on 18 June 2024, 3 days later" in said
    assert "On 30 March 2024 Wojciech Żuławski lived in Kraków and had the plan" in said
    timeline = business()
    position = (
        timeline.explain("customer-42", "2024-06-30").filter(pl.col("field") == "premium")["position"].item()
    )
    assert f"event {position:,} of the log" in said
    assert page.locator(".lifeline .late").count() > 0
    assert faults == []


def test_difference_names_late_and_corrected_events(opened: Callable[..., Opened]) -> None:
    """What changed between the report as known then and as known now, and by which events."""
    page, _ = opened()
    t, k = _stops(page, "As of").index("2024-06-30"), _stops(page, "As known on").index("2024-07-01")
    _slide(page, "As of", t)
    _slide(page, "As known on", k)
    page.get_by_role("button", name="Difference").click()
    timeline = business()
    then, now = timeline.as_of("2024-06-30", known_at="2024-07-01"), timeline.as_of("2024-06-30")
    late = page.locator("[data-late]").inner_text()
    assert "corrected later" in late
    assert "Gent as known now" in late
    assert then["premium"].sum() != now["premium"].sum()
    assert f"premium {then['premium'].sum()} → {now['premium'].sum()}" in page.locator("#differs").inner_text()
    fields = ["name", "city", "premium", "term", "orders", "spent"]
    both = then.select("entity", *fields).join(now.select("entity", *fields), on="entity", how="full")
    differ = both.filter(
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_right")) for name in ["entity", *fields])
    )
    assert page.locator("[data-count]").inner_text().startswith(str(differ.height))
    _slide(page, "As known on", len(_stops(page, "As known on")) - 1)
    assert "nothing is missing" in page.locator("[data-late]").inner_text()


def test_the_keyboard_is_enough(opened: Callable[..., Opened]) -> None:
    """Arrows move the sliders; Tab reaches search, table and tabs; Enter opens an entity."""
    page, _ = opened()
    slider = page.get_by_label("As of", exact=True)
    slider.focus()
    before = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") != before
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "31 December 2023"
    page.get_by_label("Search", exact=True).focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.entities tbody') !== null"):
            break
    wanted = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    assert wanted in page.locator("[data-life] h3").inner_text()
    assert page.evaluate("document.activeElement.textContent") == wanted


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_axe_finds_nothing(opened: Callable[..., Opened], width: int, *, dark: bool) -> None:
    """WCAG A and AA, and good practice, in light and dark and on a phone."""
    page, _ = opened(width=width, dark=dark)
    for button in ("Difference",):
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.get_by_role("button", name=button).click()
    assert Axe().run(page).violations_count == 0


@pytest.mark.parametrize("width", [360, 390, 768, 1280, 1920])
def test_nothing_is_wider_than_the_screen(opened: Callable[..., Opened], width: int) -> None:
    """From a phone to a wide screen."""
    page, faults = opened(width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    _slide(page, "As known on", 3)
    page.get_by_role("button", name="Difference").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []


@pytest.mark.hostile
def test_hostile_texts_stay_text(opened: Callable[..., Opened], pages: dict[str, Path]) -> None:
    """Names, cities and ids that are markup, scripts or formulas are shown as they are, wherever they occur."""
    page, faults = opened("hostile")
    for number, text in enumerate(HOSTILE):
        page.get_by_label("Search", exact=True).fill(
            f"{number} {text}"[:40].replace("\u2028", " ") if number < 9 else str(number)
        )
        page.locator(".entities tbody button").first.click()
    page.get_by_label("Search", exact=True).fill("")
    _slide(page, "As known on", _stops(page, "As known on").index("2024-03-31"))
    page.get_by_role("button", name="Difference").click()
    assert page.evaluate("typeof window.pwned") == "undefined"
    assert page.locator("main img, main script, main iframe, main [onload], main [onerror]").count() == 0
    assert HOSTILE[0] in page.locator("[data-late]").inner_text()
    assert faults == []
    source, plain = (pages[name].read_text(encoding="utf-8") for name in ("hostile", "business"))
    assert "<img src=x" not in source
    assert source.count("<script") == source.count("</script>") == plain.count("<script")


def test_two_boards_or_none_are_refused() -> None:
    """Parts follow the sliders of one board."""
    shown = board(business())
    with pytest.raises(ReportError, match="expected one board on a page, got 2"):
        html_of(shown, shown)
    with pytest.raises(ReportError, match="expected one board on a page, got 0"):
        html_of(shown.cards())


def test_a_page_prints_on_two_sheets(opened: Callable[..., Opened], tmp_path: Path) -> None:
    """A4, light colours always: a page with the parts of the demo's board."""
    page, _ = opened("demo", dark=True)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    sheet = tmp_path / "page.pdf"
    page.pdf(path=sheet, prefer_css_page_size=True, print_background=True)
    assert sheet.read_bytes().count(b"/Type /Page\n") <= 2
