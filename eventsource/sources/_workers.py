"""Decoding blocks in several processes, in order and in bounded memory.

::

    this process              workers                       this process
    read and number lines     decode                        commit, in the order of the file
    block 1  ────────────▶    a: events of 1  ────────▶     1
    block 2  ────────────▶    b: events of 2  ────────▶     2      3 is being decoded, 4 is being read
    block 3  ────────────▶    a: …

Which process decodes a block changes nothing of what is decoded. Small inputs are decoded in this process, as
a worker takes about 0.3 s to start. A worker that ends early (killed, or out of memory) is not replaced: this
process decodes the block that it had.

Workers are started as ``python -c``, not by `multiprocessing`, which would import the user's main script again.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Any, Final, TypeVar

from eventsource.errors import SourceError
from eventsource.messages import noun
from eventsource.sources._blocks import Block
from eventsource.sources._csv_header import Header
from eventsource.sources._decoder import Decoder, EventsAndRejected, Line
from eventsource.sources._pipe import Decoded, read_decoded, write_block

__all__ = ["VARIABLE", "Workers", "in_order", "worker_count"]

T = TypeVar("T")

VARIABLE: Final = "EVENTSOURCE_WORKERS"
"""The environment variable that says how many workers a pull has; 1: it decodes itself."""

_MOST: Final = 8
_PIPE_BYTES: Final = 1024 * 1024
_MAIN: Final = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from eventsource.sources._worker import serve; serve()"
)


def worker_count(given: int | None) -> int:
    """Return how many processes decode: what was given, or `VARIABLE`, or one per processor, at most 8.

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


class Workers(AbstractContextManager["Workers"]):
    """Decodes blocks, in processes of their own if there is enough to decode.

    Args:
        decoder: decodes them.
        count: how many processes.
        least: from how many bytes on they are started.
    """

    def __init__(self, decoder: Decoder, count: int, least: int) -> None:
        self._decoder, self._count, self._least = decoder, count, least
        self._seen = self._ended = 0
        self._threads: ThreadPoolExecutor | None = None  # one per process, as each waits for its pipe
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        self._lock = Lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            for _ in range(self._count):
                if (process := self._idle.get()) is not None:
                    process.end()

    @property
    def ahead(self) -> int:
        """How many results may be waited for: two blocks per process, so that it never waits for the next one."""
        return 0 if self._threads is None else 2 * self._count

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: workers that ended early."""
        if not self._ended:
            return ()
        which = f"{self._ended} worker {noun(self._ended, 'process', 'processes')}"
        return (f"{which} ended early (killed, or out of memory): the pull decoded their lines itself",)

    def decode(
        self, block: Block, file: str, *, left: int, header: Header | None = None
    ) -> Callable[[], EventsAndRejected]:
        """Return what returns the events of a block, and the rejected lines.

        Args:
            block: some lines.
            file: their file.
            left: about how many bytes of the file come after them.
            header: of a block of CSV.
        """
        self._seen += len(block.data)
        if self._threads is None and self._count > 1 and self._seen + left >= self._least:
            self._start()
        if self._threads is None:
            return partial(self._decoder.decode, block, header, file)
        return self._threads.submit(self._decode, block, header, file).result

    def rows(self, rows: Iterable[tuple[Line, Mapping[str, Any] | str]]) -> EventsAndRejected:
        """Return the events of rows that are members already, decoded in this process; see `Decoder.rows`."""
        with self._lock:
            return self._decoder.rows(rows)

    def _start(self) -> None:
        begin = [pickle.dumps(each, pickle.HIGHEST_PROTOCOL) for each in (sys.path, self._decoder)]
        for _ in range(self._count):
            try:
                self._idle.put(_Process(begin))
            except OSError:  # this system does not start processes
                self._idle.put(None)
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="eventsource-decode")

    def _decode(self, *block: Any) -> EventsAndRejected:
        process = self._idle.get()
        try:
            found = None if process is None else process.decode(block)
        except (OSError, EOFError, pickle.UnpicklingError):
            if process is not None:
                process.end()
            found = process = None
            with self._lock:
                self._ended += 1
        finally:
            self._idle.put(process)
        with self._lock:  # the decoder counts, so only one thread at a time uses it
            if found is None:
                return self._decoder.decode(*block)
            events, rejected, without_zone = found
            self._decoder.times.without_zone += without_zone
        return events, rejected


class _Process:
    """A worker.

    Args:
        begin: pickles that it reads first.
    """

    def __init__(self, begin: Iterable[bytes]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", _MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "POLARS_MAX_THREADS": "1"},
            pipesize=_PIPE_BYTES,
        )
        self._begin = b"".join(begin)

    def decode(self, block: tuple[Any, ...]) -> Decoded | None:
        """Return events, rejected lines, and how many times named no zone; None: it cannot decode the block.

        Raises:
            OSError, EOFError, pickle.UnpicklingError: the process has ended.
        """
        lines, results = self._process.stdin, self._process.stdout
        if lines is None or results is None:
            raise EOFError
        lines.write(self._begin)
        self._begin = b""
        *_, file = block
        write_block(lines, *block)
        return read_decoded(results, file)

    def end(self) -> None:
        """End the process, and wait until it has ended."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        self._process.wait()
