"""The manifest in a page: what the page was made of, wherever the file is by now."""

import json
import re
from pathlib import Path
from typing import Any, Final

from eventsource.errors import ReportError
from eventsource.report._files import FAILED
from eventsource.report._manifest import page_manifest

__all__ = ["manifest_in", "manifest_of_page"]

_MANIFEST: Final = re.compile(r'<script type="application/json" id="manifest">(.*?)</script>', re.DOTALL)


def manifest_of_page(page: Path) -> tuple[str, dict[str, Any]]:
    """Return a page and the manifest in it.

    Raises:
        ReportError: it cannot be read, or is not the page of a run that succeeded.
    """
    try:
        html = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{page} cannot be read: {error}", hint="name reports/out/NAME/RUN.html") from error
    if page.stem.endswith(FAILED):
        raise ReportError(f"{page} says that a run failed", hint="name the page of a run that succeeded")
    return html, manifest_in(html)


def manifest_in(html: str) -> dict[str, Any]:
    """Return the manifest that a page contains.

    Raises:
        ReportError: it contains none.
    """
    found = list(_MANIFEST.finditer(html))  # trusted HTML comes before the one that counts
    try:
        manifest = page_manifest(json.loads(found[-1][1])) if found else None
    except (ValueError, RecursionError):
        manifest = None
    if manifest is None:
        raise ReportError(
            "expected a page of a report, got a file without a manifest",
            hint="name reports/out/NAME/RUN.html",
        )
    return manifest
