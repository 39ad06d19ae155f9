"""A run: every contender of every workload on one input, each in a process of its own; answers are compared."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.answers import differences
from tests.benchmarks.contenders import CONTENDERS, OURS, Contender
from tests.benchmarks.workload import Input

__all__ = ["Result", "answer_of", "compare", "measured", "measured_as_of", "taking_part"]

_PATIENCE: Final = 300
"""Seconds that a contender may take for all its questions."""
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of a contender.

    Args:
        workload: the key of a workload.
        name: the contender.
        events: how many the log has.
        entities: how many it has.
        seconds: None: it was left out.
        peak: the most memory that its process held, in MB.
        why: for what reason it was left out.
    """

    workload: str
    name: str
    events: int
    entities: int
    seconds: float | None = None
    peak: float | None = None
    why: str = ""


def taking_part(shape: str, only: Collection[str] = ()) -> list[Contender]:
    """Return the contenders of a shape, in the order in which they run; ``only`` those of some workloads."""
    wanted = {"load", "first", *(only or (contender.workload for contender in CONTENDERS))}
    return [each for each in CONTENDERS if shape in each.shapes and each.workload in wanted]


def measured(found: Input, only: Collection[str] = ()) -> list[Result]:
    """Return the results of all contenders of an input; stop if any two answers of a workload differ.

    Args:
        found: the input.
        only: the workloads asked for, beside the loading and the first question, which all others need.
    """
    mine = taking_part(found.about["shape"], only)
    results = [result for contender in mine for result in _results(contender, found)]
    compare(mine, found)
    return results


def measured_as_of(found: Input) -> Iterator[Result]:
    """Yield ours and DuckDB's results for one workload only: memory at a fixed number of entities."""
    for before in ("ours:pull", "ours:as_of"):
        _child(found, before, "once")
    fixed = [each for each in CONTENDERS if each.workload == "as_of" and each.name in ("DuckDB", OURS)]
    for contender in fixed:
        [result] = _results(contender, found)
        yield Result("fixed", result.name, result.events, result.entities, result.seconds, result.peak)
    compare(fixed, found)


def _results(contender: Contender, found: Input) -> list[Result]:
    about = found.about
    events, entities = about["events"], about["entities"]
    if contender.limit and events > contender.limit:
        return [Result(contender.workload, contender.name, events, entities, why=contender.why)]
    if contender.before:
        _child(found, contender.before, "once")
    try:
        told = _child(found, contender.function, contender.how, answer_of(contender, found))
    except subprocess.TimeoutExpired:
        told = {"why": f"takes more than {_PATIENCE} s"}
    print(f"  {events:,} events: {contender.workload}, {contender.name}", file=sys.stderr)
    if why := told.get("why"):
        return [Result(contender.workload, contender.name, events, entities, why=why)]
    seconds = told["seconds"] if isinstance(told["seconds"], dict) else {contender.workload: told["seconds"]}
    share = len(found.asked) if contender.each else 1
    return [
        Result(workload, contender.name, events, entities, each / share, told["peak"])
        for workload, each in seconds.items()
    ]


def _child(found: Input, function: str, how: str, answer: Path | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.measure", str(found.folder), function, how]
    command += [str(answer)] if answer else []
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=_PATIENCE)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def answer_of(contender: Contender, found: Input) -> Path:
    """Return the file for a contender's answer."""
    return found.folder / f"{contender.workload}.{contender.key}.answer.parquet"


def compare(contenders: Iterable[Contender], found: Input) -> None:
    """Stop unless all contenders of a workload gave the same answer, to the cent."""
    expected: dict[str, Contender] = {}
    for contender in contenders:
        if not contender.compared or not answer_of(contender, found).exists():
            continue
        other = expected.setdefault(contender.workload, contender)
        if differs := differences(answer_of(other, found), answer_of(contender, found), some=contender.some):
            raise SystemExit(f"{contender.workload}: {other.name} and {contender.name} differ in {differs}")
