"""Members as typed columns: what each mixture of JSON values becomes, in whatever order it is decoded."""

import decimal
import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import polars.selectors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsource.decode import (
    BAD_KEY,
    UNFIT,
    Digits,
    Members,
    decode_events,
    dtype_of_kinds,
    json_of,
    kinds_of,
    values_of,
)
from eventsource.errors import FaultError
from eventsource.event import check_events, events_from_dicts
from eventsource.fold import PolarsEngine, ReferenceEngine
from eventsource.plan import Plan, Rounding, Rule
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.laws import examples

AT = datetime(2024, 1, 1, tzinfo=UTC)
ABSENT = object()
BIG = 2**63


def _events(values: list[Any], kind: str = "Seen") -> pl.DataFrame:
    payloads = [{} if value is ABSENT else {"a": {"b": value}} for value in values]
    rows = [
        {"event_id": str(n), "stream": "s", "type": kind, "occurred_at": AT, "data": json.dumps(payload)}
        for n, payload in enumerate(payloads)
    ]
    frame = check_events(events_from_dicts(rows)).with_row_index("position").cast({"position": pl.Int64})
    return frame.with_columns(pl.col("occurred_at").alias("at"))


def _members(dtype: pl.DataType | None = None, rounding: Rounding | None = None) -> Members:
    rule = Rule(name="f", op="latest", events=("Seen",), of="a.b", dtype=dtype, rounding=rounding)
    return Members(Plan("M", (rule,)))


def _unified(parts: list[pl.DataFrame], members: Members) -> pl.DataFrame:
    """Return one column of each member, as a question that sees all of its values would."""
    decoders = members.decoders()
    decoded = pl.concat([decode_events(part, members, decoders) for part in parts], how="diagonal")
    decoded = decoded.sort("position")
    marked = pl.selectors.ends_with("|null").fill_null(value=False)  # no mark is the mark of no null
    columns = []
    for member in members.all:
        kinds = [kind for kind in kinds_of(member, decoded.columns) if kind != UNFIT]
        dtype = member.dtype or dtype_of_kinds(kinds)
        if dtype is None:
            texts = decoded.select(json_of(member, kinds, decoded.columns)).to_series().drop_nulls()
            dtype = Digits.of(map(json.loads, texts)).dtype
        columns.append(values_of(member, kinds, dtype, decoded.columns).alias(member.column))
    return decoded.with_columns(columns).with_columns(marked)


