"""One contender in a process of its own: how long it takes, and the most memory it holds.

`python -m tests.benchmarks.measure FOLDER MODULE:FUNCTION HOW [ANSWER.parquet]` prints one JSON object. Libraries
are imported before the clock starts. A warm time is the best of three after one throwaway question; where that
one took longer than `LONG`, one more is enough, and where it took longer than `ENDLESS`, it is the time.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.workload import Input

__all__ = ["ENDLESS", "LONG", "TIMES", "peak"]

TIMES: Final = 3
LONG: Final = 5.0
ENDLESS: Final = 20.0
"""Seconds."""


def main() -> None:
    """Measure the contender that the command line names."""
    folder, function, how, *files = sys.argv[1:]
    module, _, name = function.partition(":")
    work = getattr(importlib.import_module(f"tests.benchmarks.{module}"), name)
    found = Input(Path(folder))
    found.about  # noqa: B018 - read before the clock starts
    if how == "itself":
        told = work(found)
        answer = told.pop("answer", None)
    else:
        seconds, answer = _timed(work, found)
        if how == "warm":
            seconds = min((_timed(work, found)[0] for _ in range(_times(seconds))), default=seconds)
        told = {"seconds": seconds}
    told["peak"] = peak()
    if files and answer is not None:
        from tests.benchmarks.answers import plain  # noqa: PLC0415 - nothing of it in the memory measured

        plain(answer).write_parquet(files[0])
    print(json.dumps(told))


def _times(throwaway: float) -> int:
    """Return how often to ask again after a question that took so many seconds."""
    if throwaway > ENDLESS:
        return 0
    return 1 if throwaway > LONG else TIMES


def _timed(work: Any, found: Input) -> tuple[float, Any]:
    begin = time.perf_counter()
    answer = work(found)
    return time.perf_counter() - begin, answer


def peak() -> float:
    """Return the most memory that this program itself has held, in MB (getrusage counts its parent's, too)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
