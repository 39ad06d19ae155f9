"""The envelope: what a frame of events must be, and one error for all its faults."""

from datetime import UTC, datetime
from typing import Any, Literal

import polars as pl
import pytest

from eventsource.errors import FrameError
from eventsource.event import ENVELOPE, check_events, events_from_dicts, rejected_lines

AT = datetime(2024, 1, 1, 12, tzinfo=UTC)


def _frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"event_id": ["1"], "stream": ["a"], "type": ["T"], "occurred_at": [AT]} | columns)


def test_frames_of_many_forms_are_accepted() -> None:
    """Columns in any order, times of any unit and zone, structs as data, categories as texts."""
    frame = _frame(
        occurred_at=pl.Series([AT]).dt.convert_time_zone("Asia/Kolkata").dt.cast_time_unit("ns"),
        recorded_at=pl.Series([datetime(2024, 1, 1, 13)], dtype=pl.Datetime("ms")),  # noqa: DTZ001 - naive is UTC
        data=pl.Series([{"a": 1}]),
        type=pl.Series(["T"], dtype=pl.Categorical),
        version=pl.Series([3], dtype=pl.Int8),
    )
    taken = check_events(frame.select(sorted(frame.columns)))
    assert taken.schema == ENVELOPE
    assert taken["occurred_at"].item() == AT
    assert taken["recorded_at"].item() == datetime(2024, 1, 1, 13, tzinfo=UTC)
    assert taken.select("type", "version", "data", "metadata").row(0) == ("T", 3, '{"a":1}', None)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    "wrap", [lambda n: {"n": n}, lambda n: {"a": [1.0, n]}, lambda n: {"a": {"b": [{"c": n}]}}]
)
@pytest.mark.parametrize("column", ["data", "metadata"])
def test_numbers_that_json_does_not_have(number: float, wrap: Any, column: str) -> None:
    """They were written as null, without a word, also those in structs of a frame. Null itself is fine."""
    line = {"event_id": "1", "stream": "a", "type": "T", "occurred_at": AT}
    with pytest.raises(FrameError, match=f"{column}.*: expected finite numbers"):
        events_from_dicts([line | {column: wrap(number)}])
    with pytest.raises(FrameError, match=f"{column}.*: expected finite numbers"):
        check_events(_frame(**{column: pl.Series([wrap(number)])}))
    sound = pl.DataFrame([line | {column: wrap(1.5)}, line | {column: None}], infer_schema_length=None)
    assert check_events(sound)[column].str.contains("1.5").to_list() == [True, False if column == "data" else None]


def test_members_that_json_does_not_have() -> None:
    """Bytes in a struct stopped Polars itself."""
    with pytest.raises(FrameError, match="column 'data': expected members that JSON has, got Binary"):
        check_events(_frame(data=pl.Series([{"a": [b"x"]}])))


@pytest.mark.parametrize("wrong", [1, None, "x", ["a"]])
def test_other_values_are_not_events(wrong: Any) -> None:
    """They were an AttributeError."""
    with pytest.raises(FrameError, match="expected dicts, got"):
        events_from_dicts([wrong])


def test_absent_columns_have_defaults() -> None:
    """Without ``recorded_at`` an event was recorded when it occurred; without ``data`` it has no members."""
    for frame in (_frame(), _frame(recorded_at=[None], data=[None], metadata=[None], version=[None])):
        assert check_events(frame).select("recorded_at", "data", "metadata", "version").row(0) == (
            AT,
            "{}",
            None,
            None,
        )


def test_finer_digits_are_cut_off() -> None:
    """Nanoseconds are cut, not rounded."""
    nanos = pl.Series([1_704_110_400_000_000_999], dtype=pl.Int64).cast(pl.Datetime("ns"))
    assert check_events(_frame(occurred_at=nanos))["occurred_at"].item() == AT


def test_one_error_names_all_faults() -> None:
    """The user can correct all faults of a frame at once."""
    with pytest.raises(FrameError) as caught:
        check_events(pl.DataFrame({"event_id": [1], "type": ["T"], "occurred_at": ["2024"], "colour": ["red"]}))
    message = str(caught.value)
    assert "4 faults" in message
    for part in ("'stream' is missing", "'colour'", "'event_id': expected String, got Int64", "got String"):
        assert part in message


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"event_id": [None]}, "'event_id'"),
        ({"occurred_at": pl.Series([None], dtype=pl.Datetime("us", "UTC"))}, "nulls, the first in row 0"),
        ({"version": pl.Series([2**64 - 1], dtype=pl.UInt64)}, "version"),
        ({"data": ["[1]"]}, "expected a JSON object, got .* in row 0"),
        ({"data": ['{"a":1} x']}, "expected a JSON object"),
        ({"data": ["{"]}, "expected a JSON object"),
        ({"metadata": ["7"]}, "metadata"),
        ({"stream": [b"a"]}, "'stream': expected String, got Binary"),
    ],
)
def test_a_fault_names_column_and_row(columns: dict[str, Any], match: str) -> None:
    """The error names the column and the row."""
    with pytest.raises(FrameError, match=match):
        check_events(_frame(**columns))


