"""Logs of unusual shapes: many small parts give the answers of a full fold."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventsource import Log
from eventsource.index import Sizes
from eventsource.plan import Plan
from tests.conformance.stored import BUSY, NamedQuestion, busy_events, busy_questions, reference, stored_timeline

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

SIZES = [
    Sizes(in_memory=0, max_run=100, part=25, max_sort=60),
    Sizes(in_memory=0, max_run=1, part=1, max_sort=1, rewrite_share=0.01),
]
STRANGE = ["", "\0", "\0\0", "a\0b", " ", "Łódź", "🙂", "\U0010ffff", "zz", "ß", "e\u0301", "é", *"p" * 300]
LONG = ["p" * 300 + end for end in ("", "a", "b", "ż")]

Events = list[dict[str, Any]]


def _named(name: Callable[[int], str], count: int = 240) -> Events:
    return [event | {"stream": name(number)} for number, event in enumerate(busy_events(5, count))]


SHAPES: dict[str, Events] = {
    "one huge entity": _named(lambda n: "huge" if n % 12 else f"t{n}"),
    "two huge entities alone": _named(lambda n: f"h{n % 2}"),
    "many tiny entities": _named(lambda n: f"t{n * 7919 % 240:05}"),
    "uuids": _named(lambda n: str(uuid.UUID(int=(n % 60) * 2**120 + n % 60))),
    "all of one moment": [event | {"occurred_at": "2024-01-01T00:00:00Z"} for event in busy_events(5, 240)],
    "backwards": [
        event | {"occurred_at": f"2024-01-{28 - n // 10:02}T00:00:00Z"}
        for n, event in enumerate(busy_events(5, 240))
    ],
    "strange ids": _named(lambda n: STRANGE[n * 7 % len(STRANGE)]),
    "long ids": _named(lambda n: LONG[n * 7 % len(LONG)]),
    "nothing relevant": [event | {"type": "Unheard"} for event in busy_events(5, 240)],
    "nothing": [],
    "one event": busy_events(5, 1),
}


@pytest.mark.parametrize("sizes", SIZES, ids=["small", "tiny"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_log_of_any_shape(tmp_path: Path, shape: str, sizes: Sizes) -> None:
    """After most events, and again after the rest, answers are those of a full fold."""
    events = SHAPES[shape]
    _assert_grows(tmp_path, events if sizes.part > 1 else events[:24], BUSY, sizes, busy_questions())


@pytest.mark.slow
def test_hundreds_of_types_and_members(tmp_path: Path) -> None:
    """300 event types and 200 members, each seen rarely, some only in the tail and of another kind there."""
    events = [
        event | {"type": f"T{n * 7 % 300}", "data": {f"m{n % 200}": n if n < 250 else str(n), f"m{n % 13}": None}}
        for n, event in enumerate(busy_events(6, 300))
    ]
    kinds = [f"T{number}" for number in range(300)]
    members = [{"name": f"f{n}", "op": "latest", "events": kinds[n::5], "of": f"m{n}"} for n in range(200)]
    counts = {"name": "events", "op": "count", "events": kinds}
    plan = Plan.from_dict({"name": "Wide", "fields": [*members, counts]})
    _assert_grows(tmp_path, events, plan, SIZES[0], [NamedQuestion("as_of", lambda t: t.as_of())])


def _assert_grows(
    tmp_path: Path, events: Events, plan: Plan, sizes: Sizes, questions: list[NamedQuestion]
) -> None:
    log = Log(tmp_path / "log")
    timeline, most = stored_timeline(log, plan, sizes), len(events) * 4 // 5
    for seen, part in ((events[:most], events[:most]), (events, events[most:])):
        if part:
            log.append(part)
        expected = reference(seen, plan)
        for question in questions:
            question.same(timeline, expected)
    for question in questions:
        question.same(stored_timeline(log, plan, sizes), expected)
