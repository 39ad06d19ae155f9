"""Tables, tabs and rows of pages in a real browser, and pages as PDF."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from eventsource import charts
from eventsource.errors import ReportError
from eventsource.report import About, _pdf
from eventsource.report._layout import blocks
from eventsource.report._page import page as page_of

Open = Callable[..., Page]
ROWS = 40
FRAME = pl.DataFrame(
    {
        "entity": ["customer-42"] * ROWS,
        "at": pl.datetime_range(
            datetime(2024, 1, 1, 3, 4, 5, 118000, UTC),
            datetime(2024, 2, 9, 3, 4, 5, 118000, UTC),
            "1d",
            eager=True,
        ),
        "city": ["=cmd|x", "Kraków", "-1+2", "@a"] * 10,
        "spent": [116665.92 * number for number in range(ROWS)],
        "orders": [None if number % 7 == 0 else number for number in range(ROWS)],
        "premium": [number % 2 == 0 for number in range(ROWS)],
        "waited": [timedelta(hours=30 * number, milliseconds=5) for number in range(ROWS)],
        "term": ["12m", "3m"] * 20,
        "few": ["28", "•••", "< 5", "7"] * 10,
    }
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a table, two charts in a row and two behind tabs."""
    with pl.Config(tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True, tbl_rows=60, float_precision=3):
        table = FRAME._repr_html_()
    growth = pl.DataFrame({"day": [date(2024, 1, 31), date(2024, 3, 31)], "n": [1, 2]})
    chart = charts.line(growth, "day", "n", title="Growth").to_dict()
    shown: list[tuple[dict[str, Any], list[str]]] = [
        ({"text/html": table}, []),
        *(({charts.MIMETYPE: chart}, [tag]) for tag in ("row", "row", "tab:One", "tab:Two")),
    ]
    cells = [nbformat.v4.new_markdown_cell("# Tables\n\nWhat?", id="a")]
    for number, (data, tags) in enumerate(shown):
        output = nbformat.v4.new_output("execute_result", data=data)
        cells.append(nbformat.v4.new_code_cell("", outputs=[output], metadata={"tags": tags}, id=f"c{number}"))
    made = tmp_path_factory.mktemp("tables") / "page.html"
    notebook = nbformat.v4.new_notebook(cells=cells)
    made.write_text(page_of(notebook, About("T", datetime(2025, 1, 1, tzinfo=UTC))), encoding="utf-8")
    return made


@pytest.fixture
def opened(browser: Browser, path: Path) -> Iterator[Open]:
    """Open the page."""
    contexts = []

    def run(*, width: int = 1280, dark: bool = False, scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            offline=True,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(path.as_uri())
        if scripts:
            page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
        return page

    yield run
    for context in contexts:
        context.close()


def _column(page: Page, number: int) -> list[str]:
    return page.locator(f"main > .wide tbody td:nth-child({number})").all_inner_texts()


@pytest.mark.browser
def test_tables_sort_search_and_have_pages(opened: Open) -> None:
    """What is the same in all rows is said once above; numbers are grouped, seconds and nulls left out."""
    page = opened()
    assert page.locator(".same").inner_text() == "entity: customer-42"
    assert not page.locator("main > .wide tbody td:nth-child(1)").first.is_visible()
    assert _column(page, 4)[:3] == ["0.00", "116,665.92", "233,331.84"]
    assert _column(page, 5)[0] == "–"
    assert _column(page, 2)[0] == "2024-01-01 03:04"
    assert len(_column(page, 4)) == 15
    page.get_by_role("button", name="spent").click()
    page.get_by_role("button", name="spent").click()
    assert _column(page, 4)[0] == "4,549,970.88"
    page.get_by_role("button", name="Next").click()
    assert "rows 16–30 of 40" in page.locator(".table-tools").inner_text()
    page.get_by_label("Search this table").fill("krak")
    assert set(_column(page, 3)) == {"Kraków"}


@pytest.mark.browser
def test_tables_say_yes_no_and_the_largest_unit(opened: Open) -> None:
    """They sort durations by length, not by text; what may be a duration, or months, stays as it is."""
    page = opened()
    assert _column(page, 6)[:2] == ["yes", "no"]
    assert _column(page, 7)[:3] == ["less than a minute", "1 day", "2 days"]
    assert _column(page, 8)[:2] == ["12m", "3m"]
    assert _column(page, 9)[:3] == ["28", "•••", "< 5"]
    assert page.locator("main > .wide tbody tr:nth-child(2) td.number:nth-child(9)").count() == 1
    page.get_by_role("button", name="waited").click()
    page.get_by_role("button", name="waited").click()
    assert _column(page, 7)[:2] == ["48 days", "47 days"]
    page.get_by_label("Search this table").fill("46 days")
    assert _column(page, 7) == ["46 days"]
    with page.expect_download() as found:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text(encoding="utf-8-sig"))))
    assert (rows[1]["premium"], rows[1]["waited"]) == ("false", "1d 6h 5ms")


