"""What all tests share: how many examples the laws try, and one browser for the whole run."""

import shutil
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from playwright.sync_api import Browser, sync_playwright

_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

# The usual run tries the same examples each time, so that a change is judged by what it changes; `deep` is random.
settings.register_profile(
    "laws", max_examples=45, deadline=None, suppress_health_check=_SLOW_IS_FINE, derandomize=True, database=None
)
settings.register_profile("deep", max_examples=2_000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "unshrunk", max_examples=300, deadline=None, suppress_health_check=_SLOW_IS_FINE, phases=[Phase.generate]
)
settings.load_profile("laws")


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
