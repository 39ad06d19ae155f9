"""Scanning: which events, in which order; and the representation of a log."""

import os
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventsource.errors import LogError, MomentError
from eventsource.event import STORED, check_events, events_from_dicts
from eventsource.log import Log
from eventsource.moment import first_instant, last_instant
from tests.laws import examples
from tests.log.logkit import event, events, ids

MOMENTS = [
    "2024-01-05",
    date(2024, 1, 9),
    "2024-01-09T00:00:09Z",
    datetime(2024, 1, 20, 0, 0, 47, tzinfo=UTC),
    None,
]
NAMES = [None, "A", ["A"], ("A", "B"), {"s1", "s3", "A"}, [], "none such"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    log = Log(tmp_path_factory.mktemp("scan") / "log")
    for begin in range(0, 90, 13):
        log.append(events(range(begin, min(begin + 13, 90))))
    return log


@given(
    since=st.sampled_from(MOMENTS),
    until=st.sampled_from(MOMENTS),
    types=st.sampled_from(NAMES),
    streams=st.sampled_from(NAMES),
    upto=st.none() | st.integers(0, 100),
    begin=st.integers(0, 100),
)
@settings(max_examples=examples(80), deadline=None)
def test_a_scan_is_a_filter(
    log: Log, since: Any, until: Any, types: Any, streams: Any, upto: Any, begin: Any
) -> None:
    """A scan gives the events, and the order, of a plain loop over all events with the same conditions."""
    found = log.scan(since=since, until=until, types=types, streams=streams, upto=upto, start=begin).collect()
    wanted = [
        row["position"]
        for row in log.scan().collect().to_dicts()
        if (since is None or row["occurred_at"] >= first_instant(since))
        and (until is None or row["occurred_at"] <= last_instant(until))
        and (types is None or row["type"] in ([types] if isinstance(types, str) else types))
        and (streams is None or row["stream"] in ([streams] if isinstance(streams, str) else streams))
        and begin <= row["position"] < (1000 if upto is None else upto)
    ]
    assert found["position"].to_list() == wanted
    assert found.schema == STORED


@given(cuts=st.lists(st.integers(0, 30), max_size=6), numbers=st.lists(st.integers(0, 12), max_size=30))
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_split_into_batches_gives_the_same_log(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], numbers: list[int]
) -> None:
    """However events with duplicates and conflicts are split into appends, the log is the same."""
    rows = [event(number, data={"n": index % 3 == 0}) for index, number in enumerate(numbers)]
    logs = [Log(tmp_path_factory.mktemp("split") / "log") for _ in range(2)]
    logs[0].append(rows)
    ends = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for begin, end in pairwise(ends):
        logs[1].append(rows[begin:end])
    assert logs[0].scan().collect().equals(logs[1].scan().collect())
    kept = [log.rejected().drop("rejected_at").sort("reason", "raw") for log in logs]
    assert kept[0].equals(kept[1])
    firsts = (
        check_events(events_from_dicts(rows)).unique("event_id", keep="first", maintain_order=True)
        if rows
        else None
    )
    assert ids(logs[0]) == ([] if firsts is None else firsts["event_id"].to_list())


def test_a_scan_is_pinned(tmp_path: Path) -> None:
    """A lazy frame has the events of the moment when it was made, whatever is appended before `collect`."""
    log = Log(tmp_path / "log")
    log.append(events(range(3)))
    frame = log.scan()
    log.append(events(range(3, 200)))
    assert frame.collect().height == 3
    assert log.scan().collect().height == 200


def test_a_log_that_does_not_exist_yet_has_no_events(tmp_path: Path) -> None:
    """Its scan has all columns, and creates no folder."""
    log = Log(tmp_path / "deep" / "log")
    assert log.scan(since="2024-01-01", types="A", upto=4, start=2).collect().schema == STORED
    assert (log.head, len(log), log.rejected().height) == (0, 0, 0)
    assert log.rejected().columns[-1] == "rejected_at"
    assert repr(log) == f"<Log '{tmp_path / 'deep' / 'log'}': 0 events>"
    assert not (tmp_path / "deep").exists()


