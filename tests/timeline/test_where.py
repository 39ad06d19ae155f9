"""Conditions on fields: which events count."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import FoldError, ModelError, UnknownNameWarning
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.plan import Plan, Rule
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.conformance.stored import ALWAYS, temporary_timeline
from tests.logs import log_of

ENGINES: list[Engine] = [PolarsEngine(), ReferenceEngine()]
ABSENT = object()


def at(day: int) -> datetime:
    return datetime(2024, 1, day, tzinfo=UTC)


def met(where: pl.Expr, *values: Any, types: tuple[str, ...] = ("Seen",)) -> list[int]:
    """Return how often a condition over ``v`` is met, of an entity with one event per value."""
    payloads: list[dict[str, Any]] = [{} if value is ABSENT else {"v": value} for value in values]
    events = [event("Seen", f"s{n:02}", at=at(1), **payload) for n, payload in enumerate(payloads)]
    plan = Plan("M", (Rule(name="f", op="count", events=types, where=where),))
    fast, slow = (Timeline(MemoryLog(events), plan, engine=engine).as_of()["f"].to_list() for engine in ENGINES)
    assert fast == slow
    return fast


V = pl.col("v")


@pytest.mark.parametrize(
    ("where", "values", "expected"),
    [
        (V == "x", ["x", "y", None, ABSENT], [1, 0, 0, 0]),
        (V > 5, [7, 5, 5.5, None, ABSENT, 2**63, -(2**100)], [1, 0, 1, 0, 0, 1, 0]),
        (V.is_null(), ["x", None, ABSENT, 1, [1]], [0, 1, 1, 0, 0]),
        (V.is_not_null(), [{"k": 1}, [], False, ABSENT], [1, 1, 1, 0]),
        (V, [True, False, None, ABSENT], [1, 0, 0, 0]),
        (~V, [True, False, None], [0, 1, 0]),
        (V.str.contains("a"), ["ab", "b", None, ["a"]], [1, 0, 0, 1]),
        (V.is_in(["x", "y"]), ["x", "z", None, ABSENT], [1, 0, 0, 0]),
        (V.fill_null("z") == "z", ["z", "x", None, ABSENT], [1, 0, 1, 1]),
        (V.cast(pl.String) == "7", [7, "7", 7.5, True, None], [1, 1, 0, 0, 0]),
        (
            V.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False).dt.year() > 2023,
            ["2024-05-01T00:00:00", "x", None],
            [1, 0, 0],
        ),
        ((V == "x") & (pl.col("w.k[0]") > 2), ["x"], [0]),
        (pl.lit(value=True), [1, "x"], [1, 1]),
        (pl.col("@type") == "Seen", [1, ABSENT], [1, 1]),
        (pl.col("@position") > 0, [1, 1], [0, 1]),
    ],
)
def test_an_event_counts_if_it_meets_the_condition(where: pl.Expr, values: list[Any], expected: list[int]) -> None:
    """Each event by itself: the kinds of other events' values decide nothing."""
    assert met(where, *values) == expected
    assert [met(where, value)[0] for value in values if where.meta.root_names() == ["v"]] in (expected, [])
    assert met(where, *values, types=()) == expected


@pytest.mark.parametrize(
    ("where", "value"),
    [(V > 5, "7"), (V == "7", 7), (V.cast(pl.Int64) > 5, "x"), (V, "true"), (V.str.len_chars() > 1, 5)],
)
def test_an_event_for_which_it_cannot_be_computed_is_an_error(where: pl.Expr, value: Any) -> None:
    """Mixed kinds do not fail in silence; other entities and earlier moments keep their answers."""
    events = [
        event("Seen", "a", at=at(1), v=None),
        event("Seen", "b", at=at(2), v=value),
        event("Other", "c", at=at(2), v=value),
    ]
    plan = Plan("M", (Rule(name="f", op="count", events=("Seen",), where=where),))
    for engine in ENGINES:
        timeline = Timeline(MemoryLog(events), plan, engine=engine)
        with pytest.raises(FoldError, match=r"position 1.*can be computed for"):
            timeline.as_of()
        with pytest.raises(FoldError):
            timeline.history("b")
        assert timeline.as_of("2024-01-01").rows() == [("a", 0)]
        assert timeline.history("a")["f"].to_list() == [0]
        assert timeline.as_of(upto=1).rows() == [("a", 0)]


