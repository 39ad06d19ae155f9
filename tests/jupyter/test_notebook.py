"""What `es.notebook` sets, in a real kernel; the time machine in a real browser."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Browser, Page

from eventsource.jupyter import TimeMachine
from eventsource.report._outputs import items
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.cli.shoplog import HOSTILE

_CELLS = (
    """
import polars as pl
import eventsource as es
from eventsource.testing import MemoryLog, event

class Customer(es.Model, created="Created"):
    name = es.latest("Created", "Renamed", of="name")
    orders = es.count("Ordered")

es.notebook()
log = MemoryLog([
    event("Created", "ada", at="2024-01-01T00:00:00Z", name="Ada <b>", email="ada@example.com"),
    event("Ordered", "ada", at="2024-01-02T00:00:00Z", amount=3),
    event("Renamed", "ada", at="2024-01-03T00:00:00Z", name="Ada L."),
])
replay = es.Timeline(log, Customer).replay("ada")
""",
    "replay",
    "Customer",
    "replay[1]",
    "int",
    "pl.DataFrame({'a': [1]})",
)


@pytest.fixture(scope="module")
def executed() -> Any:
    """A notebook after its run."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in _CELLS]  # type: ignore[no-untyped-call]  # it has no types
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]  # it has no types
    NotebookClient(notebook, timeout=120).execute()
    return notebook


def _data(executed: Any, cell: int) -> dict[str, Any]:
    return dict(executed.cells[cell].outputs[0].data)


def test_a_replay_is_a_time_machine_with_a_table(executed: Any) -> None:
    """JupyterLab draws the widget; everything else has the table of the same steps."""
    data = _data(executed, 1)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert "name: Ada &lt;b&gt; → Ada L." in data["text/html"]
    assert "Ordered" in data["text/plain"]


def test_a_page_shows_no_payload(executed: Any) -> None:
    """What a notebook folds away is on no page."""
    page = "".join(str(item.html) for item in items(executed))
    assert "orders: 0 → 1" in page
    assert "ada@example.com" in json.dumps(executed)
    assert "ada@example.com" not in page


def test_models_and_steps_are_shown_short(executed: Any) -> None:
    """A model shows its fields, a step one line; other classes are shown as before."""
    assert "<td" in _data(executed, 2)["text/html"]
    assert "latest" in _data(executed, 2)["text/html"]
    assert _data(executed, 3)["text/plain"] == "<Step #1 Ordered at 2024-01-02 00:00:00: orders: 0 → 1>"
    assert set(_data(executed, 4)) == {"text/plain"}
    assert "shape" not in _data(executed, 5)["text/html"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page; what it logs as an error fails the test."""
    page = browser.new_page()
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 - Playwright marks the function
    yield page
    page.close()
    assert errors == []


_MODEL = """
(values) => {
  const listeners = {};
  return {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; (listeners[name] || []).forEach((call) => call()); },
    on: (event, call) => { const name = event.slice(7); (listeners[name] ||= []).push(call); },
    save_changes: () => {},
  };
}
"""
"""What JupyterLab gives to a widget: values, and calls when they change."""


def test_the_time_machine_goes_from_event_to_event(page: Page, tmp_path: Path) -> None:
    """The arrow keys go through the events; hostile names and payloads stay text."""
    from eventsource.model import Model, count, latest  # noqa: PLC0415 - near the model of this test

    class Customer(Model, created="Created"):
        name = latest("Created", "Renamed", of="name")
        orders = count("Ordered")

    renamed = [
        event("Renamed", "ada", at=f"2024-02-{day:02}T00:00:00Z", name=name) for day, name in enumerate(HOSTILE, 1)
    ]
    log = MemoryLog([event("Created", "ada", at="2024-01-01T00:00:00Z", name="Ada"), *renamed])
    machine = TimeMachine(Timeline(log, Customer).replay("ada"), index=0)
    state = json.dumps({name: getattr(machine, name) for name in ("entity", "steps", "index")})
    script = files("eventsource.jupyter").joinpath("time_machine.js").read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text("<!doctype html><meta charset=utf-8><main></main>", encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate(
        f"""async ([script, state]) => {{
          const widget = await import(URL.createObjectURL(new Blob([script], {{type: "text/javascript"}})));
          window.model = ({_MODEL})(JSON.parse(state));
          widget.default.render({{model: window.model, el: document.querySelector("main")}});
        }}""",
        [script, state],
    )
    slider = page.get_by_role("slider", name="Events of ada")
    assert page.locator(".es-event").inner_text().startswith("Created 2024-01-01 00:00:00 UTC")
    slider.focus()
    for number, name in enumerate(HOSTILE, 2):
        page.keyboard.press("ArrowRight")
        assert f"{number} of {len(HOSTILE) + 1}" in slider.get_attribute("aria-valuetext")  # type: ignore[operator]  # it has one
        shown = page.locator(".es-changed td").evaluate("cell => cell.textContent")
        assert shown.replace("\r", "\n") == name.replace("\r", "\n")
    assert page.locator("main script, main b b").count() == 0
