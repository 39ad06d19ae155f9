"""Writing runs: each window of positions is decoded, sorted and written, by this process or by several others.

::

    this process          workers                                        this process
    window 1  ────────▶   a: read the log, decode, sort, write  ─────▶   run 1
    window 2  ────────▶   b: read the log, decode, sort, write  ─────▶   run 2
    window 3  ────────▶   a: …

A window is sent as a query of the log, so that a worker reads the same files of the same version. A run is the
same whichever process writes it. This process works alone where there are few events, since a worker takes about
0.3 s to start, and where the plan cannot be sent, such as one with a function. It also decodes the windows at
which a worker fails.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import BinaryIO, Final

import polars as pl
from msgspec import Struct

from eventsource.allocation import keep_freed_memory
from eventsource.decode import ColumnFacts, Members, column_facts
from eventsource.index._decode import Decoded, Window, decode_window
from eventsource.index._files import IndexFiles
from eventsource.index._manifest import Run
from eventsource.index._threads import one_behind
from eventsource.interpreters import Interpreter, in_order, worker_count

__all__ = ["WrittenRun", "serve", "write_run", "write_runs"]

_LEAST: Final = 2_000_000
"""Positions below which no workers are started."""


class WrittenRun(Struct, frozen=True):
    """A run, and what the manifest must know of it.

    Args:
        run: the run.
        columns: the facts of its columns.
        types: the event types in it.
        corrections: the corrections of its window, as the log holds them.
    """

    run: Run
    columns: dict[str, ColumnFacts]
    types: list[str]
    corrections: pl.DataFrame


def write_run(files: IndexFiles, events: pl.DataFrame, start: int, stop: int) -> Run:
    """Sort decoded events by (``at``, ``position``), and write them as a run."""
    ordered = events.sort("at", "position")
    at = ordered["at"].to_physical()
    earliest, latest = (at[0], at[-1]) if ordered.height else (None, None)
    return Run(files.write(ordered, "run"), start, stop, ordered.height, earliest, latest)


def write_runs(
    files: IndexFiles,
    members: Members,
    windows: Iterable[Window],
    positions: int,
    progress: Callable[[int], None],
) -> Iterator[tuple[Window, WrittenRun]]:
    """Write a run for each window; yield them in order.

    Args:
        files: where they are written.
        members: what is decoded.
        windows: the windows.
        positions: how many positions they have.
        progress: called with the position up to which events are decoded.
    """
    count = worker_count(None) if positions >= _LEAST else 1
    begin = _pickle((files.folder, members)) if count > 1 else None
    if begin is None:
        yield from _by_this_process(files, members, windows, progress)
        return
    idle: SimpleQueue[_Worker | None] = SimpleQueue()
    for _ in range(count):
        idle.put(_Worker.start(begin))

    def written(window: Window) -> tuple[Window, WrittenRun]:
        worker = idle.get()
        try:
            found = None if worker is None else worker.write(window)
        except (OSError, EOFError, pickle.PickleError):  # it has ended: killed, or out of memory
            if worker is not None:
                worker.end()
            found = worker = None
        finally:
            idle.put(worker)
        return window, found or _written(files, window, decode_window(window, members, members.decoders()))

    with ThreadPoolExecutor(count, thread_name_prefix="eventsource-index") as threads:
        try:
            for window, run in in_order((threads.submit(written, each).result for each in windows), lambda: count):
                progress(window.stop)
                yield window, run
        finally:
            threads.shutdown(cancel_futures=True)
            for _ in range(count):
                if (worker := idle.get()) is not None:
                    worker.end()


class _Worker(Interpreter):
    """A worker.

    Args:
        begin: a pickle of the folder of the index and the members.
    """

    def __init__(self, begin: bytes) -> None:
        super().__init__(__name__)
        self.requests.write(begin)

    @classmethod
    def start(cls, begin: bytes) -> "_Worker | None":
        """Return a new worker; None: this system does not start processes."""
        try:
            return cls(begin)
        except OSError:
            return None

    def write(self, window: Window) -> WrittenRun | None:
        """Write the run of a window; None: the worker cannot.

        Raises:
            OSError, EOFError, pickle.PickleError: the process has ended.
        """
        request = _pickle(window)
        if request is None:
            return None
        self.requests.write(request)
        self.requests.flush()
        found: WrittenRun | None = pickle.load(self.results)  # noqa: S301 - a pipe from a process of our own
        return found


def serve(requests: BinaryIO, results: BinaryIO) -> None:
    """Write the runs of windows until there are no more; what a worker does."""
    keep_freed_memory()
    folder, members = pickle.load(requests)  # noqa: S301 - a pipe from the process that started this one
    files, decoders = IndexFiles(folder), members.decoders()
    while True:
        window: Window = pickle.load(requests)  # noqa: S301 - likewise
        try:
            found = _written(files, window, decode_window(window, members, decoders))
        except Exception:  # noqa: BLE001 - the other process writes the run, and meets the same error there
            found = None
        pickle.dump(found, results, pickle.HIGHEST_PROTOCOL)
        results.flush()


def _by_this_process(
    files: IndexFiles, members: Members, windows: Iterable[Window], progress: Callable[[int], None]
) -> Iterator[tuple[Window, WrittenRun]]:
    """Write runs, each while the next one is decoded."""
    decoders = members.decoders()

    def written(window: Window, decoded: list[Decoded]) -> tuple[Window, WrittenRun]:
        return window, _written(files, window, decoded.pop())  # not in memory any longer than needed

    def later() -> Iterator[Callable[[], tuple[Window, WrittenRun]]]:
        for window in windows:
            yield partial(written, window, [decode_window(window, members, decoders, progress)])

    yield from one_behind(later())


def _written(files: IndexFiles, window: Window, decoded: Decoded) -> WrittenRun:
    """Write the run of a window, and return what the manifest must know of it."""
    events = decoded.events
    types = events["type"].cast(pl.String).unique().sort().to_list()
    run = write_run(files, events, window.start, window.stop)
    return WrittenRun(run, column_facts(events), types, decoded.corrections)


def _pickle(value: object) -> bytes | None:
    """Return a pickle; None: the value cannot be sent, such as a function without a name."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except (pickle.PickleError, AttributeError, TypeError, pl.exceptions.PolarsError):
        return None
