"""Appending: positions, duplicates, conflicts."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from eventsource.errors import FrameError
from eventsource.event import ENVELOPE, STORED
from eventsource.log import Log, _known_ids
from eventsource.log._conflicts import find_conflicts
from eventsource.log._known_ids import KnownIds
from tests.log.logkit import event, events, ids, is_sound


def test_positions_count_from_zero_in_order_of_arrival(tmp_path: Path) -> None:
    """Positions are 0, 1, 2 … in the order of the frames and of their rows, whatever the times say."""
    log = Log(tmp_path / "log")
    appended = [log.append(events(numbers)) for numbers in ([5, 3], [4], [0, 9])]
    assert [(one.appended, one.head) for one in appended] == [(2, 2), (1, 3), (2, 5)]
    assert ids(log) == ["e5", "e3", "e4", "e0", "e9"]
    assert is_sound(log)
    assert len(log) == log.head == 5
    assert log.scan().collect().schema == STORED


def test_a_stored_time_outside_the_calendar_differs(tmp_path: Path) -> None:
    """A flipped bit moved the time of an event before the year 1, which no object of Python can hold."""
    log = Log(tmp_path / "log")
    log.append([event(1)])
    first = log.scan().collect()
    again = first.drop("position").with_columns(file=pl.lit("a.jsonl"), line=pl.lit(1, pl.Int64))
    damaged = first.with_columns(pl.col("occurred_at") - pl.duration(days=2_500_000))
    assert find_conflicts(again, first).is_empty()
    assert find_conflicts(again, damaged)["differs"].to_list() == ["occurred_at"]


def test_payloads_are_kept_verbatim(tmp_path: Path) -> None:
    """The text of data and metadata comes back byte for byte; times to the microsecond."""
    text = '{"b" : 1.50,  "a":"\\u00e9 é 🐍", "n": 12345678901234567890123}'
    log = Log(tmp_path / "log")
    log.append([event(1, data=text, metadata="{ }", occurred_at="2024-01-01T00:00:00.123456789Z", version=7)])
    row = log.scan().collect().row(0, named=True)
    assert (row["data"], row["metadata"], row["version"]) == (text, "{ }", 7)
    assert row["occurred_at"] == row["recorded_at"] == datetime(2024, 1, 1, 0, 0, 0, 123456, UTC)


def test_the_second_arrival_is_dropped_and_counted(tmp_path: Path) -> None:
    """An id that came before, in the log or in the same frame, is dropped; the first event remains."""
    log = Log(tmp_path / "log")
    first = log.append(events([1, 2, 2, 3, 1]))
    again = log.append(events([3, 4, 2]))
    assert (first.appended, first.duplicates, again.appended, again.duplicates) == (3, 2, 1, 2)
    assert first.conflicts.is_empty()
    assert again.conflicts.is_empty()
    assert ids(log) == ["e1", "e2", "e3", "e4"]
    assert log.rejected().is_empty()


def test_a_conflict_is_reported_and_rejected(tmp_path: Path) -> None:
    """The report of a conflict has the position of the first event and what differs; the first event remains."""
    log = Log(tmp_path / "log")
    log.append(events(range(20)))
    found = log.append([event(17, stream="x", data={"n": "é"}), event(30), event(30, type="Z")]).conflicts
    assert found.rows() == [("e17", 17, "stream, data", None, None), ("e30", 20, "type", None, None)]
    kept = log.rejected()
    assert kept["reason"].to_list() == [
        "conflict: event_id 'e17' came before with other stream, data",
        "conflict: event_id 'e30' came before with other type",
    ]
    assert kept["raw"][0].decode() == (
        '{"event_id":"e17","stream":"x","type":"B","occurred_at":"2024-01-18T00:00:17Z",'
        '"recorded_at":"2024-01-18T00:00:17Z","data":{"n":"é"}}'
    )
    assert kept["source"].to_list() == ["append", "append"]
    assert log.scan(streams="x").collect().is_empty()


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ('{"a":1, "b":[2,{"c":null}]}', '{ "b": [2, {"c": null}], "a": 1 }', True),
        ('{"a":1}', '{"a":1.0}', True),
        ('{"a":"é"}', '{"a":"\\u00e9"}', True),
        ('{"a":1}', '{"a":true}', False),
        ('{"a":[1,2]}', '{"a":[2,1]}', False),
        ('{"a":null}', "{}", False),
        ('{"a":9007199254740993}', '{"a":9007199254740992}', False),
        ('{"a":1%s}' % ("0" * 5000), '{"a":2%s}' % ("0" * 5000), False),
        ('{"a":%s1%s}' % ("[" * 900, "]" * 900), '{"a":%s2%s}' % ("[" * 900, "]" * 900), False),  # noqa: UP031
    ],
)
def test_payloads_are_compared_as_json_values(tmp_path: Path, first: str, second: str, *, same: bool) -> None:
    """Payloads are compared as JSON values, not as bytes: order and spelling do not matter, types do."""
    log = Log(tmp_path / "log")
    log.append([event(1, data=first, metadata=first)])
    found = log.append([event(1, data=second, metadata=second)]).conflicts
    assert found["differs"].to_list() == ([] if same else ["data, metadata"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stream", "x"),
        ("version", 3),
        ("type", "x"),
        ("occurred_at", "2020-01-01"),
        ("recorded_at", "2020-01-01"),
        ("metadata", {}),
    ],
)
def test_every_column_is_compared(tmp_path: Path, column: str, value: object) -> None:
    """A difference in any column is a conflict, also between null and a value."""
    log = Log(tmp_path / "log")
    log.append([event(1, recorded_at="2024-05-05")])
    found = log.append([event(1, **{"recorded_at": "2024-05-05", column: value})])
    assert found.conflicts["differs"].to_list() == [column]


def test_strict_refuses_conflicts(tmp_path: Path) -> None:
    """A strict append with a conflict appends nothing and rejects nothing; plain duplicates are dropped."""
    log = Log(tmp_path / "log")
    log.append(events([1, 2]))
    with pytest.raises(FrameError, match="'e2' differs from position 1 in data"):
        log.append([event(3), event(2, data={})], strict=True)
    assert ids(log) == ["e1", "e2"]
    assert log.rejected().is_empty()
    assert log.append(events([2, 3]), strict=True).appended == 1


def test_a_frame_with_faults_leaves_the_log_alone(tmp_path: Path) -> None:
    """No event of a frame with a fault is appended."""
    log = Log(tmp_path / "log")
    with pytest.raises(FrameError, match="column 'type' is missing"):
        log.append(pl.DataFrame({"event_id": ["a"], "stream": ["s"], "occurred_at": [datetime.now(UTC)]}))
    assert log.head == 0
    assert not (tmp_path / "log").exists()


def test_frames_of_other_libraries_are_appended(tmp_path: Path) -> None:
    """A pandas frame and an Arrow table give the same log as the Polars frame."""
    frame = pl.DataFrame(events(range(4))).with_columns(pl.col("occurred_at").str.to_datetime(time_zone="UTC"))
    logs = []
    for number, other in enumerate((frame, frame.drop("data").to_pandas(), frame.to_arrow())):
        log = Log(tmp_path / str(number))
        assert log.append(other).appended == 4
        logs.append(log.scan().collect().drop("data"))
    assert isinstance(frame.drop("data").to_pandas(), pd.DataFrame)
    assert logs[0].equals(logs[1])
    assert logs[0].equals(logs[2])


def test_a_frame_without_new_events_makes_no_commit(tmp_path: Path) -> None:
    """This holds for frames without rows and for frames of duplicates."""
    log = Log(tmp_path / "log")
    assert log.append([]).head == 0
    assert log.append(pl.DataFrame(schema=ENVELOPE)).appended == 0
    assert not (tmp_path / "log").exists()
    log.append(events([1]))
    version = DeltaTable(tmp_path / "log" / "events").version()
    assert log.append(events([1])).duplicates == 1
    assert DeltaTable(tmp_path / "log" / "events").version() == version


def test_the_table_refuses_to_be_changed(tmp_path: Path) -> None:
    """The table itself refuses to delete, update or overwrite events."""
    log = Log(tmp_path / "log")
    log.append(events(range(3)))
    table = DeltaTable(tmp_path / "log" / "events")
    with pytest.raises(Exception, match="append-only"):
        table.delete("position = 1")
    with pytest.raises(Exception, match="append-only"):
        table.update(updates={"type": "'x'"}, predicate="position = 1")
    with pytest.raises(Exception, match="append-only"):
        write_deltalake(table, log.scan().collect(), mode="overwrite")
    assert ids(log) == ["e0", "e1", "e2"]


def test_another_log_object_knows_what_was_appended(tmp_path: Path) -> None:
    """Several `Log` objects on one folder see each other's events and find each other's duplicates."""
    one, other = Log(tmp_path / "log"), Log(tmp_path / "log")
    one.append(events([1, 2]))
    assert other.append(events([2, 3])).appended == 1
    assert one.append(events([3, 4])).appended == 1
    assert ids(one) == ids(other) == ["e1", "e2", "e3", "e4"]


def test_known_ids_find_every_duplicate() -> None:
    """An id that was added is always found with its position, over many arrays; another one hardly ever."""
    known_ids, random = KnownIds(), np.random.default_rng(0)
    known: list[str] = []
    for _ in range(40):
        new = [f"id-{number}" for number in random.integers(0, 2**60, random.integers(0, 300))]
        positions = pl.int_range(len(known), len(known) + len(new), eager=True)
        order = random.permutation(len(new))  # other tools leave rows of a file in any order
        known_ids.add(pl.Series(new, dtype=pl.String)[order], positions[order])
        known += new
    assert known_ids.head == len(known)
    assert len(known_ids._arrays) < 10
    sample = pl.Series([*known, *(f"new-{number}" for number in range(500))]).shuffle(1)
    rows, positions = known_ids.possible_duplicates(sample)
    assert sorted(sample.gather(rows)) == sorted(known)
    assert positions.to_list() == list(range(len(known)))
    rows, positions = known_ids.possible_duplicates(pl.Series(["a", known[70], "b", "a", known[7], known[70]]))
    assert rows.to_list() == [0, 1, 3, 4, 5]
    assert positions.to_list() == [7, 70]
    rows, positions = KnownIds().possible_duplicates(pl.Series([], dtype=pl.String))
    assert rows.is_empty()
    assert positions.is_empty()


def test_equal_hashes_are_not_equal_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids whose hashes collide are distinguished by what the log holds at their positions."""
    monkeypatch.setattr(
        _known_ids, "_hashes", lambda event_ids: event_ids.str.len_bytes().cast(pl.UInt64).to_numpy()
    )
    log = Log(tmp_path / "log")
    for number in range(4):
        log.append(events([2 * number, 2 * number + 1]))
    assert log.append(events([3, 8, 5, 9])).appended == 2
    assert ids(log) == [f"e{number}" for number in range(10)]
