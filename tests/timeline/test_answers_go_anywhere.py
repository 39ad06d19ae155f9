"""Every answer of every question can be written to files and handed to other tools, whatever the fields hold."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from math import isfinite
from typing import Any

import duckdb
import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from polars.testing import assert_frame_equal

import eventsource as es
from eventsource.plan import Rule
from eventsource.testing import MemoryLog, event
from tests.conformance.answers import answer_of, is_refused
from tests.conformance.answers import timeline as timeline_of
from tests.conformance.strategies import STREAMS, World, worlds

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownEntityWarning")  # answers without a row


class Customer(es.Model, created="Joined", deleted="Left"):
    """A model with a field of every kind of dtype, and one that never gets a value."""

    name = es.latest("Joined", "Renamed", of="name")
    age = es.latest("Joined", of="age")
    spent = es.total("Paid", of="amount", dtype=pl.Decimal(18, 2))
    ratio = es.latest("Paid", of="ratio", dtype=pl.Float64)
    vip = es.flag(on="Promoted", off="Demoted")
    paid_at = es.latest("Paid")
    born = es.latest("Joined", of="born", dtype=pl.Date)
    tags = es.distinct("Paid", of="tag")
    nothing = es.latest("Renamed", of="nothing")
    large = es.derive(pl.col("spent") * 2)


class Numbers(es.Model, created="Joined", deleted="Left"):
    """A model whose fields share one dtype."""

    payments = es.count("Paid")
    renames = es.count("Renamed")


class OnlyNulls(es.Model):
    """A model whose only field never gets a value."""

    nothing = es.latest("Joined", of="nothing")


EVENTS = [
    event("Joined", "ada", at="2024-01-01", name='Ada "Countess"', age=36, born="1815-12-10"),
    event("Paid", "ada", at="2024-01-02T10:00:00.5", amount="10.10", ratio=0.5, tag="b"),
    event("Promoted", "ada", at="2024-01-03"),
    event("Joined", "bob", at="2024-01-02", name="Bob\nżółw", age=None),
    event("Paid", "ada", at="2024-01-04", amount="5.25", ratio=float(2**70), tag="ą"),
    event("Left", "bob", at="2024-01-05"),
    event("Renamed", "ada", at="2024-01-06", name=None),
]

Question = Callable[[es.Timeline], pl.DataFrame]
MOMENTS = pl.DataFrame({"id": ["ada", "bob", "eve"], "when": ["2024-01-03"] * 3})
QUESTIONS: dict[str, Question] = {
    "as_of": lambda t: t.as_of("2024-01-04"),
    "as_of several moments": lambda t: t.as_of(["2024-01-02", "2024-01-04"]),
    "as_of before the first event": lambda t: t.as_of("2023-01-01"),
    "history": lambda t: t.history(),
    "changes": lambda t: pl.concat([t.changes(field) for field in t.plan.fields[:1]]),
    "diff": lambda t: t.diff("2024-01-02", "2024-01-06"),
    "diff of nothing": lambda t: t.diff("2023-01-01", "2023-01-02"),
    "explain": lambda t: t.explain("ada"),
    "explain an unknown entity": lambda t: t.explain("eve"),
    "trend": lambda t: t.trend({"n": pl.len()}, every="1d"),
    "join": lambda t: t.join(MOMENTS, on="id", at="when"),
    "replay": lambda t: t.replay("ada").to_frame(),
    "replay of an unknown entity": lambda t: t.replay("eve").to_frame(),
    "snapshots": lambda t: t.snapshots(),
    "verify": lambda t: t.verify(),
    "entities": lambda t: t.entities().to_frame(),
}


def _through_parquet(answer: pl.DataFrame) -> pl.DataFrame:
    answer.write_parquet(file := BytesIO())
    file.seek(0)
    return pl.read_parquet(file)


def _through_arrow(answer: pl.DataFrame) -> pl.DataFrame:
    found = pl.from_arrow(answer.to_arrow())
    assert isinstance(found, pl.DataFrame)
    return found


def _through_csv(answer: pl.DataFrame) -> pl.DataFrame:
    """Lists are joined first: a CSV file has no lists, and Polars refuses to write them."""
    lists = [name for name, dtype in answer.schema.items() if isinstance(dtype, pl.List)]
    texts = [pl.col(name).cast(pl.List(pl.String)).list.join("|") for name in lists]
    text = answer.with_columns(texts).write_csv()
    assert text.count("\n") >= answer.height + 1
    return answer


def _through_pandas(answer: pl.DataFrame) -> pl.DataFrame:
    found = answer.to_pandas()
    assert list(found.columns) == answer.columns
    assert len(found) == answer.height
    return answer


def _through_duckdb(answer: pl.DataFrame) -> pl.DataFrame:
    relation = duckdb.sql("SELECT * FROM answer")
    assert relation is not None
    found = relation.pl()
    assert found.columns == answer.columns
    assert found.height == answer.height
    return answer


WAYS = [_through_parquet, _through_arrow, _through_csv, _through_pandas, _through_duckdb]


@pytest.fixture(scope="module", params=[Customer, Numbers, OnlyNulls])
def timeline(request: Any, tmp_path_factory: pytest.TempPathFactory) -> es.Timeline:
    """A timeline over a log on disk, with one snapshot where the model's states can be kept."""
    log = es.Log(tmp_path_factory.mktemp("answers") / "log")
    log.append(EVENTS)
    found = es.Timeline(log, request.param)
    found.snapshot("2024-01-03")
    return found


@pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
@pytest.mark.parametrize("through", WAYS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_goes_anywhere(
    timeline: es.Timeline, question: str, through: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    """No answer has a dtype that a file format, pandas or DuckDB cannot take; what comes back is equal."""
    answer = QUESTIONS[question](timeline)
    assert pl.Object not in answer.dtypes
    assert_frame_equal(through(answer), answer)


def customers() -> es.Timeline:
    return es.Timeline(MemoryLog(EVENTS), Customer)


EXPLAINED = {
    "name": None,
    "age": "36",
    "spent": '"15.35"',
    "ratio": "1.1805916207174113e+21",
    "vip": "true",
    "paid_at": '"2024-01-04T00:00:00.000000Z"',
    "born": '"1815-12-10"',
    "tags": '["b","ą"]',
    "nothing": None,
    "large": '"30.70"',
}


def test_values_of_several_dtypes_are_json_text() -> None:
    """Texts are quoted, decimals keep their digits, instants are in UTC, lists are arrays, null is null."""
    why = customers().explain("ada")
    assert why.schema["value"] == pl.String
    assert dict(why.select("field", "value").iter_rows()) == EXPLAINED


def test_the_two_sides_of_a_difference_are_json_text() -> None:
    """An entity that came or went has one row without values; quotes distinguish a text from a number."""
    found = customers().diff("2024-01-02", "2024-01-05").drop("entity").rows()
    assert found == [
        ("changed", "spent", '"10.10"', '"15.35"'),
        ("changed", "ratio", "0.5", "1.1805916207174113e+21"),
        ("changed", "vip", "false", "true"),
        ("changed", "paid_at", '"2024-01-02T10:00:00.500000Z"', '"2024-01-04T00:00:00.000000Z"'),
        ("changed", "tags", '["b"]', '["b","ą"]'),
        ("changed", "large", '"20.20"', '"30.70"'),
        ("removed", None, None, None),
    ]


def test_fields_of_one_dtype_keep_it() -> None:
    """Where all fields share a dtype there is nothing to write as text."""
    numbers = es.Timeline(MemoryLog(EVENTS), Numbers)
    assert numbers.explain("ada")["value"].dtype == pl.Int64
    assert numbers.diff("2024-01-01", "2024-01-06").schema["after"] == pl.Int64


def test_values_of_several_dtypes_as_python_values() -> None:
    """``mixed="object"`` gives the values themselves, for code that looks at each of them."""
    why = customers().explain("ada", mixed="object")
    found = dict(zip(why["field"], why["value"].to_list(), strict=True))
    assert why["value"].dtype == pl.Object
    assert (found["spent"], found["born"], found["tags"]) == (Decimal("15.35"), date(1815, 12, 10), ["b", "ą"])
    assert found["paid_at"] == datetime(2024, 1, 4, tzinfo=UTC)


NAN = float("nan")
PRECISE = datetime(2024, 1, 1, 1, 2, 3, 456, tzinfo=UTC).replace(tzinfo=None)
ODD: list[tuple[Any, Any, str]] = [
    (NAN, pl.Float64, '"NaN"'),
    (NAN, pl.Float32, '"NaN"'),
    (float("inf"), pl.Float32, '"Infinity"'),
    ([NAN, float("-inf"), 1.5, None], pl.List(pl.Float64), '["NaN","-Infinity",1.5,null]'),
    ([NAN, 1.5], pl.Array(pl.Float32, 2), '["NaN",1.5]'),
    ([[1, 2], [3, 4]], pl.Array(pl.Int64, (2, 2)), "[[1,2],[3,4]]"),
    ({"x": NAN, 'a"b': None}, pl.Struct({"x": pl.Float64, 'a"b': pl.Null}), '{"x":"NaN","a\\"b":null}'),
    ([{"x": [NAN]}, None], None, '[{"x":["NaN"]},null]'),
    ([{"at": datetime(2024, 1, 1, tzinfo=UTC)}], None, '[{"at":"2024-01-01T00:00:00.000000Z"}]'),
    (1_704_067_200_123_456_789, pl.Datetime("ns", "UTC"), '"2024-01-01T00:00:00.123456789Z"'),
    ([1_704_067_200_123_456_789], pl.List(pl.Datetime("ns")), '["2024-01-01T00:00:00.123456789"]'),
    (PRECISE, pl.Datetime("us"), '"2024-01-01T01:02:03.000456"'),
    (PRECISE.time(), pl.Time, '"01:02:03.000456000"'),
    ([PRECISE.time()], pl.List(pl.Time), '["01:02:03.000456000"]'),
    (1_500_000_001, pl.Duration("ns"), '"PT1.500000001S"'),
    ([b"\xff"], pl.List(pl.Binary), '["/w=="]'),
    ([Decimal("1.10")], None, '["1.10"]'),
    ([], pl.List(pl.String), "[]"),
    ([[]], pl.List(pl.List(pl.String)), "[[]]"),
    (['a"}', None], pl.List(pl.Enum(['a"}'])), '["a\\"}",null]'),
    ('a"}\\\0', None, '"a\\"}\\\\\\u0000"'),
    (2**100, pl.Int128, str(2**100)),
]


def test_odd_values_as_json_text() -> None:
    """JSON has no NaN and no infinities: they are texts, also in lists and structs. No digit is lost anywhere."""
    from eventsource.timeline._mixed import concat_values  # noqa: PLC0415 - the one test that looks inside

    parts = [pl.Series("v", [value, None], dtype=dtype) for value, dtype, _ in ODD]
    found = concat_values(parts, "json")
    assert found.to_list() == [text for *_, expected in ODD for text in (expected, None)]
    assert all(text is None or msgspec.json.decode(text) is not None for text in found)


NOUGHT = pl.lit(0.0) / pl.lit(0.0)
UNDEFINED = [
    Rule(name="nan32", op="derive", expression=NOUGHT.cast(pl.Float32)),
    Rule(name="nans", op="derive", expression=pl.concat_list(NOUGHT, pl.lit(1.5))),
    Rule(name="inside", op="derive", expression=pl.struct(x=NOUGHT)),
]


@given(worlds(), st.sampled_from(STREAMS))
def test_json_text_has_the_values(world: World, entity: str) -> None:
    """Law: text and Python values are the same answer, for random logs and models."""
    whole = timeline_of(world.events, replace(world.plan, rules=(*world.plan.rules, *UNDEFINED)))
    texts, values = (
        answer_of(lambda t, m=mixed: t.explain(entity, mixed=m), whole)  # type: ignore[misc]  # a default argument
        for mixed in ("json", "object")
    )
    if is_refused(texts) or values["value"].dtype != pl.Object:
        return
    for text, value in zip(texts["value"], values["value"].to_list(), strict=True):
        assert (text is None) == (value is None)
        assert text is None or _is_text_of(msgspec.json.decode(text), value)


def _is_text_of(found: Any, value: Any) -> bool:
    """Return whether a decoded JSON value stands for a Python value."""
    if isinstance(value, list):
        return len(found) == len(value) and all(map(_is_text_of, found, value))
    if isinstance(value, bool | int | str) or value is None:
        return type(found) is type(value) and bool(found == value)
    if isinstance(value, float):
        return isinstance(found, str) != isfinite(value) and str(float(found)) == str(value)
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(_is_text_of(found[name], value[name]) for name in value)
    return isinstance(found, str)
