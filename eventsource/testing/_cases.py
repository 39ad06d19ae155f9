"""The conformance cases: worked examples of what every answer means, for any engine and any log."""

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from eventsource.errors import FaultError, FaultWarning, UnknownEntityWarning
from eventsource.plan import Plan
from eventsource.timeline import Timeline

__all__ = ["Case", "cases", "mismatches"]

_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Case:
    """One worked example.

    Args:
        name: its name.
        about: the rule that it shows, in words.
        plan: the model.
        events: the events in order of arrival.
        questions: ``ask``, the arguments, and ``expect``, the expected answer.
    """

    name: str
    about: str
    plan: Plan
    events: list[dict[str, Any]]
    questions: list[dict[str, Any]]


def cases(folder: str | Path | None = None) -> list[Case]:
    """Return the cases of a folder of JSON files (default: those of the specification), sorted by name."""
    paths = sorted(Path(folder or Path(__file__).parent / "cases").glob("*.json"))
    return [_case(json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def mismatches(case: Case, timeline: Timeline) -> Iterator[str]:
    """Ask a timeline all questions of a case, and yield a text for each wrong answer.

    Args:
        case: the case.
        timeline: a timeline over its events and its plan, with any engine and any log.
    """
    for question in case.questions:
        found = _answer(timeline, question)
        if not _same(found, question["expect"]):
            asked = {part: value for part, value in question.items() if part != "expect"}
            yield f"{case.name}: {asked}\n  expected {question['expect']}\n  got      {found}"


def _answer(timeline: Timeline, question: Mapping[str, Any]) -> Any:
    """Return the answer to a question as plain data; that of one that fails names the event: ``{"fault": id}``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FaultWarning)  # a question that asks to skip knows it
            warnings.simplefilter("ignore", UnknownEntityWarning)  # a case may ask for one on purpose
            return _ASK[question["ask"]](timeline.with_faults(question.get("faults", "raise")), question)
    except FaultError as error:
        return {"fault": error.event_id}


def _case(case: Mapping[str, Any]) -> Case:
    plan = Plan.from_dict(case["model"])
    return Case(case["name"], case["about"], plan, case["events"], case["questions"])


def _view(question: Mapping[str, Any], *more: str) -> dict[str, Any]:
    return {name: question[name] for name in ("known_at", "upto", *more) if name in question}


def _as_of(timeline: Timeline, question: Mapping[str, Any]) -> Any:
    return _rows(timeline.as_of(question.get("when"), **_view(question, "tz")))


def _history(timeline: Timeline, question: Mapping[str, Any]) -> Any:
    return _rows(timeline.history(question.get("entity"), **_view(question)))


def _changes(timeline: Timeline, question: Mapping[str, Any]) -> Any:
    return _rows(timeline.changes(question["field"], **_view(question, "since", "until", "tz")))


def _diff(timeline: Timeline, question: Mapping[str, Any]) -> Any:
    return _rows(timeline.diff(question["a"], question["b"], mixed="object", **_view(question, "tz")))


def _explain(timeline: Timeline, question: Mapping[str, Any]) -> Any:
    explained = timeline.explain(question["entity"], question.get("when"), mixed="object", **_view(question, "tz"))
    expected = question["expect"]
    return _rows(explained.select(list(expected[0])) if isinstance(expected, list) else explained)


def _join(timeline: Timeline, question: Mapping[str, Any]) -> Any:
    rows = pl.DataFrame(question["rows"]).with_row_index("row")
    view = _view(question, "tz") | {name: name for name in rows.columns if name == "known_at"}
    joined = timeline.join(rows, on="entity", at="at", **view)
    states = timeline.plan.fields
    exists = _existing(timeline, question)
    found = _rows(joined.select("entity", *states))
    return [state if here else None for state, here in zip(found, exists, strict=True)]


def _existing(timeline: Timeline, question: Mapping[str, Any]) -> list[bool]:
    """Say for each row whether its entity exists at its moment; in a joined row all null may mean either."""
    view = _view(question, "tz")
    return [
        timeline.as_of(row["at"], entity=row["entity"], **view | _view(row)).height > 0 for row in question["rows"]
    ]


_ASK: Mapping[str, Callable[[Timeline, Mapping[str, Any]], Any]] = {
    "as_of": _as_of,
    "history": _history,
    "changes": _changes,
    "diff": _diff,
    "explain": _explain,
    "join": _join,
}


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


def _same(found: Any, expected: Any) -> bool:
    """Compare an answer with plain JSON: times as instants, floats nearly."""
    if isinstance(found, datetime | date):
        return isinstance(expected, str) and datetime.fromisoformat(expected) == found
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        return list(found) == list(expected) and all(_same(found[name], expected[name]) for name in found)
    if isinstance(found, Sequence) and not isinstance(found, str) and isinstance(expected, Sequence):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(found, float | Decimal) and isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return bool(found == expected)
