"""The pages: they build without a warning, hold every public name, and need no network."""

import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sphinx.util.inventory import InventoryFile

from docs._commands import commands
from docs._generate import home_of, public_modules, public_names
from tests.docs.examples import DOCS, ROOT

EXTERNAL = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"(?:https?:)?//[^\"]+", re.IGNORECASE
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages, warnings as errors."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(out / "trees"), "-b", "html"]
    done = subprocess.run(
        [*command, str(DOCS), str(out / "html")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


def _entries(site: Path) -> set[str]:
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    return {name for kind, items in inventory.data.items() if kind.startswith("py:") for name in items}


def test_the_reference_has_every_public_name(site: Path) -> None:
    """Every name that a public module exports has an entry and a docstring."""
    entries = _entries(site)
    for module in public_modules():
        assert inspect.getdoc(importlib.import_module(module)), module
        for name in public_names(module):
            value = getattr(importlib.import_module(module), name)
            if inspect.isroutine(value) or inspect.isclass(value):
                assert inspect.getdoc(value), f"{module}.{name}"
                assert f"{home_of(module, name)}.{name}" in entries, f"{module}.{name}"


def test_the_reference_has_every_command_and_option(site: Path) -> None:
    """The page of the command line names each command, each argument and each option."""
    page = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for name, command in commands().items():
        assert f"eventsource {name}" in page
        for parameter in command.parameters:
            assert all(each in page for each in parameter.names), (name, parameter.names)


def _pages(site: Path) -> Iterator[tuple[Path, str]]:
    for page in site.rglob("*.html"):
        yield page, page.read_text(encoding="utf-8")


def test_the_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """No page asks another host for a script, a style, a font or a picture."""
    for page, text in _pages(site):
        assert not EXTERNAL.search(text), page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.browser
def test_the_search_works_from_files(site: Path, browser: Browser) -> None:
    """A page opened from the disk, without a server, finds the word *checkpoint*, and asks no other host."""
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{(site / 'search.html').as_uri()}?q=checkpoint")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    page.close()
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
