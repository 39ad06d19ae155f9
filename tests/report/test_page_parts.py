"""Parts of a page that tags and definitions decide: the answer, the title, trusted HTML; and the cached script."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest

from eventsource import charts
from eventsource.report import About
from eventsource.report._bundle import bundle
from eventsource.report._page import page as page_of
from eventsource.report._still import still

STYLED = (
    '<style>.g{color:red}</style><table class="g"><td style="color:blue">1</td></table><script>window.x=1</script>'
)


def html_of(*cells: Any, title: str = "Premium", description: str = "") -> str:
    """Return a page of cells: Markdown, or an output with tags."""
    made = [
        nbformat.v4.new_markdown_cell(cell, id=f"c{number}")
        if isinstance(cell, str)
        else nbformat.v4.new_code_cell(
            "",
            id=f"c{number}",
            outputs=[nbformat.v4.new_output("display_data", data=cell[0])],
            metadata={"tags": [cell[1]]},
        )
        for number, cell in enumerate(cells)
    ]
    about = About(title, datetime(2025, 1, 1, tzinfo=UTC), description=description, manifest={"run": "r"})
    return page_of(nbformat.v4.new_notebook(cells=made), about)


def test_the_answer_is_at_the_top() -> None:
    """The output of a cell tagged `answer` comes before the first section, in the order of the cells."""
    html = html_of(
        "# Premium", "## Below", ({"text/plain": "evidence"}, "row"), ({"text/plain": "126 plans"}, "answer")
    )
    assert html.index("126 plans") < html.index("<header>") < html.index(">Below<") < html.index("evidence")


def test_the_title_is_that_of_the_definition() -> None:
    """It takes the place of the notebook's, whose own words stay; a description is shown where there are none."""
    html = html_of("# Premium on a day\nWho had it?", title="Premium on <30> June", description="Described")
    assert "<h1>Premium on &lt;30&gt; June</h1>" in html
    assert "Who had it?" in html
    assert "Described" not in html
    assert "Described" in html_of("# Premium", title="Premium", description="Described")


def test_trusted_html_is_kept_and_runs_nothing() -> None:
    """With the tag a table keeps its style; the policy allows styles, and the same scripts as before."""
    plain, trusted = (html_of("# x", ({"text/html": STYLED}, tag)) for tag in ("row", "trusted"))
    assert "color:blue" not in plain
    assert "'unsafe-inline'" not in plain
    assert STYLED in trusted
    policies = [re.findall(r'Content-Security-Policy" content="([^"]+)"', html)[0] for html in (plain, trusted)]
    assert "style-src &#39;unsafe-inline&#39;;" in policies[1]
    scripts = [re.findall(r"script-src ([^;]+);", policy)[0] for policy in policies]
    assert scripts[0] == scripts[1]
    assert "unsafe" not in scripts[1]


def test_letters_that_xml_has_not_are_replaced() -> None:
    """NUL and others in texts and names of columns: the process goes through, the drawing is well-formed."""
    frame = pl.DataFrame({"a\x00\u2028b": ["x\x00", "y\x1f", "z\ufffe"], "n": [1, 2, 3]})
    drawn = still(charts.bars(frame, "a\x00\u2028b", "n", title="t\x00").to_dict())
    assert "x\ufffd" in drawn
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", drawn)


@pytest.mark.parametrize("before", [4, 32, 33, 40])
def test_a_long_name_with_emoji_is_drawn(before: int) -> None:
    """It is cut where it is too long, perhaps inside an emoji; one that is not cut keeps them."""
    name = "x" * before + "😀" * 20
    drawn = still(charts.bars(pl.DataFrame({"name": [name, "b"], "n": [1, 2]}), "name", "n", title=name).to_dict())
    assert f"{'x' * before}" in drawn
    short = still(charts.bars(pl.DataFrame({"name": ["a😀", "b"], "n": [1, 2]}), "name", "n").to_dict())
    assert "a😀" in short


def test_the_script_is_cached_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process reads it; a damaged file is written again; without a cache it is made each time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = bundle.__wrapped__()
    (file,) = (tmp_path / "eventsource").glob("vega-*.js")
    assert file.stat().st_mode & 0o077 == 0
    assert "</script" not in made.lower()
    file.write_text(file.read_text().replace("vega", "evil", 1))
    assert bundle.__wrapped__() == made
    assert file.read_text().endswith(made)