def _column(values: list[Any], dtype: pl.DataType | None = None, rounding: Rounding | None = None) -> pl.Series:
    members = _members(dtype, rounding)
    return _unified([_events(values)], members)[members.all[0].column]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([True, False], pl.Boolean(), [True, False]),
        ([1, 2**53 + 1, -BIG, BIG - 1], pl.Int64(), [1, 2**53 + 1, -BIG, BIG - 1]),
        ([1.5, -0.0], pl.Float64(), [1.5, -0.0]),
        ([1, 1.5], pl.Float64(), [1.0, 1.5]),
        (["x", "Łódź"], pl.String(), ["x", "Łódź"]),
        ([1, "x"], pl.String(), ["1", "x"]),
        ([True, 1], pl.String(), ["true", "1"]),
        ([True, 1.0], pl.String(), ["true", "1.0"]),
        ([1.0, 1e16, 1e-7, "x"], pl.String(), ["1.0", "1e16", "1e-7", "x"]),
        ([BIG, 1], pl.Decimal(38, 0), [BIG, 1]),
        ([10**38, 1], pl.String(), [str(10**38), "1"]),
        ([2**53 + 1, 0.5], pl.Decimal(38, 1), [2**53 + 1, decimal.Decimal("0.5")]),
        ([2**53 + 1, 1e-30, 0.5], pl.String(), [str(2**53 + 1), "1e-30", "0.5"]),
        ([2**60, 0.5], pl.Float64(), [2.0**60, 0.5]),
        ([BIG, "x"], pl.String(), [str(BIG), "x"]),
        ([{"k": [1, None]}, [True]], pl.String(), ['{"k":[1,null]}', "[true]"]),
        ([{"k": 1}, 2, "3"], pl.String(), ['{"k":1}', "2", "3"]),
        ([None, ABSENT], pl.Null(), [None, None]),
        ([ABSENT, 3, None], pl.Int64(), [None, 3, None]),
    ],
)
def test_every_mixture_has_its_dtype(values: list[Any], dtype: pl.DataType, expected: list[Any]) -> None:
    """The typing rule: Boolean, Int64, Float64, Decimal for numbers that need it, else String."""
    column = _column(values)
    assert column.dtype == dtype
    assert column.to_list() == expected


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2.5], pl.Float32(), [1.0, 2.5]),
        (["2024-01-31"], pl.Date(), [datetime(2024, 1, 31, tzinfo=UTC).date()]),
        (["2024-01-31T12:00:00+02:00"], pl.Datetime("us", "UTC"), [datetime(2024, 1, 31, 10, tzinfo=UTC)]),
        ([0.1, "0.25", 3, 1.00], pl.Decimal(18, 2), ["0.10", "0.25", "3.00", "1.00"]),
        ([0.1, "0.25", 2**60], pl.Float64(), [0.1, 0.25, 2.0**60]),
        (["12.0", 1e3], pl.Int64(), [12, 1000]),
        ([0, 1, True, "false"], pl.Boolean(), [False, True, True, False]),
        ([1, "2"], pl.Int64(), [1, 2]),
        ([1, 2], pl.String(), ["1", "2"]),
        ([2**53 + 1, 3.0, "7"], pl.Int64(), [2**53 + 1, 3, 7]),
        (["true", False], pl.Boolean(), [True, False]),
    ],
)
def test_a_requested_dtype_wins(values: list[Any], dtype: pl.DataType, expected: list[Any]) -> None:
    """The values are cast; decimals are read digit by digit."""
    column = _column(values, dtype)
    assert column.dtype == dtype
    assert [str(v) if isinstance(v, decimal.Decimal) else v for v in column] == expected


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("x", pl.Int64()),
        (2**40, pl.Int32()),
        (2.5, pl.Int64()),
        ("nine", pl.Decimal(18, 2)),
        ("2024-02-30", pl.Date()),
        ("noon", pl.Datetime("us", "UTC")),
        (10**30, pl.Decimal(18, 2)),
        (0.005, pl.Decimal(18, 2)),
        ("0.005", pl.Decimal(18, 2)),
        (True, pl.Int64()),
        (2, pl.Boolean()),
        (0.1, pl.Float32()),
        (2**53 + 1, pl.Float64()),
        ("nan", pl.Float64()),
        ("9007199254740993.5", pl.Int64()),
        ("2024-01-31T12:00:00.1234567Z", pl.Datetime("us", "UTC")),
        ("2024-01-31T12:00:00.123456Z", pl.Datetime("ms", "UTC")),
        (1.5, pl.Datetime("us", "UTC")),
    ],
)
@pytest.mark.parametrize("engine", [PolarsEngine, ReferenceEngine])
def test_a_value_that_the_dtype_cannot_hold_is_an_error(value: Any, dtype: pl.DataType, engine: Any) -> None:
    """Every question raises a FaultError; none returns a null instead, or another value."""
    log = MemoryLog(_events([value]).drop("position", "at"))
    of = Timeline(log, _members(dtype).plan, engine=engine())
    frame = pl.DataFrame({"id": ["s"], "at": [AT]})
    for question in (
        of.as_of,
        of.history,
        lambda: of.as_of("2024-01-01"),
        lambda: of.as_of(["2024-01-01"]),
        lambda: of.changes("f"),
        lambda: of.explain("s"),
        lambda: of.replay("s"),
        lambda: of.join(frame, on="id", at="at", prefix="x"),
        lambda: of.trend({"n": pl.col("f").count()}, every="1d"),
    ):
        with pytest.raises(FaultError):
            question()


