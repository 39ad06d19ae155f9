"""Run every contender of every workload on one input, each in its own process, and compare the answers."""

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
    "child",
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
"""How often each contender is measured at that size."""
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Result:
    """The measured time and memory of a contender.

    Args:
        workload: the key of the workload.
        name: the name of the contender.
        events: number of events of the log.
        entities: number of its entities.
        seconds: the time; None if the contender was left out.
        peak: the peak memory of its process, in MB.
        why: the reason why the contender was left out.
    """

    workload: str
    name: str
    events: int
    entities: int
    seconds: float | None = None
    peak: float | None = None
    why: str = ""


def taking_part(shape: str, only: Collection[str] = ()) -> list[Contender]:
    """Return the contenders of a shape in the order in which they run; ``only`` limits the workloads."""
    wanted = {"load", "first", *(only or (contender.workload for contender in CONTENDERS))}
    return [each for each in CONTENDERS if shape in each.shapes and each.workload in wanted]


def measured(found: Input, only: Collection[str] = (), *, turns: int = 1) -> list[Result]:
    """Return the results of all contenders of an input; stop if any two answers of a workload differ.

    Args:
        found: the input.
        only: the workloads to run, next to loading and the first question, which all others need.
        turns: how often the contenders of a workload are measured, one after the other. The best turn counts, so
            that some slow seconds of the machine affect no single contender.
    """
    mine = taking_part(found.about["shape"], only)
    workloads = groupby(mine, key=lambda contender: contender.workload)
    results = [result for _, group in workloads for result in _in_turns(list(group), found, turns)]
    compare(mine, found)
    return results


def measured_as_of(found: Input) -> Iterator[Result]:
    """Yield the results of this project and DuckDB for `as_of` at a fixed number of entities."""
    for before in ("by_eventsource:pull", "by_eventsource:as_of"):
        child(found, before, how="once")
    fixed = [each for each in CONTENDERS if each.workload == "as_of" and each.name in ("DuckDB", OURS)]
    for contender in fixed:
        [result] = _results(contender, found)
        yield Result("fixed", result.name, result.events, result.entities, result.seconds, result.peak)
    compare(fixed, found)


def _in_turns(contenders: Sequence[Contender], found: Input, turns: int) -> Iterator[Result]:
    """Yield the best results of a workload's contenders; slow contenders have one turn."""
    best = [_results(contender, found) for contender in contenders]
    for _ in range(turns - 1):
        for index, contender in enumerate(contenders):
            if contender.how == "warm" and all((each.seconds or LONG) < LONG for each in best[index]):
                again = _results(replace(contender, before=None), found)
                best[index] = [_better(*pair) for pair in zip(best[index], again, strict=True)]
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
        child(found, contender.before, how="once")
    try:
        measured = child(found, contender.function, how=contender.how, answer=answer_of(contender, found))
    except subprocess.TimeoutExpired:
        measured = {"why": f"takes more than {_PATIENCE} s"}
    print(f"  {events:,} events: {contender.workload}, {contender.name}", file=sys.stderr)
    if why := measured.get("why"):
        return [Result(contender.workload, contender.name, events, entities, why=why)]
    seconds = (
        measured["seconds"] if isinstance(measured["seconds"], dict) else {contender.workload: measured["seconds"]}
    )
    share = len(found.asked) if contender.each else 1
    return [
        Result(workload, contender.name, events, entities, each / share, measured["peak"])
        for workload, each in seconds.items()
    ]


def child(found: Input, function: str, *, how: str, answer: Path | None = None) -> dict[str, Any]:
    """Run a function of a contender in a process of its own; return what `tests.benchmarks.measure` prints.

    Args:
        found: the input.
        function: ``module:function``.
        how: ``once``, ``warm`` or ``itself``.
        answer: the file that the answer is written to.
    """
    command = [sys.executable, "-m", "tests.benchmarks.measure", str(found.folder), function, how]
    command += [str(answer)] if answer else []
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=_PATIENCE)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def answer_of(contender: Contender, found: Input) -> Path:
    """Return the file of a contender's answer."""
    return found.folder / f"{contender.workload}.{contender.key}.answer.parquet"


def compare(contenders: Iterable[Contender], found: Input) -> None:
    """Stop if two contenders of a workload gave different answers."""
    expected: dict[str, Contender] = {}
    for contender in contenders:
        if not contender.compared or not answer_of(contender, found).exists():
            continue
        other = expected.setdefault(contender.workload, contender)
        if differs := differences(answer_of(other, found), answer_of(contender, found), some=contender.some):
            raise SystemExit(f"{contender.workload}: {other.name} and {contender.name} differ in {differs}")
