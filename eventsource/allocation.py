"""Memory: what Python and the C library do about it by themselves, where that costs more than the work."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import numpy as np

__all__ = ["gc_paused", "keep_freed_memory"]

_MOST: Final = 32 * 1024**2 - 2**16
"""Bytes: glibc learns from no larger block (``DEFAULT_MMAP_THRESHOLD_MAX``)."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector within a block, which makes many objects and no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@cache
def keep_freed_memory() -> None:
    """Have the C library keep some freed memory, up to 64 MB, for what is asked for next.

    By itself glibc gives large arrays back as soon as they are freed, and every page of the next one is a fault:
    a quarter of the time of a fold. What it keeps follows the largest block that was ever freed (mallopt(3),
    M_MMAP_THRESHOLD), so that freeing one, of which no page was touched, is all there is to do. Other C libraries
    go their own way.
    """
    np.empty(_MOST, np.uint8)
