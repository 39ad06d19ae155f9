"""The folders of derived files, such as indexes and snapshots: where they are, and when they are removed.

They are in the log's folder, or in a folder of the user's cache where the log is remote or read-only. Other
users cannot read that folder. Deleting them
changes no answer. Each folder belongs to one version of a model. As models change, folders become useless: those
that no question has used for 30 days are removed when a new one is created.
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
_UNUSED_AFTER: Final = 30 * _DAY


def derived_folder(path: str, kind: str, key: str) -> Path:
    """Return the folder for derived files; it need not exist.

    Args:
        path: the log's folder or URL.
        kind: ``index`` or ``snapshots``.
        key: a text of everything that the files depend on; another key is another folder.
    """
    if "://" not in path and os.access(path, os.W_OK):
        return Path(path) / kind / _digest(key)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    own = cache / "eventsource"
    with contextlib.suppress(OSError):  # what writes below it says why it cannot
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    return own / _digest(path) / kind / _digest(key)


def mark_used(folder: Path) -> None:
    """Note that a folder is in use, at most once a day, by its time of modification."""
    with contextlib.suppress(OSError):  # it does not exist, or belongs to another user
        if time.time() - folder.stat().st_mtime > _DAY:
            os.utime(folder)


def remove_unused(folder: Path) -> None:
    """Remove the neighbours of a folder that have not been used for 30 days."""
    with contextlib.suppress(OSError):
        for other in folder.parent.iterdir():
            if other != folder and time.time() - other.stat().st_mtime > _UNUSED_AFTER:
                shutil.rmtree(other, ignore_errors=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
