"""Replacing a file as a whole: readers see the old content or the new one, never a half."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["TEMPORARY", "atomic_write", "draft_beside"]

TEMPORARY = ".tmp"
"""The suffix of files that are being written; a killed process may leave some."""


@contextmanager
def atomic_write(path: Path, *, is_private: bool = False) -> Iterator[Path]:
    """Give the path of a temporary file to write, and rename it to ``path`` at the end of the block.

    If the block fails, the temporary file is removed and ``path`` stays as it was.

    Args:
        path: the file to create or to replace; its folder must exist.
        is_private: whether only its owner may read a file that is created. One that is replaced keeps its mode.
    """
    with draft_beside(path) as draft:
        if is_private:
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
            draft.touch(mode=0o600)
            draft.chmod(mode)
        yield draft
        draft.replace(path)


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file to write, which the block renames; otherwise it is removed at the end.

    It is in the same folder as ``path``, since a rename is atomic only within a file system.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}{TEMPORARY}")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)
