"""Measure pages in a headless Chromium: their size, how soon they open and draw, how long a slider's step takes.

The reports of the demo; a board with two sliders and ten charts; a board over 250,000 intervals. Prints a table,
and with --out writes PAGES.md.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from playwright.sync_api import Browser, Page, sync_playwright

import eventsource as es
from eventsource import charts, demo, report
from eventsource.board import Board, Field, Figure
from eventsource.demo.models import Customer
from tests.benchmarks.figures import Figure as Reached
from tests.benchmarks.machine import machine
from tests.benchmarks.table import figures_table
from tests.report.test_board_page import html_of

_ROOT: Final = Path(__file__).parents[2]
RAW: Final = _ROOT / "data" / "raw" / "customers.jsonl.gz"
_TEN: Final = "a board with ten charts"
_INTERVALS: Final = "a board over {:,} intervals"
_LARGEST, _OPENS, _STEP = 1.5, 1_000.0, 100.0
"""MB of a page with ten charts, milliseconds until a page is open, milliseconds of a slider's step."""

_WATCH: Final = """
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (entry.name === "first-contentful-paint") window.painted = entry.startTime;
})).observe({ type: "paint", buffered: true });
new MutationObserver(() => {
  const chart = window.drawn || document.querySelector(".vega-embed svg, [data-trend] > svg");
  if (chart && !window.drawn) window.drawn = performance.now();
}).observe(document, { childList: true, subtree: true });
"""
_SLIDE: Final = """
async ([name, number]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const charts = [...document.querySelectorAll("[data-follows='chart']")];
  const part = (place) => JSON.parse(document.getElementById("part-" + place.dataset.board).textContent);
  window.stops ||= charts.map((place) => part(place).numbers);
  const { chosen } = eventsource.board;
  const wanted = (n) => String(window.stops[n][chosen.k][chosen.t]);
  const follow = () => charts.every((place, n) => place.dataset.drawn === wanted(n));
  const sliders = [...document.querySelectorAll('input[type="range"]')];
  const slider = sliders.find((each) => each.labels[0].textContent === name);
  const begin = performance.now();
  slider.value = number;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  await frame();
  const step = performance.now() - begin;
  while (!follow()) await frame();
  return [step, performance.now() - begin];
}
"""
_ABOUT: Final = """\
*Open*: the browser has loaded the file. *Painted*: text and static charts are on the screen. *First chart*: it is
drawn by script. *A step*: a slider moves by one stop, until figures, tables and lines have followed and are on the
screen, up to 16 ms of waiting for the next picture included. *Charts*: until all charts that a function draws have
followed, too; while one is being drawn, the slider can move on."""


@dataclass(frozen=True)
class Measured:
    """What was measured of a page.

    Args:
        name: what the page is.
        size: its bytes.
        opens: milliseconds until the browser has loaded it.
        painted: milliseconds until its text and the static pictures of its charts are on the screen.
        drawn: milliseconds until the first chart answers to the mouse; None: it has none.
        steps: milliseconds of each step of a slider, until it is on the screen; empty: the page has none.
        charts: likewise, until all charts have followed.
    """

    name: str
    size: int
    opens: float
    painted: float
    drawn: float | None
    steps: tuple[float, ...]
    charts: tuple[float, ...]


def main() -> None:
    """Make the pages, measure each, print the table."""
    options = _options()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(prefix="eventsource-pages-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        measured = []
        for name, path in _pages(Path(folder), options):
            print(f"  {name}", flush=True)
            measured.append(_measure(browser, name, path, options.steps))
        browser.close()
    shown = page(measured)
    print(shown)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "PAGES.md").write_text(shown, encoding="utf-8")


def page(measured: list[Measured]) -> str:
    """Return the page about one run."""
    head = ("page", "MB", "open ms", "painted ms", "first chart ms", "a step ms", "longest", "charts ms")
    rows = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    for each in measured:
        drawn = "–" if each.drawn is None else f"{each.drawn:,.0f}"
        steps = ["–"] * 3
        if each.steps:
            middle, charted = statistics.median(each.steps), statistics.median(each.charts)
            steps = [f"{middle:.1f}", f"{max(each.steps):.1f}", f"{charted:.1f}"]
        cells = [each.name, f"{each.size / 1e6:.2f}", f"{each.opens:,.0f}", f"{each.painted:,.0f}", drawn, *steps]
        rows.append(f"| {' | '.join(cells)} |")
    parts = [
        "# Pages",
        "Made by `python -m tests.benchmarks.pages`: one program, one run.",
        f"Machine: {machine()}.",
        _ABOUT,
        "\n".join(rows),
        "## The figures",
        figures_table(list(_reached(measured))),
    ]
    return "\n\n".join(parts) + "\n"


def _reached(measured: list[Measured]) -> Iterator[Reached]:
    slowest = max(measured, key=lambda each: each.opens)
    text = f"{slowest.opens:,.0f} ({slowest.name})"
    yield Reached("a page is open in less than 1,000 ms", text, slowest.opens < _OPENS)
    for each in measured:
        if each.name == _TEN:
            yield Reached(f"{_TEN}: at most 1.5 MB", f"{each.size / 1e6:.2f}", each.size / 1e6 <= _LARGEST)
        if each.steps:
            longest = max(each.steps)
            yield Reached(f"{each.name}: each step at most 100 ms", f"{longest:.1f}", longest <= _STEP)


