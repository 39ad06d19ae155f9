"""The folders of derived files, such as indexes and snapshots: where they are, and when they are removed.

They are in the log's folder, or in a folder of the user's cache where the log is remote or read-only. Other
users cannot read that folder. Deleting them changes no answer. Each folder belongs to one version of a model. As
models change, folders become useless: those that no question has used for 30 days are removed when a new one is
created.

A log may come from someone else. A link in it may lead to any folder of the user, where nothing may be written or
removed. So links are not followed: where one is in the way, the files are in the cache.

A folder also belongs to a number of *erasures* of the log. After another one it is never read again, as it may
hold what was erased; the name of its successor ends in the new number::

    index/0a1b2c            before any erasure
    index/0a1b2c-1          after the first one
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = [
    "LOCK",
    "derived_folder",
    "hold_lock",
    "mark_used",
    "remove_derived",
    "remove_unused",
    "try_lock",
    "user_cache",
]

LOCK: Final = "lock"
"""The file whose lock a process holds while it writes a folder."""

_INDEX, _SNAPSHOTS = "index", "snapshots"
_POLL: Final = 0.01  # seconds between attempts to get a lock
_DAY: Final = 86_400  # seconds
_UNUSED_AFTER: Final = 30 * _DAY


def derived_folder(path: str, kind: str, key: str, *, erasures: int = 0) -> Path:
    """Return the folder for derived files; it need not exist.

    Args:
        path: the log's folder or URL.
        kind: ``index`` or ``snapshots``.
        key: a text of everything else that the files depend on; another key is another folder.
        erasures: how many erasures the log had when the question began.
    """
    name = f"{_digest(key)}-{erasures}" if erasures else _digest(key)
    inside = Path(path) / kind / name
    if "://" in path or not os.access(path, os.W_OK) or inside.is_symlink() or inside.parent.is_symlink():
        return _cache(path) / kind / name
    return inside


def remove_derived(folder: Path, path: str) -> None:
    """Remove the derived files of a log, in its folder and in this user's cache; after an erasure.

    A process that updates an index holds its lock, and reads the log while it holds it. So it is waited for, and
    whoever gets the lock next reads the log as it is after the erasure. The lock itself stays.

    Args:
        folder: the log's folder.
        path: how it was named, which the cache depends on.
    """
    for base in (folder, _cache(str(folder)), _cache(path)):
        for index in _folders(base / _INDEX):
            # Another process may remove the folder, as that of an older index: then there is nothing left of it.
            with contextlib.suppress(FileNotFoundError), hold_lock(index):
                for file in index.iterdir():
                    if file.name != LOCK:
                        file.unlink(missing_ok=True)
        for snapshots in _folders(base / _SNAPSHOTS):
            shutil.rmtree(snapshots, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without links; none if it is a link itself, or is missing."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return [each for each in folder.iterdir() if each.is_dir() and not each.is_symlink()]


@contextlib.contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is created: one process writes at a time. A process that dies releases it.

    The lock is the operating system's (``flock``, or what Windows has). A file system without such locks is an
    error: a file that only names its holder would look like a lock that is held forever after a copy.

    Raises:
        OSError: the folder or its lock cannot be written, or the file system has no locks.
    """
    with _lock_in(folder):
        yield


@contextlib.contextmanager
def try_lock(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder if no other process does; give whether it is held. For errors see `hold_lock`."""
    from filelock import Timeout  # noqa: PLC0415 - slow to import

    lock = _lock_in(folder, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    with lock:
        lock.release()  # the block holds it once more
        yield True


def _lock_in(folder: Path, timeout: float = -1) -> "FileLock":
    """Return the lock of a folder, which is created; a link in its place is removed, as locks follow none."""
    from filelock import FileLock  # noqa: PLC0415 - slow to import, and questions about small logs take no lock

    folder.mkdir(parents=True, exist_ok=True)
    if (folder / LOCK).is_symlink():
        (folder / LOCK).unlink(missing_ok=True)
    return FileLock(folder / LOCK, timeout, poll_interval=_POLL, fallback_to_soft=False)


def mark_used(folder: Path) -> None:
    """Note that a folder is in use, at most once a day, by its time of modification."""
    with contextlib.suppress(OSError):  # it does not exist, or belongs to another user
        if time.time() - folder.stat().st_mtime > _DAY:
            os.utime(folder)


def remove_unused(folder: Path) -> None:
    """Remove the neighbours of a folder that have not been used for 30 days, or are from before an erasure."""
    with contextlib.suppress(OSError):
        for other in _folders(folder.parent):
            is_outdated = _erasures(other) < _erasures(folder)
            if other != folder and (is_outdated or time.time() - other.stat().st_mtime > _UNUSED_AFTER):
                shutil.rmtree(other, ignore_errors=True)


def _erasures(folder: Path) -> int:
    """Return the number of erasures that a folder belongs to."""
    number = folder.name.partition("-")[2]
    return int(number) if number.isdigit() else 0


def _cache(path: str) -> Path:
    """Return the folder of a log in the user's cache."""
    return user_cache() / _digest(path)


def user_cache() -> Path:
    """Return the folder of this package in the user's cache, which is created: no other user can read it."""
    own = _cache_home() / "eventsource"
    with contextlib.suppress(OSError):  # what writes below it says why it cannot
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    return own


def _cache_home() -> Path:
    """Return the folder of the user's caches; one that cannot be created if the user has no home folder."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - that of Path raises an error
    return home / ".cache" if home.is_absolute() else Path(os.devnull, "home folder unknown")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
