"""One measurement: a process of its own that reads a source, or pulls it into a new log."""

import multiprocessing
import resource
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventsource import Log, source
from tests.benchmarks.raw.stopwatch import stopwatch

__all__ = ["TASKS", "Reading", "measure"]

_PROCESSES: Final = multiprocessing.get_context("spawn")
"""A process starts empty: its peak memory and its time are those of the measured code."""


@dataclass(frozen=True)
class Reading:
    """What one measurement found.

    Args:
        system: a name of `tests.chaos.systems.SYSTEMS`.
        task: a name of `TASKS`.
        events: how many events there were.
        seconds: by the wall clock.
        cpu: seconds of all cores, of the reading process only: the servers have their own.
        peak: the peak memory of the reading process, in MB.
    """

    system: str
    task: str
    events: int
    seconds: float
    cpu: float
    peak: float

    @property
    def per_second(self) -> float:
        """Events in a second."""
        return self.events / self.seconds

    @property
    def microseconds(self) -> float:
        """Time of the processor for an event."""
        return 1e6 * self.cpu / self.events


def _read(where: str, options: Mapping[str, Any]) -> int:
    """Decode all events into frames, and throw them away."""
    return sum(batch.events.height for batch in source(where, **options).batches({}))


def _pull(where: str, options: Mapping[str, Any]) -> int:
    """Append all events to a new log."""
    with tempfile.TemporaryDirectory(prefix="eventsource-bench-") as folder:
        return Log(Path(folder) / "log").pull(source(where, **options)).appended


TASKS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], int]]] = {"read": _read, "pull": _pull}
"""Name → what is measured."""


def measure(system: str, task: str, where: str, options: Mapping[str, Any], *, events: int) -> Reading:
    """Return a measurement.

    Args:
        system: the name of the system.
        task: a name of `TASKS`.
        where: the first argument of `eventsource.source`.
        options: its other arguments.
        events: how many events the system holds.

    Raises:
        RuntimeError: the process has failed, or found another number of events.
    """
    here, there = _PROCESSES.Pipe(duplex=False)
    child = _PROCESSES.Process(target=_measured, args=(task, where, dict(options), there))
    child.start()
    there.close()
    try:
        found, seconds, cpu, peak = here.recv()
    except EOFError as error:
        raise RuntimeError(f"{system}: the process that measures has failed") from error
    finally:
        child.join()
    if found != events:
        raise RuntimeError(f"{system}: expected {events:,} events, got {found:,}")
    return Reading(system, task, events, seconds, cpu, peak)


def _measured(task: str, where: str, options: Mapping[str, Any], to: Any) -> None:
    with stopwatch() as watch:
        found = TASKS[task](where, options)
    own, children = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    to.send((found, watch.seconds, watch.cpu, (own.ru_maxrss + children.ru_maxrss) / 1024))
