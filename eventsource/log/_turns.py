"""Turns: the writers of a table wait in a queue, so that few commits meet a conflict.

Writers need no lock to be correct: of two commits that began at the same version Delta takes one. But of eight
writers that try at once, the work of seven has no effect, and one of them may lose many times in a row. So
writers in one file system climb a stair of file locks. Each step has room for one, who waits there until the next
step is free::

    step    7   6   5   4   3   2   1   0
                            d   c   b   a        a commits; b is next, then c, then d

A turn is a courtesy. Whoever cannot lock files, or has waited for ten seconds, such as for a process that was
stopped in its turn, goes ahead without one.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["LOCKS", "turn"]

LOCKS: Final = "locks"
"""The folder of the locks, within that of the log."""

_STEPS: Final = 8
_POLL: Final = 0.003  # seconds between two attempts to get a lock
_PATIENCE: Final = 10.0  # seconds
_OPEN: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)  # Windows has no such flag


@contextmanager
def turn(table: Path | None) -> Iterator[None]:
    """Wait for the turn to write a table. It ends with the block, or when the process dies.

    Args:
        table: its folder; None: it is on an object store, where there are no turns.
    """
    with ExitStack() as step_behind:
        with suppress(OSError):  # no locks in this file system, or no folder: the commit says why
            if table is not None:
                _climb(table, step_behind)
        yield


def _climb(table: Path, step_behind: ExitStack) -> None:
    """Lock step after step down to 0, which ``step_behind`` then holds; give up after a while."""
    from filelock import lock_descriptor  # noqa: PLC0415 - slow to import, and only writers need it

    folder = table.parent / LOCKS
    folder.mkdir(exist_ok=True)  # no turns before the first commit has made the log's folder
    if folder.is_symlink():  # in a log of someone else, files would be created wherever it leads
        return
    give_up = time.monotonic() + _PATIENCE
    for step in reversed(range(_STEPS)):
        file = os.open(folder / f"{table.name}-{step}", _OPEN, 0o666)
        with ExitStack() as this_step:
            this_step.callback(os.close, file)  # which ends the lock
            while not lock_descriptor(file, blocking=False):
                if time.monotonic() > give_up:
                    return
                time.sleep(_POLL)
            step_behind.close()
            step_behind.push(this_step.pop_all())
