"""Other interpreters of Python, which work for this process and end with it.

::

    this process                          another interpreter
    Interpreter("package.module")  ───▶   package.module.serve(requests, results)
    requests  ─────────────────────────▶  reads until there are no more
    results   ◀─────────────────────────  writes

They are started as ``python -c``, not by `multiprocessing`, which would import the user's main script again. What
libraries print there goes to standard error. Their input ends with the process that started them, and so do they.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import IO, BinaryIO, Final, TypeVar

from eventsource.errors import SourceError

__all__ = ["VARIABLE", "Interpreter", "in_order", "run", "worker_count"]

T = TypeVar("T")

VARIABLE: Final = "EVENTSOURCE_WORKERS"
"""The environment variable that says how many workers there are; 1: this process works itself."""

_MOST: Final = 8
_PIPE_BYTES: Final = 1024 * 1024
_ONE_THREAD: Final = {"POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Threads that numpy's OpenBLAS would start only wait, and take a quarter of the time of a start by waiting."""
_MAIN: Final = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from eventsource.interpreters import run; run({module!r})"
)


class Interpreter:
    """Another interpreter. Its libraries have one thread each, as there are several of them.

    Args:
        module: its function ``serve`` gets the requests, and a file for the results.

    Raises:
        OSError: this system does not start processes.
    """

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", _MAIN.format(module=module)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD},
            pipesize=_PIPE_BYTES,
        )
        pickle.dump(sys.path, self.requests, pickle.HIGHEST_PROTOCOL)

    @property
    def requests(self) -> IO[bytes]:
        """Where requests are written to."""
        return self._opened(self._process.stdin)

    @property
    def results(self) -> IO[bytes]:
        """Where results are read from."""
        return self._opened(self._process.stdout)

    def end(self) -> None:
        """End the process, and wait until it has ended."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        self._process.wait()

    @staticmethod
    def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise EOFError
        return pipe


def run(module: str) -> None:
    """Let a module serve requests, until there are no more; what other interpreters do first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints does not get among the results
    serve: Callable[[BinaryIO, BinaryIO], None] = import_module(module).serve
    with suppress(EOFError, BrokenPipeError):
        serve(sys.stdin.buffer, results)


def worker_count(given: int | None) -> int:
    """Return how many workers there are: what was given, or `VARIABLE`, or one per processor, at most 8.

    Raises:
        SourceError: it is not a number from 1 on.
    """
    text = os.environ.get(VARIABLE, "") if given is None else str(given)
    if not text:
        affinity = getattr(os, "sched_getaffinity", None)  # not on every system
        return min(_MOST, len(affinity(0)) if affinity is not None else os.cpu_count() or 1)
    if not text.isdecimal() or not int(text):
        name = VARIABLE if given is None else "workers"
        raise SourceError(f"expected {name} to be a number from 1 on, got {text!r}", hint=f"{name}=2")
    return int(text)


def in_order(later: Iterable[Callable[[], T]], ahead: Callable[[], int]) -> Iterator[T]:
    """Yield results in order, while up to ``ahead()`` later ones are being made."""
    pending: deque[Callable[[], T]] = deque()
    for each in later:
        pending.append(each)
        while len(pending) > ahead():
            yield pending.popleft()()
    while pending:
        yield pending.popleft()()