@pytest.mark.browser
@pytest.mark.hostile
def test_a_spreadsheet_gets_no_formula(opened: Open) -> None:
    """The CSV has all rows and raw values; texts that begin like formulas are texts."""
    page = opened()
    with page.expect_download() as found:
        page.get_by_role("button", name="CSV").click()
    text = Path(found.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == ROWS
    assert [row["city"] for row in rows[:4]] == ["'=cmd|x", "Kraków", "'-1+2", "'@a"]
    assert rows[1]["spent"] == "116665.920"
    assert rows[0]["orders"] == ""
    assert rows[0]["at"].startswith("2024-01-01 03:04:05.118")
    assert page.evaluate("eventsource.csv(['=a'], [['\\t=b', '-1'], ['x\"y', '2']], [false, true])") == (
        '\'=a\r\n\'\t=b,-1\r\n"x""y",2\r\n'
    )


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_axe_finds_nothing(opened: Open, width: int, *, dark: bool) -> None:
    """Tables, tabs and charts: WCAG A and AA, and good practice."""
    page = opened(width=width, dark=dark)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_tabs_by_keyboard_and_without_scripts(opened: Open) -> None:
    """Arrows choose a tab; without scripts all tabs and drawings of all charts show."""
    page = opened()
    assert page.get_by_role("tabpanel").count() == 1
    page.get_by_role("tab", name="One").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Two").get_attribute("aria-selected") == "true"
    assert page.locator("section[aria-label=Two] .chart").is_visible()
    assert not page.locator("section[aria-label=One] .chart").is_visible()
    still = opened(scripts=False)
    assert still.locator(".chart .still svg").count() == 4
    assert all(still.locator(".chart .still svg").nth(n).is_visible() for n in range(4))
    assert still.get_by_role("heading", name="Two").is_visible()


@pytest.mark.browser
def test_two_charts_are_beside_each_other_where_there_is_room(opened: Open) -> None:
    """In a row on a wide screen, below each other on a phone."""
    for width, is_beside in ((1280, True), (390, False)):
        boxes: list[Any] = [box.bounding_box() or {} for box in opened(width=width).locator(".row > div").all()]
        assert boxes[0]["width"] > 200
        assert (boxes[0]["y"] == boxes[1]["y"]) is is_beside


@pytest.mark.browser
def test_a_page_as_pdf(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chromium prints it beside the page; without Chromium the message says what to install."""
    made = _pdf.write_pdf(path)
    assert made == path.with_suffix(".pdf")
    assert made.read_bytes().startswith(b"%PDF")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReportError, match="needs Chromium"):
        _pdf.write_pdf(path)


def test_blocks_follow_tags() -> None:
    """Neighbours share a row or tabs; rows of other names are rows of their own."""
    tagged = [
        (frozenset(tags), name)
        for name, *tags in [
            ("a",),
            ("b", "row"),
            ("c", "row"),
            ("d", "row:2"),
            ("e", "tab:X"),
            ("f", "tab:Y"),
            ("g", "tab:X"),
        ]
    ]
    found = [(block.kind, list(block.items)) for block in blocks(tagged)]
    assert found == [("single", ["a"]), ("row", ["b", "c"]), ("row", ["d"]), ("tabs", ["e", "f", "g"])]
    assert list(blocks(tagged))[-1].tabs == [("X", ["e", "g"]), ("Y", ["f"])]
