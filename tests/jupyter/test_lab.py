"""The workbench in JupyterLab itself: `eventsource lab`, with the time machine of an entity in a notebook."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser, expect

from tests.report.conftest import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_CELL = """
import eventsource as es
from eventsource.testing import MemoryLog, event

class Customer(es.Model, created="Created"):
    name = es.latest("Created", "Renamed", of="name")
    orders = es.count("Ordered")

es.notebook()
log = MemoryLog([
    event("Created", "ada", at="2024-01-01T00:00:00Z", name="Ada"),
    event("Ordered", "ada", at="2024-01-02T00:00:00Z", amount=3),
    event("Renamed", "ada", at="2024-01-03T00:00:00Z", name="Ada L."),
])
es.Timeline(log, Customer).replay("ada")
"""
_NEWS = "/lab/api/settings/@jupyterlab/apputils-extension:notification?token="
_OPTIONS = ("--no-browser", "--allow-root", "--ServerApp.port=0", "--LabApp.expose_app_in_browser=True")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """JupyterLab with settings of its own, over a folder with a notebook: its URL and token."""
    folder = tmp_path_factory.mktemp("lab")
    path = write_notebook(folder, _CELL, name="ada.ipynb")
    known = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metadata": known}))
    places = {"CONFIG_DIR": "config", "RUNTIME_DIR": "runtime", "DATA_DIR": "data"}
    own = {f"JUPYTER_{name}": str(folder / place) for name, place in places.items()}
    own |= {f"JUPYTERLAB_{name}_DIR": str(folder / name) for name in ("SETTINGS", "WORKSPACES")}
    command = [sys.executable, "-m", "eventsource", "lab", *_OPTIONS]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        yield _started(server, folder / "runtime", folder / "lab.log")
    finally:
        for process in [*psutil.Process(server.pid).children(recursive=True), server]:
            process.terminate()
        server.wait(30)


def _started(server: "subprocess.Popen[bytes]", runtime: Path, log: Path) -> dict[str, Any]:
    """Return what the server says about itself, as soon as it answers."""
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            try:
                about: dict[str, Any] = json.loads(file.read_text())
                urlopen(f"{about['url']}api/status?token={about['token']}").close()  # noqa: S310 - our own server
            except (OSError, ValueError):
                continue
            return about
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def test_jupyterlab_does_not_ask_about_news(lab: dict[str, Any]) -> None:
    """The settings of the workbench say that no news are fetched, and that it is not asked for them."""
    with urlopen(f"{lab['url'].rstrip('/')}{_NEWS}{lab['token']}") as answer:  # noqa: S310 - our own server
        found = json.load(answer)
    defaults = {name: found["schema"]["properties"][name]["default"] for name in ("fetchNews", "checkForUpdates")}
    assert defaults == {"fetchNews": "false", "checkForUpdates": False}
    assert found["settings"] == {}


def test_the_time_machine_works_in_jupyterlab(lab: dict[str, Any], browser: Browser) -> None:
    """The notebook runs; the arrow keys of the slider go from event to event; nothing pops up."""
    page = browser.new_page(viewport={"width": 1280, "height": 1200})
    page.set_default_timeout(90_000)
    page.goto(f"{lab['url']}lab/tree/ada.ipynb?reset&token={lab['token']}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    select = page.locator(".jp-Dialog .jp-mod-accept")  # JupyterLab asks for a kernel unless it knows the notebook
    if select.count():
        select.click()
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    slider = page.get_by_role("slider", name="Events of ada")
    slider.wait_for()
    event = page.locator(".es-event").first
    expect(event).to_contain_text("Renamed 2024-01-03")
    slider.focus()
    page.keyboard.press("Home")
    expect(event).to_contain_text("Created 2024-01-01")
    page.keyboard.press("ArrowRight")
    expect(event).to_contain_text("Ordered 2024-01-02")
    expect(page.locator(".es-changed").first).to_contain_text("orders")
    assert page.get_by_text("Jupyter news").count() == 0
    page.close()