@pytest.mark.parametrize(
    ("rounding", "dtype", "values", "expected"),
    [
        ("half_even", pl.Decimal(18, 2), ["0.005", 0.015, 12.345, -0.005], ["0.00", "0.02", "12.34", "0.00"]),
        ("half_up", pl.Decimal(18, 2), ["0.005", 0.015, 12.345, -0.005], ["0.01", "0.02", "12.35", "-0.01"]),
        ("down", pl.Decimal(18, 2), ["0.009", 0.019, -12.349, 7], ["0.00", "0.01", "-12.34", "7.00"]),
        ("half_even", pl.Int64(), [0.5, 1.5, "2.5", 2**60], ["0", "2", "2", str(2**60)]),
        ("half_up", pl.Int8(), [0.5, 1.5, "-2.5", -128], ["1", "2", "-3", "-128"]),
        ("down", pl.Float64(), [2**53 + 1, 2**53 + 3], [str(2.0**53), str(2.0**53 + 2)]),
        ("half_even", pl.Float64(), [2**53 + 1, 2**53 + 3], [str(2.0**53), str(2.0**53 + 4)]),
        ("half_up", pl.Float64(), [2**53 + 1, 2**53 + 3], [str(2.0**53 + 2), str(2.0**53 + 4)]),
    ],
)
def test_a_rounding_is_applied_to_each_value(
    rounding: Any, dtype: pl.DataType, values: list[Any], expected: list[str]
) -> None:
    """The model names how a value is rounded that the dtype does not hold exactly."""
    column = _column(values, dtype, rounding)
    assert column.dtype == dtype
    assert [str(value).replace("-0.00", "0.00") for value in column] == expected


def test_a_rounding_does_not_cut_off_digits_before_the_point() -> None:
    """A value beyond the dtype's range stays a fault, however it is rounded."""
    assert _column([300, 99999.99], pl.Int8(), "down").to_list() == [None, None]


def test_a_number_beyond_every_type_spoils_only_its_member() -> None:
    """Where no float can hold a number, it is unfit; all other members, and other payloads, are read."""
    rules = [Rule(name=name, op="latest", events=("Seen",), of=name) for name in ("a.b", "c", "a")]
    members = Members(Plan("M", tuple(rules)))
    payload = pl.lit('{"a":{"b":1e999},"c":2}')
    frame = _events([1, 2]).with_columns(data=pl.when(pl.col("position") == 1).then(payload).otherwise("data"))
    decoded = decode_events(frame, members, members.decoders())
    found = {rule.of: members.of(rule).column for rule in rules}
    assert decoded[f"{found['a.b']}|int"].to_list() == [1, None]
    assert decoded[f"{found['a.b']}|unfit"].to_list() == [None, "1e999"]
    assert decoded[f"{found['c']}|int"].to_list() == [None, 2]
    assert decoded[f"{found['a']}|unfit"].to_list() == [None, '{"b":1e999}']


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**66), 2**66) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
_VALUES = st.lists(st.just(ABSENT) | _JSON, max_size=8)


def by_hand(values: list[Any]) -> list[Any]:
    """The rule, by hand: what a column of these values shows."""
    present = [value for value in values if value is not ABSENT and value is not None]
    classes = {type(value) for value in present}
    if classes <= {int, float} or (len(classes) == 1 and not classes & {dict, list}):
        return [None if value is ABSENT else value for value in values]
    return [None if v is ABSENT or v is None else v if isinstance(v, str) else ("json", v) for v in values]


@given(_VALUES)
def test_columns_are_what_the_rule_says_by_hand(values: list[Any]) -> None:
    """Decoded columns show what `json.loads` and the rule give."""
    found, expected = _column(values).to_list(), by_hand(values)
    assert len(found) == len(expected)
    for have, want in zip(found, expected, strict=True):
        if isinstance(want, tuple):
            assert json.loads(have) == want[1]
        elif isinstance(want, int | float) and not isinstance(want, bool):
            number = json.loads(have) if isinstance(have, str) else have  # no dtype holds all of them
            assert decimal.Decimal(repr(want) if isinstance(want, float) else want) == decimal.Decimal(
                repr(number) if isinstance(number, float) else number
            )
        else:
            assert (type(have), have) == (type(want), want)


