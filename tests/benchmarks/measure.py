"""Measure the time and the peak memory of one contender, in its own process.

`python -m tests.benchmarks.measure FOLDER MODULE:FUNCTION HOW [ANSWER.parquet]` prints one JSON object. Libraries
are imported before the clock starts. A warm time is the best of three after one throwaway question. If the
throwaway question takes longer than `LONG`, one more is asked; if longer than `ENDLESS`, none, and it is the time.
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
    """Measure the contender of the command line."""
    folder, function, how, *files = sys.argv[1:]
    module, _, name = function.partition(":")
    work = getattr(importlib.import_module(f"tests.benchmarks.{module}"), name)
    found = Input(Path(folder))
    found.about  # noqa: B018 - read before the clock starts
    if how == "itself":
        measured = work(found)
        answer = measured.pop("answer", None)
    else:
        seconds, answer = _timed(work, found)
        if how == "warm":
            seconds = min((_timed(work, found)[0] for _ in range(_times(seconds))), default=seconds)
        measured = {"seconds": seconds}
    measured["peak"] = peak()
    if files and answer is not None:
        from tests.benchmarks.answers import plain  # noqa: PLC0415 - its memory must not be measured

        plain(answer).write_parquet(files[0])
    print(json.dumps(measured))


def _times(throwaway: float) -> int:
    """Return how often to ask again after a throwaway question of so many seconds."""
    if throwaway > ENDLESS:
        return 0
    return 1 if throwaway > LONG else TIMES


def _timed(work: Any, found: Input) -> tuple[float, Any]:
    begin = time.perf_counter()
    answer = work(found)
    return time.perf_counter() - begin, answer


def peak() -> float:
    """Return the peak memory of this process in MB (getrusage would count that of its parent, too)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
