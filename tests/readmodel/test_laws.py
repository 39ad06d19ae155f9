"""Law 7 of the specification, for random logs and models."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventsource import Log
from eventsource.errors import EventsourceWarning
from eventsource.plan import Plan, Rule
from eventsource.readmodel import ReadModel, _tables_of_model
from tests.conformance.answers import alike, answer_of, is_refused, timeline
from tests.conformance.stored import ALWAYS, BUSY, busy_events, stored_timeline
from tests.conformance.strategies import GONE, INSTANTS, World, faulty_worlds, worlds
from tests.laws import examples
from tests.logs import log_of
from tests.readmodel.readmodelkit import rows_of

NUMBERS = count()
_EVENT = {"stream": "a", "type": "Paid", "occurred_at": INSTANTS[0], "recorded_at": None, "version": None}
NARROWED = World(
    [
        _EVENT | {"event_id": "e0", "data": {"n": 0.5}},
        _EVENT | {"event_id": "k0", "type": "$corrected", "data": {"event_id": "e0", "data": {"n": 1}}},
    ],
    Plan(name="Random", rules=(Rule(name="f0", op="total", of="n"),), key={GONE: "gone"}),
)
"""A correction takes the last fraction of a column away."""
MODES = st.sampled_from(["raise", "skip"])


@contextmanager
def file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder)}/models.db"


def keeps_up(world: World, cuts: list[int], url: str, *, history: bool) -> None:
    """Refresh after each arrival of a part of a log; compare with the model's own answers."""
    table = f"random {next(NUMBERS)}"
    before: dict[str, list[Any]] = {}
    for first, last in pairwise([0, *sorted(cuts), len(world.events)]):
        now = timeline(world.events[:last], world.plan)
        model = ReadModel(now, url, table=table, history=history)
        done = answer_of(lambda _, m=model: m.refresh(), now)  # type: ignore[misc]  # a bound variable
        expected = answer_of(lambda t: [t.as_of(), t.history()][: 1 + history], now)
        assert is_refused(done) == is_refused(expected)
        if is_refused(done):
            return
        assert done.position == now.log.head
        after = {
            name: rows_of(url, name, frame)
            for name, frame in zip([table, f"{table}_history"], expected, strict=False)
        }
        for name, frame in zip(after, expected, strict=True):
            assert alike(after[name], frame.to_dicts(), typed=False), (first, name)
        if not done.rebuilt:
            assert (done.written, done.deleted) == _differences(before, after)
        before = after
        assert model.verify().is_empty()
        assert model.lag().events == 0


def _differences(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> tuple[int, int]:
    """Return how many rows are new or changed, and how many are gone."""
    written = deleted = 0
    for name, rows in after.items():
        old = {(row["entity"], row.get("valid_from")): row for row in before[name]}
        new = {(row["entity"], row.get("valid_from")): row for row in rows}
        written += sum(not alike(row, old.get(key), typed=False) for key, row in new.items())
        deleted += len(old.keys() - new.keys())
    return written, deleted


@given(worlds(), st.lists(st.integers(0, 14), max_size=3), st.booleans())
def test_a_refreshed_read_model_equals_the_model(world: World, cuts: list[int], history: bool) -> None:  # noqa: FBT001
    """Law 7: after every refresh the tables are what as_of and history say; only rows that differ were written."""
    with file() as url:
        keeps_up(world, cuts, url, history=history)


def rebuilt_alike(world: World, cuts: list[int], url: str, *, history: bool, faults: Any) -> None:
    """Refresh a table after each arrival, rebuild another one, and compare them, row by row.

    A refresh that a fault refuses leaves the table as it was; one after the correction of that event continues.
    """
    table, position = f"random {next(NUMBERS)}", None
    rows: list[Any] = []
    for last in [*sorted(cuts), len(world.events)]:
        now = timeline(world.events[:last], world.plan).with_faults(faults)
        refreshed = ReadModel(now, url, table=table, history=history)
        done = answer_of(lambda _, m=refreshed: m.refresh(), now)  # type: ignore[misc]  # a bound variable
        again = f"again {next(NUMBERS)}"
        rebuilt = ReadModel(now, url, table=again, history=history)
        other = answer_of(lambda _, m=rebuilt: m.rebuild(), now)  # type: ignore[misc]  # a bound variable
        assert is_refused(done) == is_refused(other)
        if is_refused(done):
            assert refreshed.lag().position == position
            if position is not None:
                assert [stored(url, name) for name in _names(table, history=history)] == rows
            continue
        position = done.position
        assert position == now.log.head
        rows = [stored(url, name) for name in _names(table, history=history)]
        assert alike(rows, [stored(url, name) for name in _names(again, history=history)], typed=False)
        assert refreshed.verify().is_empty()


def _names(table: str, *, history: bool) -> list[str]:
    return [table, f"{table}_history"][: 1 + history]


def stored(url: str, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table as the database has them, sorted.

    A column stays as wide as it was before a correction took its last fraction away: 0.0 is as good as 0.
    """
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        found = [dict(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings()]
    return sorted(found, key=lambda row: (row["entity"], row.get("valid_from", "")))


@given(worlds() | faulty_worlds(), st.lists(st.integers(0, 16), max_size=3), st.booleans(), MODES)
@example(NARROWED, [1], True, "raise")  # noqa: FBT003 - hypothesis passes it by place
@settings(max_examples=examples(20))
def test_a_refresh_equals_a_rebuild(world: World, cuts: list[int], history: bool, faults: Any) -> None:  # noqa: FBT001
    """Law 7, with corrections, versions and faults: what was refreshed step by step is what a rebuild writes."""
    with file() as url, warnings.catch_warnings():
        warnings.simplefilter("ignore", EventsourceWarning)
        rebuilt_alike(world, cuts, url, history=history, faults=faults)


def test_refreshes_start_from_the_snapshots_of_earlier_ones(tmp_path: Path) -> None:
    """Law 7 where states start from snapshots: late events, deletions and lost snapshots change nothing."""
    found = stored_timeline(Log(tmp_path / "log"), BUSY, thresholds=ALWAYS)
    model = ReadModel(found, f"sqlite:///{tmp_path}/models.db", table="busy")
    taken = 0
    with patch.object(_tables_of_model, "_WORTH_A_SNAPSHOT", 64):
        for step, size in enumerate([200, 5, 1, 90, 40, 3, 150, 1]):
            log_of(found).append(busy_events(step, size, start=1000 * step))
            if step == 5:
                found.prune()
            assert model.refresh().position == found.log.head
            assert model.verify().is_empty()
            taken = max(taken, found.snapshots().height)
        assert model.rebuild().written == found.as_of(snapshots=False).height
    assert taken > 1


@given(data=st.data())
@settings(max_examples=examples(12))
def test_a_refreshed_read_model_equals_the_model_in_postgresql(data: st.DataObject, law_url: str) -> None:
    """Law 7, in PostgreSQL."""
    keeps_up(data.draw(worlds()), data.draw(st.lists(st.integers(0, 14), max_size=2)), law_url, history=True)
