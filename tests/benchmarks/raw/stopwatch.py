"""A stopwatch for the wall clock, the processor and the memory of worker processes."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["Stopwatch", "stopwatch"]


@dataclass(slots=True)
class Stopwatch:
    """What a block of code took.

    Args:
        seconds: by the wall clock.
        cpu: seconds of all cores, ended child processes included: steadier than the clock on a busy machine.
        workers: the peak memory of the largest child process, in MB; 0 without child processes.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    workers: float = 0.0

    def measured(self, answer: Any) -> dict[str, Any]:
        """Return the measured values beside an answer, as `tests.benchmarks.measure` takes them."""
        return {"seconds": self.seconds, "cpu": self.cpu, "workers": self.workers, "answer": answer}


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Yield a stopwatch, whose values are there after the block."""
    watch, begin, cpu = Stopwatch(), time.perf_counter(), _cpu()
    yield watch
    watch.seconds, watch.cpu = time.perf_counter() - begin, _cpu() - cpu
    watch.workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
