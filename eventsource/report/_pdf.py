"""Pages as PDF, printed by a Chromium that is installed."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from eventsource.errors import ReportError

__all__ = ["write_pdf"]

_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS: Final = 120
_ROOT: Final = 0


def write_pdf(page: Path) -> Path:
    """Print a page as PDF, A4 and in light colours, beside it; return the path of the PDF.

    Raises:
        ReportError: Chromium is not installed, or prints nothing.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise ReportError(
            "a PDF needs Chromium, which is not installed",
            hint="apt-get install chromium, or print from a browser",
        )
    pdf = page.with_suffix(".pdf")
    with TemporaryDirectory(prefix="eventsource-") as folder:
        draft = Path(folder) / "page.pdf"
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == _ROOT else []
        command = [
            program,
            "--headless",
            "--disable-gpu",
            *sandbox,
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={draft}",
            "--virtual-time-budget=10000",
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - no shell
        except subprocess.TimeoutExpired as error:
            raise ReportError(
                f"Chromium did not print {page} within {_SECONDS} seconds", hint="print it from a browser"
            ) from error
        if not draft.exists():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ReportError(
                f"Chromium printed nothing of {page}: {''.join(last)}", hint="open the page in a browser"
            )
        try:
            shutil.move(draft, pdf)
        except OSError as error:
            raise ReportError(
                f"{pdf} cannot be written: {error.strerror or error}", hint="free some space; the page is there"
            ) from error
    return pdf
