"""What is measured: each task of each kind of file, by this project and by DuckDB, in turns; answers compared."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.answers import differences
from tests.benchmarks.raw.inputs import KINDS, raw_file
from tests.benchmarks.run import child
from tests.benchmarks.workload import Input

__all__ = ["TASKS", "Measured", "measure", "measure_nothing_new"]

OURS: Final = "eventsource"
DUCKDB: Final = "DuckDB"


@dataclass(frozen=True, slots=True)
class Task:
    """A task.

    Args:
        about: what it is, for the table.
        ours: the function of this project.
        theirs: the function of DuckDB; None: only this project does it.
        kinds: the kinds of files that it is measured with; empty: all.
    """

    about: str
    ours: str
    theirs: str | None
    kinds: tuple[str, ...] = ()


TASKS: Final = {
    "load_on_one_core": Task("pull on one core", "load_on_one_core", None, ("jsonl",)),
    "load_one": Task("pull by one process", "load_one", None, ("jsonl",)),
    "load": Task("pull; raw file to Parquet", "load", "load"),
    "first": Task("the first question, after that: payloads decoded and kept", "first", "first", ("jsonl",)),
    "first_exact": Task("the same with Decimal fields", "first_exact", "first_exact", ("jsonl",)),
    "once": Task("the first question; DuckDB keeps nothing for the next one", "first", "once", ("jsonl",)),
    "whole": Task("raw file to the first answer; straight from the file", "whole", "straight"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a contender took for a task.

    Args:
        kind: the kind of file.
        task: the key of the task.
        name: of the contender.
        seconds: by the wall clock.
        cpu: seconds of all cores.
        peak: memory in MB, with that of worker processes, if there are any.
    """

    kind: str
    task: str
    name: str
    seconds: float
    cpu: float = 0.0
    peak: float = 0.0


def measure(cache: Path, folder: Path, kind: str, *, events: int, turns: int = 1) -> Iterator[Measured]:
    """Measure the tasks of a kind of file, the best of so many turns; stop if two answers differ."""
    path = raw_file(cache, kind, events)
    found = _input(folder, kind=kind, path=str(path.absolute()))
    best: dict[tuple[str, str], Measured] = {}
    for _ in range(turns):
        for key, task in TASKS.items():
            if task.kinds and kind not in task.kinds:
                continue
            for name, module, function in (
                (DUCKDB, "by_duckdb", task.theirs),
                (OURS, "by_eventsource", task.ours),
            ):
                if function is None:
                    continue
                one = _measured(found, kind, key, name, child_of=f"raw.{module}:{function}")
                key_of = key, name
                best[key_of] = min(best.get(key_of, one), one, key=lambda each: each.seconds)
            answers = [_answer(found, key, name) for name in (OURS, DUCKDB)]
            if task.theirs and (differs := differences(*answers)):
                raise SystemExit(f"{KINDS[kind].about}, {task.about}: the answers differ in {differs}")
    yield from best.values()


def measure_nothing_new(folder: Path, megabytes: float) -> Measured:
    """Measure a pull of 1,000 files that were read already."""
    found = _input(folder, kind="many", megabytes=megabytes)
    return _measured(found, "many", "nothing_new", OURS, child_of="raw.by_eventsource:nothing_new")


def _input(folder: Path, **about: Any) -> Input:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return Input(folder)


def _measured(found: Input, kind: str, task: str, name: str, *, child_of: str) -> Measured:
    print(f"  {kind}: {task}, {name}", file=sys.stderr)
    got = child(found, child_of, how="itself", answer=_answer(found, task, name))
    peak = got.get("together") or got["peak"]
    return Measured(kind, task, name, got["seconds"], got.get("cpu", 0.0), peak)


def _answer(found: Input, task: str, name: str) -> Path:
    return found.folder / f"{task}.{name}.answer.parquet"
