"""Replacing a file as a whole: readers see the old content or the new one, never a half."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["TEMPORARY", "atomic_write"]

TEMPORARY = ".tmp"
"""The suffix of files that are being written; a killed process may leave some."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file to write, and rename it to ``path`` at the end of the block.

    The temporary file is in the same folder, since a rename is atomic only within a file system. If the block
    fails, the temporary file is removed and ``path`` stays as it was.

    Args:
        path: the file to create or to replace; its folder must exist.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}{TEMPORARY}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