def test_nulls_are_counted() -> None:
    """The error names the number of nulls and the row of the first."""
    frame = pl.DataFrame(
        {"event_id": ["1", "2", "3"], "stream": ["a", None, None], "type": "T", "occurred_at": AT}
    )
    with pytest.raises(FrameError, match=r"2 nulls, the first in row 1"):
        check_events(frame)


@pytest.mark.parametrize(
    ("unit", "first", "last"),
    [
        ("ms", -62_135_596_800_000, 253_402_300_799_999),
        ("us", -62_135_596_800_000_000, 253_402_300_799_999_999),
        ("ns", -(2**63), 2**63 - 1),
    ],
)
def test_times_outside_the_calendar_are_a_fault(unit: Literal["ms", "us", "ns"], first: int, last: int) -> None:
    """Years before 1 or after 9999, often a wrong unit, are reported with the other faults."""

    def frame(numbers: list[int | None]) -> pl.DataFrame:
        times = pl.Series(numbers, dtype=pl.Int64).cast(pl.Datetime(unit))
        given = {"event_id": "1", "stream": "a", "type": "T", "occurred_at": AT, "recorded_at": times}
        return pl.DataFrame(given | {"data": ["{}"] * (len(numbers) - 1) + ["["]})

    for outside in {first - 1, last + 1, -(2**63), 2**63 - 1} if unit != "ns" else ():
        with pytest.raises(FrameError, match="data") as caught:
            check_events(frame([None, first, outside, outside]))
        fault = f"'recorded_at' has 2 times outside the years 1 to 9999, the first in row 2: {outside} "
        assert fault in str(caught.value)
        assert f"is {unit!r} their unit?" in str(caught.value)
    good = frame([first, last]).with_columns(data=pl.lit("{}"))
    assert all(isinstance(time, datetime) for time in check_events(good)["recorded_at"].to_list())


def test_dicts_become_a_frame() -> None:
    """Times may be texts or datetimes, payloads dicts or JSON text."""
    plain: dict[str, Any] = {"event_id": "1", "stream": "a", "type": "T", "data": {"ü": [1]}}
    rows: list[dict[str, Any]] = [
        plain | {"occurred_at": "2024-01-01T13:00:00+01:00"},
        plain | {"occurred_at": datetime(2024, 1, 1, 12)},  # noqa: DTZ001 - naive is UTC
        plain | {"occurred_at": AT, "data": '{"ü":[1]}'},
    ]
    assert check_events(events_from_dicts(rows)).unique().height == 1
    assert check_events(events_from_dicts([])).schema == ENVELOPE


@pytest.mark.parametrize(
    ("event", "match"),
    [
        ({"colour": 1}, "'colour' is not part of an event"),
        ({"occurred_at": "soon"}, "expected a time, got 'soon'"),
        ({"occurred_at": "+10000-01-01T00:00:00Z"}, "expected a time, got '.10000-01-01T00:00:00Z'"),
        ({"occurred_at": "0000-12-31T00:00:00Z"}, "expected a time, got '0000-12-31T00:00:00Z'"),
        ({"stream": 7}, "'stream'"),
        ({"version": "x"}, "'version'"),
        ({"occurred_at": 7}, "'occurred_at'"),
    ],
)
def test_dicts_with_faults_are_errors(event: dict[str, Any], match: str) -> None:
    """The error names an unknown member, or a value of a wrong type."""
    with pytest.raises(FrameError, match=match):
        check_events(events_from_dicts([{"event_id": "1", "stream": "a", "type": "T", "occurred_at": AT} | event]))


def test_absent_members_of_rejected_lines_are_null() -> None:
    """A rejected event of an appended frame has no file and no line."""
    assert rejected_lines([{"source": "append", "reason": "x", "raw": b"y"}]).row(0) == (
        "append",
        None,
        None,
        "x",
        b"y",
    )