def test_one_value_that_cannot_be_cast_spoils_no_other() -> None:
    """Values of one kind are computed together, and one by one only where that fails."""
    events = [event("Seen", f"s{n}", at=at(1 if n != 7 else 2), v=str(n) if n != 7 else "x") for n in range(20)]
    plan = Plan("M", (Rule(name="f", op="count", events=("Seen",), where=V.cast(pl.Int64) > 5),))
    for engine in ENGINES:
        timeline = Timeline(MemoryLog(events), plan, engine=engine)
        assert timeline.as_of("2024-01-01")["f"].sum() == 13
        with pytest.raises(FoldError, match="position 7"):
            timeline.as_of()


class Order(es.Model, deleted="Gone"):
    """A condition on every operation."""

    big = pl.col("amount") > 10
    last = es.latest("Paid", of="amount", where=big)
    first = es.first("Paid", of="amount", where=big)
    when = es.latest("Paid", where=big)
    spent = es.total("Paid", of="amount", where=big)
    mean = es.mean("Paid", of="amount", where=big)
    least = es.smallest("Paid", of="amount", where=big)
    most = es.largest("Paid", of="amount", where=big)
    all_of = es.distinct("Paid", of="amount", where=big)
    paid = es.flag(on="Paid", off="Refunded", where=big)
    status = es.states("new", [("new", "Paid", "paid"), ("paid", "Refunded", "back")], where=big)
    story = es.reduce(lambda state, e: state + e.data["amount"], "Paid", initial=0, dtype=pl.Int64, where=big)
    any_type = es.count(where=pl.col("@type").str.starts_with("P"))
    deep = es.count("Paid", where=pl.col("items[0].sku") == "a")


EVENTS = [
    event("Paid", "a", at=at(1), amount=5, event_id="e1"),
    event("Paid", "a", at=at(2), amount=12, items=[{"sku": "a"}], event_id="e2"),
    event("Refunded", "a", at=at(3), amount=1, event_id="e3"),
    event("Paid", "b", at=at(3), amount=None, event_id="e4"),
    event("Packed", "b", at=at(4), event_id="e5"),
    event("Paid", "a", at=at(5), amount=11, event_id="e6"),
    event("Refunded", "a", at=at(6), amount=20, event_id="e7"),
]


def test_every_operation_takes_a_condition() -> None:
    """An event that does not meet it changes nothing of the field, but is relevant: the entity exists."""
    for engine in ENGINES:
        timeline = Timeline(MemoryLog(EVENTS), Order, engine=engine)
        a, b = timeline.as_of("2024-01-05").rows()
        assert a == ("a", 11, 12, at(5), 23, 11.5, 11, 12, [11, 12], True, "paid", 23, 3, 1)
        assert b == ("b", None, None, None, 0, None, None, None, [], False, "new", 0, 2, 0)
        assert timeline.as_of("2024-01-01", entity="a")["last"].to_list() == [None]
        assert timeline.as_of(entity="a").select("paid", "status").rows() == [(False, "back")]
        assert timeline.changes("spent")["position"].to_list() == [1, 5]


@pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
def test_files_and_snapshots_give_the_same_answers() -> None:
    """A condition is computed when events are decoded, in whatever parts they arrive."""
    sizes = es.index.Sizes(in_memory=0, max_run=3, part=2, max_sort=3)
    policy = es.SnapshotPolicy(events=1, every="1d", keep=2)
    with temporary_timeline(Order.plan, sizes, policy, ALWAYS) as timeline:
        for low, high in ((0, 2), (2, 5), (5, 7)):
            log_of(timeline).append(EVENTS[low:high])
            timeline.as_of()
            timeline.as_of("2024-01-02")
        plain = Timeline(MemoryLog(EVENTS), Order, engine=ReferenceEngine())
        assert timeline.as_of().equals(plain.as_of())
        assert timeline.as_of("2024-01-03").equals(plain.as_of("2024-01-03"))
        assert timeline.history().equals(plain.history())


