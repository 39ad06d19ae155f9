"""A stopwatch for the wall clock, the processor and the memory of a process with its workers."""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psutil  # type: ignore[import-untyped]

__all__ = ["Stopwatch", "stopwatch"]

_INTERVAL: Final = 0.25
"""Seconds between two looks at the memory."""


@dataclass(slots=True)
class Stopwatch:
    """What a block of code took.

    Args:
        seconds: by the wall clock.
        cpu: seconds of all cores, ended child processes included: steadier than the clock on a busy machine.
        together: the most memory that this process and its child processes held together, in MB. A page that
            several of them share counts once.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    together: float = 0.0

    def measured(self, answer: Any) -> dict[str, Any]:
        """Return the measured values beside an answer, as `tests.benchmarks.measure` takes them."""
        return {"seconds": self.seconds, "cpu": self.cpu, "together": self.together, "answer": answer}


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Yield a stopwatch, whose values are there after the block."""
    watch, has_ended = Stopwatch(), threading.Event()
    looking = threading.Thread(target=_look, args=(watch, has_ended))
    looking.start()
    begin, cpu = time.perf_counter(), _cpu()
    try:
        yield watch
        watch.seconds, watch.cpu = time.perf_counter() - begin, _cpu() - cpu
    finally:
        has_ended.set()
        looking.join()


def _look(watch: Stopwatch, has_ended: threading.Event) -> None:
    """Keep the largest memory that is seen until the block ends."""
    here = psutil.Process()
    while True:
        watch.together = max(watch.together, _held(here) + sum(map(_held, here.children(recursive=True))))
        if has_ended.wait(_INTERVAL):
            return


def _held(process: psutil.Process) -> float:
    """Return the memory of a process in MB, its part of shared pages included; 0 if it has ended."""
    try:
        return float(process.memory_full_info().pss) / 1024**2
    except psutil.Error:
        return 0.0


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
