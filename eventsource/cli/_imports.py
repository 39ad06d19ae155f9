"""Two habits that make imports slow, and how a short command does without them.

Together they took a tenth of the time of a first ``eventsource as-of``.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["lighter_imports", "pause_gc"]

_OBJECTS: Final = 50_000
"""New objects after which Python looks for garbage; its default is 700."""
_MATRIX_THREADS: Final = "OPENBLAS_NUM_THREADS"


def pause_gc() -> None:
    """Turn the garbage collector off until the command is imported: what is imported stays in use."""
    gc.disable()
    gc.set_threshold(_OBJECTS)


@contextmanager
def lighter_imports() -> Iterator[None]:
    """Import without threads for matrices; then turn the garbage collector on, for what is made from now on.

    numpy starts a thread per core when it is imported. They wait for matrices to multiply, which no command does,
    and use the cores for some milliseconds while they wait. Programs that a command starts have them again.
    """
    is_ours = _MATRIX_THREADS not in os.environ
    if is_ours:
        os.environ[_MATRIX_THREADS] = "1"
    try:
        yield
    finally:
        if is_ours:
            del os.environ[_MATRIX_THREADS]
        if not gc.isenabled():  # `main` has paused it
            gc.freeze()
            gc.enable()
