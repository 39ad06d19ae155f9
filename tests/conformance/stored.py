"""Timelines over real logs in folders, with indexes in files however small, beside the slow, obvious engine."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import Phase, settings
from hypothesis import strategies as st

from eventsource import Log
from eventsource.fold import ReferenceEngine
from eventsource.index import Index, Sizes
from eventsource.plan import Plan
from eventsource.snapshots import SnapshotPolicy, SnapshotStore, Thresholds
from eventsource.testing import MemoryLog
from eventsource.timeline import Timeline, Tuning
from tests.conformance.answers import answer_of, assert_same, has_fixed_dtypes, is_refused, timeline
from tests.conformance.choices import Choices, choices
from tests.conformance.random_logs import ZONES, moment_of
from tests.conformance.strategies import (
    ABSENT,
    INSTANTS,
    KINDS,
    MEMBERS,
    STREAMS,
    World,
    logs,
    plans,
    with_corrections,
)
from tests.laws import examples

IDS = (*STREAMS, "7", "new", "nobody")

Question = Callable[[Timeline], Any]


def on_files(law: Callable[..., None]) -> Callable[..., None]:
    """Try a law with few examples and shrink none: each writes logs and indexes, which would take minutes.

    It is a function, because a conftest may import this module before ``--hypothesis-profile`` is known.
    """
    return settings(max_examples=examples(10), phases=(Phase.explicit, Phase.reuse, Phase.generate))(law)


def sizes() -> st.SearchStrategy[Sizes]:
    """Return sizes at which a few events fill many files, and each tail joins, splits and merges some."""
    return st.builds(
        Sizes,
        in_memory=st.just(0),
        max_run=st.sampled_from([1, 3, 8, 1000]),
        part=st.sampled_from([1, 2, 5, 1000]),
        max_sort=st.sampled_from([1, 4, 1000]),
        rewrite_share=st.sampled_from([0.01, 1 / 16, 0.5, 2.0]),
        correction=st.sampled_from([0, 1, 5_000]),
    )


ALWAYS = Thresholds(min_entities=0, max_share=1e9)
"""Every snapshot that can be used is used, also where this takes longer."""


def stored_timeline(
    log: Log,
    plan: Plan,
    sizes: Sizes | None = None,
    policy: SnapshotPolicy | None = None,
    thresholds: Thresholds | None = None,
) -> Timeline:
    """Return a timeline whose index has files of the given sizes; None: the usual ones."""
    tuning = Tuning(index=sizes or Sizes(), snapshots=thresholds or Thresholds())
    return Timeline(log, plan, snapshots=policy, tuning=tuning)


def index_of(timeline: Timeline) -> Index:
    """Return the index of a timeline, as another process would open it."""
    return Index(timeline.log, timeline.plan, sizes=timeline.tuning.index)


def snapshots_of(timeline: Timeline) -> SnapshotStore:
    """Return the snapshot files of a timeline, as another process would read them."""
    return SnapshotStore(timeline.log, timeline.plan)


def reference(events: list[dict[str, Any]], plan: Plan) -> Timeline:
    """Return a timeline that has no caches, and folds one event after the other."""
    return timeline(events, plan, ReferenceEngine())


@contextmanager
def temporary_timeline(
    plan: Plan,
    sizes: Sizes | None = None,
    policy: SnapshotPolicy | None = None,
    thresholds: Thresholds | None = None,
) -> Iterator[Timeline]:
    """Lend a timeline over an empty log in a folder."""
    with TemporaryDirectory() as folder:
        yield stored_timeline(Log(Path(folder) / "log"), plan, sizes, policy, thresholds)


def reopen(timeline: Timeline, policy: SnapshotPolicy | None = None) -> Timeline:
    """Return what another process would have: the same log, nothing in memory."""
    log = Log(timeline.log.path)
    return Timeline(log, timeline.plan, snapshots=policy, tuning=timeline.tuning)


def delete_derived(timeline: Timeline, folder: str = "index") -> None:
    """Delete a derived folder of the log."""
    shutil.rmtree(Path(timeline.log.path) / folder, ignore_errors=True)


@dataclass(frozen=True)
class NamedQuestion:
    """A question.

    Args:
        name: what it is called.
        ask: asks a timeline.
        typed: whether its dtypes are fixed.
        partial: whether it may be answered although events or fields that it does not need cannot be folded.
    """

    name: str
    ask: Question
    typed: bool = True
    partial: bool = False

    def same(self, found: Timeline, expected: Timeline) -> None:
        """Assert that both give the same answer."""
        answers = [answer_of(self.ask, of) for of in (found, expected)]
        if self.partial and is_refused(answers[1]):
            return
        assert_same(*answers, dtypes=self.typed and has_fixed_dtypes(found.plan))


def views(head: int) -> st.SearchStrategy[dict[str, Any]]:
    """Return what questions see of a log: ``known_at`` and ``upto``."""
    return _OF_VIEW.map(lambda choose: _view(choose, head))


def _view(choose: Choices, head: int) -> dict[str, Any]:
    known_at = moment_of(choose) if choose.one_of(_ONE_OF_THREE) else None
    return {"known_at": known_at, "upto": choose.one_of(range(head + 1)) if choose.one_of(_ONE_OF_THREE) else None}


_ONE_OF_THREE = (False, False, True)
_HALF = (False, True)
_OF_VIEW = choices(6)
_OF_QUESTION = choices(48)
_DAYS = [date(2024, 3, 29) + timedelta(days=number) for number in range(7)]
_ASKED = (*IDS, None)


def questions(plan: Plan, head: int, view: dict[str, Any] | None = None) -> st.SearchStrategy[NamedQuestion]:
    """Return any question of a timeline, with any view, or with the given one."""
    return _OF_QUESTION.map(lambda choose: _question(choose, plan, head, view))


def _question(choose: Choices, plan: Plan, head: int, view: dict[str, Any] | None) -> NamedQuestion:
    view = _view(choose, head) if view is None else view
    zoned = {**view, "tz": choose.one_of(ZONES)}
    when, other = moment_of(choose) if choose.one_of(_HALF) else None, moment_of(choose)
    field, entity = choose.one_of(plan.fields), choose.one_of(IDS) if choose.one_of(_HALF) else None
    many = [moment_of(choose) for _ in range(choose.one_of(range(4)))]
    days = sorted(choose.one_of(_DAYS) for _ in range(2))
    rows = [(choose.one_of(_ASKED), choose.one_of(INSTANTS)) for _ in range(choose.one_of(range(6)))]
    measures = {"n": pl.len(), "some": pl.col(field).count()}
    span: dict[str, Any] = {"every": "1d", "since": days[0], "until": days[1]}
    return choose.one_of(
        [
            NamedQuestion("as_of", lambda t: t.as_of(when, **zoned)),
            NamedQuestion("many", lambda t: t.as_of(many, **zoned)),
            NamedQuestion("one", lambda t: t.as_of(when, entity=entity, **zoned)),
            NamedQuestion("history", lambda t: t.history(entity, **view)),
            NamedQuestion("changes", lambda t: t.changes(field, since=when, **zoned), partial=True),
            NamedQuestion("diff", lambda t: t.diff(other, when or other, mixed="object", **zoned), typed=False),
            NamedQuestion(
                "explain", lambda t: t.explain(entity or "a", when, mixed="object", **zoned), typed=False
            ),
            NamedQuestion("join", lambda t: t.join(_asked(rows), on="id", at="when", **zoned), typed=False),
            NamedQuestion("trend", lambda t: t.trend(measures, **span, **zoned)),
            NamedQuestion("replay", lambda t: t.replay(entity or "a", **view).to_frame(), typed=False),
            NamedQuestion("entities", lambda t: t.entities(**view).to_frame()),
        ]
    )


def _asked(rows: list[tuple[str | None, datetime]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"id": pl.String(), "when": pl.Datetime("us", "UTC")}, orient="row")


def state_questions(head: int) -> st.SearchStrategy[NamedQuestion]:
    """Return a question for the states at one moment, with any view: what snapshots answer."""
    return _OF_QUESTION.map(lambda choose: _state_question(choose, head))


def _state_question(choose: Choices, head: int) -> NamedQuestion:
    when, tz = moment_of(choose) if choose.one_of(_HALF) else None, choose.one_of(ZONES)
    limits: list[dict[str, Any]] = [{"known_at": moment_of(choose)}, {"upto": choose.one_of(range(head + 1))}]
    view = choose.one_of([{}, {}, *limits])
    ids = [choose.one_of(IDS) for _ in range(choose.one_of(range(5)))]
    some = choose.one_of([None, ids, set(ids)])
    return NamedQuestion("as_of", lambda t: t.as_of(when, entity=some, tz=tz, **view), partial=True)


_OF_KINDS = choices(2 * len(MEMBERS))


@st.composite
def changing_worlds(draw: st.DrawFn, /, **model: Any) -> World:
    """Return a log in two parts, in the second of which members may hold other kinds of values."""
    choose = draw(_OF_KINDS)
    early = {name: choose.one_of(sorted(KINDS)) for name in MEMBERS}
    late = {name: choose.one_of([kind, kind, *KINDS]) for name, kind in early.items()}
    first, second = draw(logs(early)), draw(logs(late))
    renamed = [event | {"event_id": f"late {event['event_id']}"} for event in second]
    return World(draw(with_corrections(first + renamed, late, most=5)), draw(plans(early, **model)))


def arrivals(world: World, cuts: list[int]) -> Iterator[list[dict[str, Any]]]:
    """Yield the events in parts, second arrivals left out."""
    events = world.without(lambda _: True)
    bounds = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    for low, high in pairwise(bounds):
        yield events[low:high]


def busy_events(seed: int, count: int, streams: int = 30, *, start: int = 0) -> list[dict[str, Any]]:
    """Return many events that `BUSY` fits, one in ten of them late."""
    chance = random.Random(seed)
    return [_busy(chance, number, streams) for number in range(start, start + count)]


def _busy(chance: random.Random, number: int, streams: int) -> dict[str, Any]:
    minute = number if chance.random() > 0.1 else chance.randrange(number + 1)
    at = f"2024-{1 + minute // 43200 % 12:02}-{1 + minute // 1440 % 28:02}T{minute // 60 % 24:02}:{minute % 60:02}"
    members = {"n": chance.randrange(100), "v": chance.choice(["x", "y", None, ABSENT]), "w": chance.random()}
    return {
        "event_id": f"e{number}",
        "stream": f"s{int(streams * chance.random() ** 2)}",
        "version": number * 7 % 5 or None,
        "type": chance.choice(["Opened", "Changed", "Changed", "Paid", "Paid", "Moved", "Closed", "Unheard"]),
        "occurred_at": at,
        "recorded_at": None,
        "data": {name: value for name, value in members.items() if value is not ABSENT},
    }


BUSY = Plan.from_dict(
    {
        "name": "Busy",
        "ignored": ["Unheard"],
        "created": ["Opened", "Changed", "Paid"],
        "deleted": ["Closed"],
        "fields": [
            {"name": "n", "op": "latest", "events": ["Changed", "Opened"], "of": "n"},
            {"name": "v", "op": "first", "events": ["Changed"], "of": "v"},
            {"name": "seen", "op": "latest", "events": ["Moved"]},
            {"name": "paid", "op": "total", "events": ["Paid"], "of": "n"},
            {
                "name": "weight",
                "op": "total",
                "events": ["Paid"],
                "of": "w",
                "dtype": "Decimal(18, 2)",
                "rounding": "half_even",
            },
            {"name": "payments", "op": "count", "events": ["Paid"]},
            {"name": "least", "op": "smallest", "events": ["Paid", "Moved"], "of": "n"},
            {"name": "most", "op": "largest", "events": ["Paid", "Moved"], "of": "w"},
            {"name": "values", "op": "distinct", "events": ["Changed"], "of": "v"},
            {"name": "moved", "op": "flag", "on": ["Moved"], "off": ["Changed"]},
        ],
    }
)


def busy_questions() -> list[NamedQuestion]:
    """Return a question of each kind over `BUSY`."""
    frame = pl.DataFrame({"id": ["s1", "s2", "s1"], "when": ["2024-01-01", "2024-01-01T05:00:00", "2024-02-01"]})
    return [
        NamedQuestion("as_of", lambda t: t.as_of()),
        NamedQuestion("then", lambda t: t.as_of("2024-01-01T03:00:00")),
        NamedQuestion("history", lambda t: t.history()),
        NamedQuestion("changes", lambda t: t.changes("paid")),
        NamedQuestion("join", lambda t: t.join(frame, on="id", at="when")),
        NamedQuestion("entities", lambda t: t.entities().to_frame()),
    ]


def assert_answers(found: Timeline, expected: Timeline) -> None:
    """Assert that all questions over `BUSY` have the same answers."""
    for question, answer in zip(busy_questions(), _answers(expected), strict=True):
        assert_same(answer_of(question.ask, found), answer, dtypes=question.typed and has_fixed_dtypes(found.plan))


_FOLDED: dict[str, list[Any]] = {}


def _answers(expected: Timeline) -> list[Any]:
    """Return the answers to all questions over `BUSY`; the slow engine folds the same events once."""

    def asked() -> list[Any]:
        return [answer_of(question.ask, expected) for question in busy_questions()]

    if not isinstance(expected.log, MemoryLog):
        return asked()
    events = expected.log.scan().collect().write_ipc(None).getvalue()
    key = sha256(events).hexdigest() + expected.plan.fingerprint()
    if key not in _FOLDED:
        _FOLDED[key] = asked()
    return _FOLDED[key]
