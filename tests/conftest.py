"""What all tests share: how many examples the laws try, one browser, and which tests go to one worker."""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from playwright.sync_api import Browser, sync_playwright

from tests.services.postgresql import Server

_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

# The usual run tries the same examples each time, so that a change is judged by what it changes; `deep` is random.
settings.register_profile(
    "laws", max_examples=30, deadline=None, suppress_health_check=_SLOW_IS_FINE, derandomize=True, database=None
)
settings.register_profile("deep", max_examples=2_000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "unshrunk", max_examples=300, deadline=None, suppress_health_check=_SLOW_IS_FINE, phases=[Phase.generate]
)
settings.load_profile("laws")

_RANDOM_NUMBERS = pytest.mark.filterwarnings("ignore::eventsource.errors.NumberTextWarning")
"""Random numbers may be such that no dtype holds all of them; then they are shown as texts, with a warning."""
_RANDOM_IDS = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownEntityWarning")
"""An entity that a law asks for may have none of its random events."""
_ADDRESS = re.compile(r"\bat 0x[0-9A-Fa-f]+")

# `make test` measures coverage in the workers. A process that a test starts is not measured, and as quick as ever.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Tests that share a fixture of a module or of the run go to one worker, which builds it once.

    ```text
    test                       fixture        scope      group of pytest-xdist (--dist loadgroup)
    test_a_page_is_sound       browser        session    browser
    test_a_site_has_no_holes   site           module     tests/docs/test_site.py::site
    test_due                   tmp_path       function   none: the next worker that is free
    ```
    """
    for item in items:
        if _ADDRESS.search(item.nodeid):
            hint = "name the values with ids= of parametrize"
            raise pytest.UsageError(f"expected the same name in each process, got {item.nodeid}: {hint}")
        if _is_law(item):
            item.add_marker(_RANDOM_NUMBERS)
            item.add_marker(_RANDOM_IDS)
        group = _shared_fixture(item)
        if group and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))


def _is_law(item: pytest.Item) -> bool:
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False)


def _shared_fixture(item: Any) -> str | None:
    """Return a name for the fixture of these tests that the item shares with others, the widest one."""
    found = [
        found[-1]
        for name in getattr(item, "fixturenames", ())
        if (found := item._fixtureinfo.name2fixturedefs.get(name))
    ]
    shared = {
        each.scope: each
        for each in found
        if each.scope != "function" and each.func.__module__.startswith("tests.")
    }
    widest = shared.get("session") or shared.get("package") or shared.get("module") or shared.get("class")
    if widest is None:
        return None
    return str(widest.argname) if widest.scope == "session" else f"{widest.baseid}::{widest.argname}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Do not measure the coverage of laws: it would double their time, and the same examples are run each time."""
    measure = sys.gettrace() if _is_law(item) else None
    if measure is None:
        yield
        return
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(measure)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server of this run; each test takes a database of its own from it."""
    server = Server()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Playwright allows one at a time, so all tests of a run share it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_QUIET)
        yield chromium
        chromium.close()