def test_a_fault_is_found_in_files_too() -> None:
    """Also where the question sees no other event of the type."""
    plan = Plan("M", (Rule(name="f", op="count", events=("Seen",), where=V > 5),))
    sizes = es.index.Sizes(in_memory=0, max_run=3, part=2, max_sort=3)
    with temporary_timeline(plan, sizes) as timeline:
        log_of(timeline).append([event("Seen", "a", at=at(1), v="x"), event("Seen", "b", at=at(2), v=7)])
        with pytest.raises(FoldError, match="position 0"):
            timeline.as_of("2024-01-01")
        with pytest.raises(FoldError, match="position 0"):
            timeline.as_of(upto=1)
        assert timeline.as_of(entity="b").rows() == [("b", 1)]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("status == 'x'", "expected a Polars expression"),
        (V.mean() < V, "reads other events too"),
        (V.shift() == 1, "reads other events too"),
        (pl.all() == 1, "expected the members by their names"),
        (pl.col("^a.*$") == 1, "expected the members by their names"),
        (pl.any_horizontal(pl.col(pl.Boolean)), "expected the members by their names"),
        (V.is_in(pl.col("w")), "is_in searches 'w' in all events"),
        (~((V == 1) | V.is_in(pl.col("w"))), "is_in searches 'w' in all events"),
        (V + 1, "expected a where that is true or false"),
        (V.str.to_uppercase(), "expected a where that is true or false"),
        (pl.col("a..b") == 1, "expected a dotted path in where, got 'a..b'"),
    ],
)
def test_other_expressions_are_refused(where: Any, message: str) -> None:
    """At the class statement."""
    with pytest.raises(ModelError, match=message):
        Rule(name="f", op="count", events=("A",), where=where)


def test_derive_takes_no_condition() -> None:
    """It reads no events."""
    with pytest.raises(ModelError, match="derive does not take where"):
        Rule(name="f", op="derive", expression=V, where=V == 1)


def test_plans_with_conditions_are_written_and_not_read() -> None:
    """As those with ``derive``: an expression may hold code, which plain data must not bring in."""
    plan = Plan("M", (Rule(name="f", op="count", events=("A",), where=V == 1),))
    other = Plan("M", (Rule(name="f", op="count", events=("A",), where=V == 2),))
    none = Plan("M", (Rule(name="f", op="count", events=("A",)),))
    assert len({plan.fingerprint(), other.fingerprint(), none.fingerprint()}) == 3
    with pytest.raises(ModelError, match="where is a Polars expression, which plain data cannot hold"):
        Plan.from_dict(plan.to_dict())


def test_members_that_no_event_has_are_named(tmp_path: Path) -> None:
    """A misspelt member would never be met, without a word."""

    class Orders(es.Model):
        reviewed = es.count("Changed", where=pl.col("state") == "reviewed")
        failed = es.count("Changed", where=pl.col("status").is_not_null())

    log = es.Log(tmp_path / "log")
    log.append([event("Changed", "a", at=at(1), stats="reviewed", status=None)])
    with pytest.warns(UnknownNameWarning) as caught:
        assert Timeline(log, Orders).as_of().rows() == [("a", 0, 0)]
    assert str(caught[0].message) == (
        "Orders: the log has no member 'state' in events Changed yet; did you mean 'stats'?"
    )


def test_a_field_shows_its_condition() -> None:
    """In the class body and in notebooks."""
    assert "where=" in repr(es.count("A", where=V == 1))
    assert '[(col("v")) == (dyn int: 1)]' in Timeline(MemoryLog([]), Orders)._repr_html_().replace("&quot;", '"')


class Orders(es.Model):
    """One field."""

    n = es.count("A", where=V == 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("op", "nothing"), [("distinct", []), ("largest", None), ("latest", None), ("first", None)]
)
def test_values_that_no_event_of_the_field_has(engine: Engine, op: str, nothing: Any) -> None:
    """Where only events that do not meet the condition have values, of two kinds, the field has none."""
    events = [
        event("Seen", "a", at=at(1)),
        event("Seen", "b", at=at(1), v=2),
        event("Seen", "b", at=at(2), v=True),
    ]
    plan = Plan("M", (Rule(name="f", op=op, events=(), of="v", where=pl.col("@stream") == "a"),))  # type: ignore[arg-type]  # one of the names
    found = Timeline(MemoryLog(events), plan, engine=engine).as_of()
    assert found["f"].to_list() == [nothing, nothing]
