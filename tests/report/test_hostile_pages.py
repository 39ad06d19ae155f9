"""Random hostile texts in every field of a page stay text, in a real browser: one browser for all examples."""

import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

import eventsource as es
from eventsource import charts
from eventsource.board import Board, Field
from eventsource.demo.models import Customer
from eventsource.report import About, Link
from eventsource.report._page import page as page_of
from eventsource.sentences import say
from eventsource.testing import MemoryLog, event
from tests.board.worlds import HOSTILE, by_city
from tests.hostile import effort

pytestmark = [pytest.mark.browser, pytest.mark.hostile]
PIECES = [*HOSTILE, "-->", "]]>", "</title>", "</style>", "\u200f", "\u202e", "\u2066", "\x00", "\r\n", "`", "$x$"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), min_size=1, max_size=4).map("".join).filter(bool)
"""Not empty: without a title, a part has the usual one."""


def shown(text: str) -> str:
    """Return a text as a browser has it: without control characters, and without space around it."""
    kept = "".join(letter for letter in text if unicodedata.category(letter) != "Cc" and letter != "\ufffd")
    return "".join(kept.split())


def outputs(text: str) -> list[Any]:
    """Return what cells show that have a text in every place."""
    frame = pl.DataFrame({text: [text, "other"], "n": [1, 2]})
    events = [
        event("CustomerCreated", text, at="2024-01-05", name=text, address={"city": text}),
        event("PremiumPlanBought", text, at="2024-02-05", plan=text),
        event("PremiumPlanCancelled", text, at="2024-02-20", recorded_at="2024-05-05", reason=text),
    ]
    fields = {name: Field(text, says="{} " + text.replace("{", "").replace("}", "")) for name in ("name", "city")}
    board = Board(
        es.Timeline(MemoryLog(events), Customer),
        title=text,
        moments=["2024-02-29", "2024-06-30"],
        figures={"n": pl.len()},
        fields={**fields, "premium": Field(text)},
        noun=(text, text),
        known_at="2024-02-29",
    )
    return [
        board,
        board.cards(),
        board.trend(title=text),
        board.by("city", title=text),
        board.table(by_city, title=text),
        board.late(text),
        board.find(text, name="name", title=text),
        say("{text}", text=text),
        charts.bars(frame, text, "n", title=text),
        frame,
    ]


def html_of(text: str) -> str:
    """Return a page with a text in every place."""
    cells = []
    for number, each in enumerate(outputs(text)):
        if isinstance(each, pl.DataFrame):
            with pl.Config(fmt_str_lengths=1000):
                data = {"text/html": each._repr_html_()}
        elif callable(getattr(each, "_repr_markdown_", None)):
            data = {"text/markdown": each._repr_markdown_()}
        else:
            data = json.loads(json.dumps(each._repr_mimebundle_()))
            data = data[0] if isinstance(data, list) else data
        shown_by = nbformat.v4.new_output("display_data", data=data)
        cells.append(nbformat.v4.new_code_cell("", outputs=[shown_by], id=f"c{number}"))
    about = About(
        text,
        datetime(2025, 1, 1, tzinfo=UTC),
        description=text,
        parameters=((text, text),),
        warning=text,
        index=Link("../index.html", text),
        manifest={text: text, "run": "r"},
    )
    return page_of(nbformat.v4.new_notebook(cells=cells), about)


def test_every_field_of_a_page_stays_text(browser: Browser, tmp_path: Path) -> None:
    """No script, no console message, no request; the texts are on the page as they are, at each stop."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    file = tmp_path / "page.html"

    @settings(
        max_examples=effort(3, 200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(TEXTS)
    def every_text(text: str) -> None:
        faults.clear()
        file.write_text(html_of(text), encoding="utf-8")
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-drawn=yes]")
        for place in ("h1", ".find h2", ".late h2", "figcaption", ".entities tbody button", ".wide td"):
            found = [shown(each).removesuffix("·30June2024") for each in page.locator(place).all_text_contents()]
            assert shown(text) in found, place
        for slider in ("as-of", "as-known-on"):
            page.locator(f"#{slider}").press("Home")
            page.locator(f"#{slider}").press("End")
        page.locator("#difference").click()
        assert faults == []
        assert page.evaluate("typeof window.pwned") == "undefined"
        assert page.locator("script").count() == page.locator("body > script").count() == 9
        assert page.locator("main img, main iframe, main object, main [onload], main [onerror]").count() == 0

    every_text()
    context.close()
