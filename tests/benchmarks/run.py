"""A run: every contender of every workload on one input, each in a process of its own; answers are compared."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.answers import differences
from tests.benchmarks.contenders import CONTENDERS, OURS, Contender
from tests.benchmarks.measure import LONG
from tests.benchmarks.workload import Input

__all__ = [
    "FIGURES",
    "TURNS",
    "Result",
    "answer_of",
    "compare",
    "measured",
    "measured_as_of",
    "taking_part",
]

_PATIENCE: Final = 300
"""Seconds that a contender may take for all its questions."""
FIGURES: Final = 5_000_000
"""The number of events that the figures are for."""
TURNS: Final = 3
"""How often the contenders are measured there."""
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


def measured(found: Input, only: Collection[str] = (), *, turns: int = 1) -> list[Result]:
    """Return the results of all contenders of an input; stop if any two answers of a workload differ.

    Args:
        found: the input.
        only: the workloads asked for, beside the loading and the first question, which all others need.
        turns: how often the contenders of a workload are measured, one after the other; the best counts. Where
            a machine is slow for some seconds, it is not one contender's bad luck.
    """
    mine = taking_part(found.about["shape"], only)
    workloads = groupby(mine, key=lambda contender: contender.workload)
    results = [result for _, group in workloads for result in _in_turns(list(group), found, turns)]
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


def _in_turns(contenders: Sequence[Contender], found: Input, turns: int) -> Iterator[Result]:
    """Yield the best results of a workload's contenders; those that take long have one turn."""
    best = [_results(contender, found) for contender in contenders]
    for _ in range(turns - 1):
        for place, contender in enumerate(contenders):
            if contender.how == "warm" and all((each.seconds or LONG) < LONG for each in best[place]):
                again = _results(replace(contender, before=None), found)
                best[place] = [_better(*pair) for pair in zip(best[place], again, strict=True)]
    return chain.from_iterable(best)


def _better(one: Result, other: Result) -> Result:
    """Return the faster result, with the peak of both."""
    peak = max(each.peak or 0 for each in (one, other))
    return replace(min(one, other, key=lambda each: each.seconds or LONG), peak=peak)


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