def test_only_the_files_asked_for_are_read(tmp_path: Path) -> None:
    """Positions decide by statistics which files are read at all."""
    log = Log(tmp_path / "log")
    for number in range(6):
        log.append(events([2 * number, 2 * number + 1]))
    assert log.scan(start=7, upto=9).explain().count(".parquet") == 2
    assert log.scan(start=8, upto=9).explain().count(".parquet") == 1
    assert "SORT" not in log.scan().explain()


def test_an_invalid_moment_is_an_error(log: Log) -> None:
    """A text that is not a moment does not give an empty answer."""
    with pytest.raises(MomentError):
        log.scan(since="yesterday")


def test_a_log_says_what_it_is(tmp_path: Path) -> None:
    """The representation names path, events and the time they span; its HTML is escaped."""
    log = Log(tmp_path / "<b>log")
    log.append([event(1, occurred_at="2023-12-31T23:59:59Z")])
    assert repr(log) == f"<Log '{tmp_path / '<b>log'}': 1 event from 2023-12-31 to 2023-12-31>"
    log.append(events(range(2, 1500)))
    log.append([event(1, data={})])
    assert repr(log).endswith("1,499 events from 2023-12-31 to 2024-01-28, 1 rejected line>")
    html = log._repr_html_()
    assert "&lt;b&gt;log" in html
    assert "<b>log" not in html
    assert "1,499 events" in html


def test_no_log_and_none_to_be_made(tmp_path: Path) -> None:
    """With ``create=False`` a missing log is an error that says what to type, and nothing is made."""
    with pytest.raises(LogError, match=r"the log .*none does not exist") as raised:
        Log(tmp_path / "none", create=False)
    assert "eventsource pull" in str(raised.value.hint)
    assert not (tmp_path / "none").exists()
    Log(tmp_path / "none").append(events([1]))
    assert Log(tmp_path / "none", create=False).head == 1


def test_folders_of_other_things_are_refused(tmp_path: Path) -> None:
    """A file, a folder of other files, a table without log or with other columns: each is a clear error."""
    (tmp_path / "file").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("")
    (tmp_path / "plain" / "events").mkdir(parents=True)
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "plain" / "events" / "a.parquet")
    pl.DataFrame({"a": [1]}).write_delta(tmp_path / "table" / "events")
    for name in ("file", "other", "plain"):
        with pytest.raises(LogError, match="not an event log"):
            Log(tmp_path / name)
    with pytest.raises(LogError, match=r"expected a table of position, .*, got a Int64"):
        Log(tmp_path / "table")
    for name in ("a%20b", "a[1]", "a\\b", "a\nb", "a|b", "a^b"):
        with pytest.raises(LogError, match="Delta Lake accepts no path with"):
            Log(tmp_path / name)


def test_folders_that_may_become_a_log_are_taken(tmp_path: Path) -> None:
    """An empty folder, one with hidden files, one with odd letters, and a relative one are logs-to-be."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / ".gitignore").write_text("*")
    (tmp_path / "half" / "events" / "_delta_log").mkdir(parents=True)
    for name in ("hidden", "half", "my log (1) #2 ü?*", "a&b=c;'$~", "100% of 中"):
        log = Log(tmp_path / name)
        assert log.append(events([1, 2])).head == 2
        assert log.append(events([2, 3])).head == 3
        assert ids(Log(str(tmp_path / name) + "/")) == ["e1", "e2", "e3"]


def test_the_working_directory_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log by a relative path stays where it was when the working directory changes."""
    monkeypatch.chdir(tmp_path)
    log = Log("log")
    log.append(events([1]))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    log.append(events([2]))
    assert ids(log) == ["e1", "e2"]
    assert os.listdir() == []  # noqa: PTH208 - the current directory
    assert log.path == "log"


def test_times_at_the_edge_of_a_scan_belong_to_it(tmp_path: Path) -> None:
    """``since`` and ``until`` are inclusive to the microsecond; dates are whole days."""
    log, midnight = Log(tmp_path / "log"), datetime(2024, 6, 1, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    times = [midnight - tick, midnight, midnight + timedelta(days=1) - tick, midnight + timedelta(days=1)]
    log.append([event(number, occurred_at=time) for number, time in enumerate(times)])
    day = log.scan(since="2024-06-01", until="2024-06-01").collect()
    assert day["event_id"].to_list() == ["e1", "e2"]
    exact = log.scan(since=times[0], until=times[0]).collect()
    assert exact["event_id"].to_list() == ["e0"]