@given(_VALUES, st.integers(0, 8), st.sampled_from([None, pl.String()]))
@settings(max_examples=examples(60))
def test_parts_can_be_decoded_apart(values: list[Any], cut: int, dtype: pl.DataType | None) -> None:
    """Splitting a batch anywhere, and putting the parts together in any order, gives the same frame."""
    members = _members(dtype)
    whole = _events(values)
    first, second = whole[:cut], whole[cut:]
    for parts in ([first, second], [second, first]):
        together = _unified(parts, members)
        expected = _unified([whole], members)
        assert together.select(expected.columns).equals(expected)
        assert together.select(expected.columns).schema == expected.schema


def test_nested_paths() -> None:
    """A path and a path below it can both be read; only objects have members."""
    rules = tuple(
        Rule(name=f"f{n}", op="latest", events=("Seen",), of=path) for n, path in enumerate(["a", "a.b", "a.b.c"])
    )
    members = Members(Plan("M", rules))
    frame = _unified([_events([1, {"c": 2}, "x", [3], None])], members)
    columns = {members.of(rule).column: f"={rule.of}" for rule in rules}
    frame = frame.rename(
        {f"{old}{end}": f"{new}{end}" for old, new in columns.items() for end in ("", "|null")}, strict=False
    )
    assert frame["=a"].to_list() == ['{"b":1}', '{"b":{"c":2}}', '{"b":"x"}', '{"b":[3]}', '{"b":null}']
    assert frame["=a.b"].to_list() == ["1", '{"c":2}', "x", "[3]", None]
    assert frame["=a.b.c"].to_list() == [None, 2, None, None, None]
    assert frame["=a.b|null"].to_list() == [False, False, False, False, True]


@pytest.mark.parametrize("bad", [{"x": 1}, [1]])
def test_an_entity_is_a_text_or_a_number(bad: Any) -> None:
    """A number names the same entity as its text; an event with another key is marked, under its stream."""
    members = Members(
        Plan("M", (Rule(name="f", op="count", events=("Seen",)),), key={"Seen": "a.b"}),
    )
    frame = _unified([_events([7, "7", True, None, ABSENT, 2**70])], members)
    assert frame["entity"].to_list() == ["7", "7", "true", str(2**70)]
    marked = _unified([_events(["a", bad])], members)
    assert marked["entity"].to_list() == ["a", "s"]
    assert marked[BAD_KEY].to_list() == [None, json.dumps(bad).replace(" ", "")]


@given(_VALUES)
def test_events_without_an_entity_decide_no_dtype(values: list[Any]) -> None:
    """Events without an entity are left out, and their values do not decide the dtype of a member."""
    rule = Rule(name="f", op="latest", events=("Seen",), of="a.b")
    members = Members(Plan("M", (rule,), key={"Seen": "owner"}))
    frame = _unified([_events(values)], members)
    assert frame.height == 0
    assert frame[members.all[0].column].dtype == pl.Null()


def test_another_event_type_decides_no_dtype() -> None:
    """Fields that read one path from different event types each have the dtype of their own events."""
    log = MemoryLog(
        [
            event("Placed", at="2024-01-01", amount="n/a"),
            *(event("Paid", at="2024-01-02", amount=amount) for amount in (9, 10)),
        ]
    )
    placed = Rule(name="asked", op="latest", events=("Placed",), of="amount")
    paid = Rule(name="largest", op="largest", events=("Paid",), of="amount")
    total = Rule(name="total", op="total", events=("Paid",), of="amount")
    for engine in (PolarsEngine(), ReferenceEngine()):
        states = Timeline(log, Plan("M", (placed, paid, total)), engine=engine).as_of()
        assert states.row(0)[1:] == ("n/a", 10, 19)
