"""Pages in a real browser."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from eventsource import report
from eventsource.errors import ReportError
from eventsource.report._page import json_for_script

HOSTILE = [
    "</script><script>window.pwned=1</script>",
    "</ScRiPt ><sCript>window.pwned=1</sCript>",
    "<img src=x onerror='window.pwned=1'>",
    "<!--<script>",
    "{{ 7*7 }}",
    "javascript:window.pwned=1",
    "=1+1",
]
CHARTS = """
import polars as pl
from datetime import date
from eventsource import charts
frame = pl.DataFrame({"day": [date(2024, 1, 31), date(2024, 2, 29)], "n": [1, 2], "who": ["a", "b"]})
charts.line(frame, "day", "n", title="Growth")
"""
EXPORTED = Callable[..., Path]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Callable[..., tuple[Page, list[str]]]:
    """Make a report of a notebook and open it; return the page and a list of what it must not do."""

    def run(path: Path, width: int = 1280, **given_: str) -> tuple[Page, list[str]]:
        made = report.run(path, given_, out=tmp_path / "out")
        context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
        page, faults = context.new_page(), []
        page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", lambda request: faults.append(request.url) if _is_foreign(request.url) else None)
        page.goto(made.path.resolve().as_uri())
        page.wait_for_load_state()
        if page.locator("[data-chart]").count():
            page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
        return page, faults

    return run


def _is_foreign(url: str) -> bool:
    return not url.startswith(("file://", "data:"))


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_opens_offline_and_draws_its_charts(
    notebook: EXPORTED, opened: Callable[..., tuple[Page, list[str]]], width: int
) -> None:
    """No request, no console message, charts drawn, code hidden, nothing wider than the screen."""
    page, faults = opened(notebook("# Growth\n## One", CHARTS, "frame", "print('told')"), width)
    assert faults == []
    assert page.locator("[data-chart] svg path").count() > 0
    assert "polars" not in page.locator("main").inner_text()
    assert "told" in page.locator("main").inner_text()
    assert page.locator("main table").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_hostile_payloads_stay_text(notebook: EXPORTED, opened: Callable[..., tuple[Page, list[str]]]) -> None:
    """In values, names, titles, tables, text, Markdown and parameters: nothing runs, everything shows as text."""
    cells = [
        "# Report",
        f"import polars as pl\nfrom eventsource import charts\nhostile = {HOSTILE!r}",
        "names = {f'{text} {n}': list(range(len(hostile))) for n, text in enumerate(hostile)}",
        "frame = pl.DataFrame({'text': hostile, 'n': range(len(hostile)), **names})",
        "charts.bars(frame, 'text', 'n', title=hostile[0])",
        "charts.line(frame, 'n', f'{hostile[0]} 0', color='text', title=hostile[2])",
        "charts.heatmap(frame, 'text', f'{hostile[2]} 2', f'{hostile[1]} 1')",
        "frame",
        "frame.to_pandas()",
        "print('\\n'.join(hostile))",
        "from IPython.display import HTML, Javascript, Markdown",
        "HTML(f'<table><tr><td>{hostile[0]}</td></tr></table>')",
        "HTML('<p>' + hostile[0] + '</p><svg onload=\"window.pwned=1\"></svg>')",
        "Javascript('window.pwned=1')",
        "Markdown(f'{who} [click]({hostile[5]}) ' + ' '.join(hostile))",
    ]
    path = notebook(*cells, parameters='who: str = "nobody"')
    page, faults = opened(path, who=HOSTILE[0])
    assert faults == []
    assert page.evaluate("typeof window.pwned") == "undefined"
    assert page.locator("main img, main svg [onload], main iframe, main object").count() == 0
    assert page.locator("main a[href^='javascript']").count() == 0
    assert HOSTILE[0] in page.locator("header").inner_text()
    assert HOSTILE[0] in page.locator("main").inner_text()
    source = Path(page.url.removeprefix("file://")).read_text(encoding="utf-8")
    kinds = re.findall(r"<script([^>]*)>", source)
    assert sum("application/json" in kind for kind in kinds) == 4
    assert sum("application/json" not in kind for kind in kinds) == 2


@pytest.mark.browser
def test_the_content_security_policy(notebook: EXPORTED, opened: Callable[..., tuple[Page, list[str]]]) -> None:
    """A foreign script does not run, even if it gets into the page."""
    page, _ = opened(notebook("# Report", CHARTS))
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; "
        "document.body.append(s); }"
    )
    assert page.evaluate("typeof window.pwned") == "undefined"


def test_an_unknown_parameter_is_refused_before_anything_runs(notebook: EXPORTED, tmp_path: Path) -> None:
    """A misspelt name is an error with a suggestion; the notebook does not run."""
    path = notebook("open('ran', 'w').close()", parameters='as_of: str = "2024-06-30"')
    with pytest.raises(ReportError, match="as_off") as caught:
        report.run(path, {"as_off": "2024-06-30"}, out=tmp_path)
    assert "'as_of'" in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_failed_notebook_leaves_the_old_page(notebook: EXPORTED, tmp_path: Path) -> None:
    """The error names the cell; the page of the last good run stays; a notebook has the traceback."""
    good = report.run(notebook("# Fine", parameters="n: int = 1"), out=tmp_path)
    before = good.path.read_bytes()
    with pytest.raises(ReportError, match="ZeroDivisionError") as caught:
        report.run(notebook("# Fine", "1 / 0", parameters="n: int = 1"), out=tmp_path)
    assert "cell 4" in str(caught.value) or "cell 3" in str(caught.value)
    assert good.path.read_bytes() == before
    assert list((tmp_path / ".private" / "report").glob("*-failed.ipynb"))


def test_the_same_run_gives_the_same_page(notebook: EXPORTED, tmp_path: Path) -> None:
    """Two runs differ only in the moment they were made."""
    path = notebook("# Report", CHARTS, "frame")
    folders = (tmp_path / "a", tmp_path / "b")
    pages = [report.run(path, out=folder, root=tmp_path).path.read_text(encoding="utf-8") for folder in folders]
    stamps = re.compile(r"20\d\d-\d\d-\d\d[ T]\d\d:?\d\d(:?\d\d(\+00:00|-\w{8}))?")
    assert stamps.sub("", pages[0]) == stamps.sub("", pages[1])


def test_a_page_beyond_its_size_is_refused(notebook: EXPORTED, tmp_path: Path) -> None:
    """The error names the largest item; nothing is written."""
    with pytest.raises(ReportError, match="largest item"):
        report.run(notebook("# Report", "print('x' * 6_000_000)"), out=tmp_path / "out")
    pages = {page.name for page in (tmp_path / "out" / "report").glob("*.html")}
    assert all(name == "latest.html" or name.endswith("-failed.html") for name in pages)


def test_names_of_pages_are_safe(notebook: EXPORTED, tmp_path: Path) -> None:
    """Names have only letters that every file system allows; different parameters give different names."""
    path = notebook("# Report", parameters='who: str = "x"')
    found = {report.run(path, {"who": who}, out=tmp_path).path for who in ("../../etc", "..-..-etc", "a/b", "a-b")}
    assert len(found) == 4
    assert all(made.parent == tmp_path / "report" and re.fullmatch(r"[\w.-]+", made.name) for made in found)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_in_a_script_holds_any_value(value: object) -> None:
    """The JSON reads back as the same value, and no text in it can end the element."""
    text = str(json_for_script(value))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)
