"""Memory allocation: two habits of Python and of the C library that cost more time than the work itself."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import numpy as np

__all__ = ["gc_paused", "keep_freed_memory"]

_LARGEST_BLOCK: Final = 32 * 1024**2 - 2**16
"""Bytes: glibc raises its threshold only up to this size (``DEFAULT_MMAP_THRESHOLD_MAX``)."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector within a block that creates many objects and no cycles.

    The collector would visit the growing heap again and again, and find nothing to free.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@cache
def keep_freed_memory() -> None:
    """Make the C library keep up to 64 MB of freed memory for later arrays.

    By default glibc returns large arrays to the operating system as soon as they are freed. Every page of the next
    array is then a page fault, which takes a quarter of the time of a fold, and two thirds of the time that blocks
    of lines need to be read and sent. How much glibc keeps follows the largest block that was ever freed
    (mallopt(3), M_MMAP_THRESHOLD). So one large block is allocated and freed here. Its pages are never touched, so
    it costs nothing. Other C libraries are not affected.
    """
    np.empty(_LARGEST_BLOCK, np.uint8)