def _measure(browser: Browser, name: str, path: Path, count: int) -> Measured:
    tab = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True).new_page()
    tab.add_init_script(_WATCH)
    tab.goto(path.as_uri(), wait_until="load")
    opens = tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    tab.wait_for_function("window.painted > 0")
    has_sliders = tab.query_selector("#as-of") is not None
    has_chart = bool(tab.query_selector("[data-chart], [data-trend], [data-follows='chart']"))
    if has_chart:
        tab.wait_for_function("window.drawn > 0")
    steps = [tab.evaluate(_SLIDE, [*each]) for each in _moves(tab, count)] if has_sliders else []
    found = Measured(
        name,
        path.stat().st_size,
        opens,
        tab.evaluate("window.painted"),
        tab.evaluate("window.drawn") if has_chart else None,
        tuple(step for step, _ in steps),
        tuple(charted for _, charted in steps),
    )
    tab.context.close()
    return found


def _moves(tab: Page, count: int) -> Iterator[tuple[str, int]]:
    """Yield the sliders' moves: one slider after the other, to its end and back."""
    for name in ("As of", "As known on"):
        last = int(tab.get_by_label(name, exact=True).get_attribute("max") or 0)
        there = [*range(last + 1), *range(last - 1, -1, -1)]
        yield from ((name, number) for number in (there * count)[:count])


def _pages(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """Yield the pages with their names, each when it is made."""
    log = es.Log(folder / "log")
    log.pull(es.source(RAW))
    if options.reports:
        for definition in report.definitions(_ROOT / "reports"):
            os.chdir(_ROOT)
            yield f"report {definition.name}", report.run(definition, out=folder / "out", root=_ROOT).path
    yield _TEN, with_ten_charts(log, folder / "ten.html")
    demo.write(folder / "many.jsonl", customers=options.customers)
    many = es.Log(folder / "many")
    many.pull(es.source(folder / "many.jsonl"))
    customers = es.Timeline(many, Customer)
    name = _INTERVALS.format(customers.history().height)
    yield name, _written(folder / "many.html", _board(customers, stops=8), lambda _: [])


def with_ten_charts(log: es.Log, path: Path) -> Path:
    """Write the page of a board of the demo's customers with twelve moments and ten charts."""
    return _written(path, _board(es.Timeline(log, Customer), stops=12), _ten_charts)


def _written(path: Path, board: Board, more: Any) -> Path:
    parts = [
        board,
        board.cards(),
        board.trend("premium", "customers"),
        board.by("country", "share", of="customers"),
    ]
    path.write_text(
        html_of(*parts, *more(board), board.late(), board.find("customer-42", name="name")), encoding="utf-8"
    )
    return path


def _board(customers: es.Timeline, *, stops: int) -> Board:
    ends = pl.date_range(pl.date(2024, 13 - stops, 1), pl.date(2024, 12, 31), "1mo", eager=True).dt.month_end()
    premium = pl.col("premium")
    return Board(
        customers,
        title="Premium",
        sentence="{premium} of {customers} ({share}) had the plan, {premium.change:more} on {before}.",
        noun=("customer", "customers"),
        moments=ends.to_list(),
        figures={
            "premium": Figure(premium.sum(), "Premium plans"),
            "share": Figure(premium.mean(), "Share with the plan", "share"),
            "customers": Figure(pl.len(), "Customers"),
            "spent": Figure(pl.col("spent").sum(), "Spent", "money"),
        },
        fields={
            "name": Field("Name"),
            "city": Field("Home", says="lived in {}"),
            "premium": Field("Plan", says="had the plan", denies="did not have the plan"),
            "term": Field("Last paid"),
            "orders": Field("Orders"),
        },
    )


def _ten_charts(board: Board) -> list[Any]:
    """Return eight charts that follow the sliders; two more are the trend and the bars of the board."""
    return [
        board.chart(lambda states, by=by, what=what: _bars(states, by, what), title=f"{what} by {by}")  # type: ignore[misc]  # names of the loops
        for by in ("city", "channel", "term", "reason")
        for what in ("customers", "spent")
    ]


def _bars(states: pl.DataFrame, by: str, what: str) -> Any:
    groups = states.group_by(by).agg(customers=pl.len(), spent=pl.col("spent").sum())
    return charts.bars(groups.sort(what, by, descending=True).head(12), x=what, y=by, horizontal=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pages", description=__doc__)
    add = parser.add_argument
    add("--customers", type=int, default=11_000, help="of the large board (default: 11000, 250,000 intervals)")
    add("--steps", type=int, default=30, help="steps of each slider (default: 30)")
    add("--no-reports", dest="reports", action="store_false", help="leave the reports of the demo out")
    add("--out", type=Path, help="folder for PAGES.md (default: it is not written)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
