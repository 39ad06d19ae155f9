"""Where derived files are: in the log's folder, or in the user's cache where the log is remote or read-only.

Deleting them changes no answer. Those that nobody has used for a month, since models came and went, are removed.
"""

import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Final

__all__ = ["derived_folder", "mark_used", "remove_unused"]

_DAY: Final = 86_400  # seconds
_MONTH: Final = 30 * _DAY


def derived_folder(path: str, kind: str, key: str) -> Path:
    """Return the folder for derived files.

    Args:
        path: the log's folder or URL.
        kind: ``index`` or ``snapshots``.
        key: all that they depend on; another key is another folder.
    """
    if "://" not in path and os.access(path, os.W_OK):
        return Path(path) / kind / _short(key)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "eventsource" / _short(path) / kind / _short(key)


def mark_used(folder: Path) -> None:
    """Note that a folder is in use, once a day."""
    with contextlib.suppress(OSError):  # it is not there, or belongs to somebody else
        if time.time() - folder.stat().st_mtime > _DAY:
            os.utime(folder)


def remove_unused(folder: Path) -> None:
    """Remove the neighbours of a folder that nobody has used for a month."""
    with contextlib.suppress(OSError):
        for other in folder.parent.iterdir():
            if other != folder and time.time() - other.stat().st_mtime > _MONTH:
                shutil.rmtree(other, ignore_errors=True)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
