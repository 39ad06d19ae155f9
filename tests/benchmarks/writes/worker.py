"""One writer: ``python -m tests.benchmarks.writes.worker URL``, driven by lines of JSON on its standard input.

For each line it prints ``ready``, waits for an empty line, deposits until the time is over, and prints what it
did.
"""

import json
import random
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.benchmarks.writes.ways import WAYS

__all__: list[str] = []


def main() -> None:
    """Work off the lines of the standard input."""
    for line in iter(sys.stdin.readline, ""):
        task = json.loads(line)
        with closing(WAYS[task["way"]](sys.argv[1], task["accounts"], task["run"])) as way:
            chosen = random.Random(task["seed"])
            print("ready", flush=True)
            sys.stdin.readline()
            print(json.dumps(_deposit(way, chosen, task["accounts"], task["seconds"])), flush=True)


def _deposit(way: Any, chosen: random.Random, accounts: int, seconds: float) -> dict[str, float]:
    commands, retries, longest = 0, 0, 0.0
    before, begin = _written(), time.perf_counter()
    end = now = begin
    while now - begin < seconds:
        retries += way.deposit(chosen.randrange(accounts))
        commands += 1
        end = time.perf_counter()
        longest, now = max(longest, end - now), end
    return {
        "commands": commands,
        "retries": retries,
        "seconds": end - begin,
        "longest": longest,
        "bytes": _written() - before,
    }


def _written() -> int:
    """Return the bytes that this process has given to the file system."""
    [line] = [line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("wchar")]
    return int(line.split()[1])


if __name__ == "__main__":
    main()
