"""Take the pictures of the board's page that the documentation shows.

``python -m docs._screenshots reports/out/board/latest.html`` writes `docs/images/board-*.png`.
"""

import shutil
import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

_FOLDER: Final = Path(__file__).parent / "images"
_SHOTS: Final[dict[str, dict[str, Any]]] = {
    "wide": {"viewport": {"width": 1280, "height": 1800}},
    "dark": {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 1500}},
    "print": {"viewport": {"width": 690, "height": 1000}},
}
"""Name → how the page is opened."""


def main(page: Path) -> None:
    """Write one picture per entry of the table above."""
    _FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, options in _SHOTS.items():
            tab = browser.new_context(offline=True, **options).new_page()
            tab.goto(page.resolve().as_uri())
            if name == "print":
                tab.emulate_media(media="print")
            tab.wait_for_timeout(500)
            tab.screenshot(path=_FOLDER / f"board-{name}.png", full_page=name == "print")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
