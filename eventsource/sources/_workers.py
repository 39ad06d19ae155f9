"""Decoding blocks in several processes, in order and in bounded memory.

::

    this process              workers                       this process
    read and number lines     decode                        commit, in the order of the file
    block 1  ────────────▶    a: events of 1  ────────▶     1
    block 2  ────────────▶    b: events of 2  ────────▶     2      3 is being decoded, 4 is being read
    block 3  ────────────▶    a: …

The events are the same whichever process decodes a block. Small inputs are decoded in this process, as
a worker takes about 0.3 s to start. A worker that ends early (killed, or out of memory) is not replaced: this
process decodes the block that it had.
"""

import pickle
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Any

from eventsource.interpreters import Interpreter
from eventsource.messages import noun
from eventsource.sources._blocks import Block
from eventsource.sources._csv_header import Header
from eventsource.sources._decoder import Decoder, EventsAndRejected, Line
from eventsource.sources._pipe import Decoded, read_decoded, write_block

__all__ = ["Workers"]


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
        decoder = pickle.dumps(self._decoder, pickle.HIGHEST_PROTOCOL)
        for _ in range(self._count):
            try:
                self._idle.put(_Process(decoder))
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


class _Process(Interpreter):
    """A worker.

    Args:
        decoder: a pickle of the decoder.
    """

    def __init__(self, decoder: bytes) -> None:
        super().__init__("eventsource.sources._worker")
        self._decoder = decoder

    def decode(self, block: tuple[Any, ...]) -> Decoded | None:
        """Return events, rejected lines, and how many times named no zone; None: it cannot decode the block.

        Raises:
            OSError, EOFError, pickle.UnpicklingError: the process has ended.
        """
        lines, results = self.requests, self.results
        lines.write(self._decoder)
        self._decoder = b""
        *_, file = block
        write_block(lines, *block)
        return read_decoded(results, file)
