"""Erasing events: their values are in no file any more, and everything else is as before."""

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

import eventsource as es
from eventsource.errors import LogError
from eventsource.log import Log
from tests.log.erasurekit import Person, derive, moved, people_log, traces
from tests.log.logkit import ids, is_sound


def test_erased_values_are_in_no_file(tmp_path: Path) -> None:
    """Neither in events, older versions, rejected lines, conflicts, corrections, index nor snapshots."""
    log = people_log(tmp_path / "log")
    derive(log)
    found = " ".join(traces(tmp_path / "log", "SECRET-ada-0"))
    for place in ("events/part", "rejected/part", "index/", "part-", "run-", ".snapshot"):
        assert place in found
    before = log.scan().collect()
    done = log.erase(stream="ada-0", reason="request 17", by="the clerk")
    assert (done.events, done.corrections, done.rejected) == (42, 2, 3)
    assert traces(tmp_path / "log", "SECRET-ada-0") == []
    assert traces(tmp_path / "log", "SECRET-ada-1") != []
    assert any("rejected/" in file for file in traces(tmp_path / "log", "SECRET-other-cut"))
    assert any("rejected/" in file for file in traces(tmp_path / "log", "SECRET-ada-1-cut"))
    after = log.scan().collect()
    assert after.drop("data", "metadata").equals(before.drop("data", "metadata"))
    erased = (pl.col("stream") == "ada-0") | pl.col("event_id").is_in(["k0", "k2"])
    assert after.filter(~erased).equals(before.filter(~erased))
    assert after.filter(pl.col("stream") == "ada-0")["data"].unique().to_list() == ["{}"]
    assert after.filter(erased)["metadata"].unique().to_list() == [f'{{"$erased":"{done.id}"}}']
    assert after.filter(pl.col("event_id").is_in(["k0", "k2"]))["data"].to_list() == [
        '{"event_id":"e0","data":{}}',
        '{"event_id":"e10"}',
    ]


def test_answers_after_an_erasure(tmp_path: Path) -> None:
    """Erased events count and have a moment, but say nothing; open timelines and new ones give the same."""
    log = people_log(tmp_path / "log")
    stored, memory = derive(log), es.Timeline(log, Person)
    before = memory.as_of()
    assert stored.as_of().equals(before)
    log.erase(stream=["ada-0", "ada-3"], reason="request")
    fresh = es.Timeline(Log(tmp_path / "log"), Person)
    for people in (stored, memory, fresh):
        after = people.as_of()
        others = ~pl.col("entity").is_in(["ada-0", "ada-3"])
        assert after.filter(others).equals(before.filter(others))
        assert after["moves"].to_list() == before["moves"].to_list()
        assert after.filter(~others).select("email", "cities").rows() == [(None, []), (None, [])]
        assert people.as_of(upto=100).filter(~others)["email"].to_list() == [None, None]
    snapshot = stored.snapshot("2024-01-10")
    assert snapshot.entities == 5
    assert stored.as_of("2024-01-20").equals(fresh.as_of("2024-01-20"))
    assert traces(tmp_path / "log", "SECRET-ada-0") == []


def test_single_events_and_their_corrections(tmp_path: Path) -> None:
    """A correction of an erased event goes with it; an erased correction leaves its target without a payload."""
    log = people_log(tmp_path / "log")
    done = log.erase(event_ids="e1", reason="wrong person")
    assert (done.events, done.corrections, done.rejected) == (2, 1, 0)
    assert traces(tmp_path / "log", "SECRET-ada-1-1@") == []
    assert traces(tmp_path / "log", "SECRET-ada-1-corrected") == []
    assert traces(tmp_path / "log", "SECRET-ada-1-6@") != []
    assert log.erase(event_ids=["k0", "e6"], reason="wrong").rejected == 1
    data = dict(log.scan().select("event_id", "data").collect().iter_rows())
    assert (data["k0"], data["e6"]) == ('{"event_id":"e0","data":{}}', "{}")
    assert "SECRET-ada-0-0" in data["e0"]


def test_erased_events_that_arrive_again_are_duplicates(tmp_path: Path) -> None:
    """They are dropped, and do not become conflicts: their payload would come back as a rejected line."""
    log = people_log(tmp_path / "log", events=20)
    open_before = Log(tmp_path / "log")
    open_before.append([moved(0, "ada-0")])
    log.erase(stream="ada-0", reason="request", hash_ids=True)
    log.erase(event_ids=["e1"], reason="another request")
    for writer in (open_before, log, Log(tmp_path / "log")):
        again = [moved(number, f"ada-{number % 5}") for number in (0, 1, 5, 2)]
        appended = writer.append([*again, moved(900 + writer.head, "ada-9")])
        assert (appended.appended, appended.duplicates, appended.conflicts.height) == (1, 4, 0)
    assert traces(tmp_path / "log", "SECRET-ada-0") == []
    assert is_sound(log)


def test_hashed_ids(tmp_path: Path) -> None:
    """Ids and the streams that are erased as a whole have no trace; all hashes have one salt."""
    log = people_log(tmp_path / "log")
    assert log.erase(stream="ada-0", reason="request", hash_ids=True).hashed
    log.erase(event_ids="e1", reason="request", hash_ids=True)
    rows = log.scan().collect()
    erased = rows.filter(pl.col("event_id").str.starts_with("erased:"))
    assert erased["stream"].value_counts().sort("count")["count"].to_list() == [1, 3, 40]
    assert erased["event_id"].str.split(":").list.get(1).n_unique() == 1
    assert traces(tmp_path / "log", '"e0"') == []
    assert traces(tmp_path / "log", "'e10'") == []
    assert traces(tmp_path / "log", "'ada-0'") == []
    corrections = rows.filter(pl.col("type").str.starts_with("$"))["data"].str.json_path_match("$.event_id")
    assert set(corrections) <= set(rows["event_id"])
    assert is_sound(log)
    assert log.erase(event_ids="e0", reason="again").events == 0


def test_what_is_not_there_cannot_be_erased(tmp_path: Path) -> None:
    """The error names something near; nothing is written."""
    log = people_log(tmp_path / "log", events=20)
    with pytest.raises(LogError, match="has no stream 'ada-7'; nothing was erased\nHint: did you mean 'ada-"):
        log.erase(stream="ada-7", reason="r")
    with pytest.raises(LogError, match="has no event 'e77'"):
        log.erase(event_ids=["e1", "e77"], reason="r")
    with pytest.raises(LogError, match="expected streams or event_ids"):
        log.erase(reason="r")
    with pytest.raises(LogError, match="does not exist"):
        Log(tmp_path / "none").erase(stream="a", reason="r")
    assert not (tmp_path / "none").exists()
    assert log.erase(stream="ada-1", reason="r", dry_run=True).events == 5
    assert not any(path.suffix == ".json" for path in (tmp_path / "log" / "erasures").glob("*"))
    assert log.erasure_receipts().is_empty()
    assert traces(tmp_path / "log", "SECRET-ada-1-1@") != []


def test_receipts_name_no_person(tmp_path: Path) -> None:
    """They say who, when, why and how many; nothing else is left in their folder."""
    log = people_log(tmp_path / "log")
    done = log.erase(stream="ada-0", reason="request 17", by="the clerk")
    log.erase(event_ids=["e1", "e2"], reason="request 18")
    receipts = log.erasure_receipts()
    assert receipts["reason"].to_list() == ["request 17", "request 18"]
    assert receipts["by"][0] == "the clerk"
    assert receipts["events"].to_list() == [42, 3]
    folder = tmp_path / "log" / "erasures"
    assert {path.name for path in folder.iterdir()} == {"lock", *(f"{name}.json" for name in receipts["id"])}
    receipt = json.loads((folder / f"{done.id}.json").read_text())
    assert "ada-0" not in str(receipt)
    assert set(receipt) == set(receipts.columns)


def test_marks_outlive_an_erasure(tmp_path: Path) -> None:
    """The log is not taken for another one: what was read from it before is known as such."""
    log = people_log(tmp_path / "log")
    before = (log.head, log.mark)[1]
    open_before = Log(tmp_path / "log")
    assert open_before.head == 203
    log.erase(stream="ada-0", reason="r")
    after = (log.head, log.mark)[1]
    for number, each in enumerate((log, open_before, Log(tmp_path / "log"))):
        assert each.head == 203 + number
        assert (each.knows(before), each.knows(after)) == (True, True)
        assert (each.is_from_before_erasure(before), each.is_from_before_erasure(after)) == (True, False)
        assert each.append([moved(700 + each.head, "ada-9")]).appended == 1


def test_statistics_and_checkpoints_of_other_tools_lose_the_values(tmp_path: Path) -> None:
    """They may keep the least and greatest value of each column; the log stays readable."""
    folder = tmp_path / "log"
    people_log(folder)
    table = DeltaTable(folder / "events")
    table.alter.set_table_properties({"delta.dataSkippingStatsColumns": "position,occurred_at,data,stream"})
    table.optimize.compact()
    Log(folder).append([moved(300, "ada-0")])
    table = DeltaTable(folder / "events")
    table.create_checkpoint()
    left = traces(folder / "events" / "_delta_log", "SECRET-ada-0")
    assert {Path(file).suffix for file in left} == {".parquet", ".json"}
    log = Log(folder)
    mark = (log.head, log.mark)[1]
    log.erase(stream="ada-0", reason="r")
    assert traces(folder, "SECRET-ada-0") == []
    again = Log(folder)
    assert again.head == 204
    assert again.knows(mark) is not False
    assert again.append([moved(301, "ada-2")]).appended == 1
    assert sorted(again.scan().collect()["position"]) == list(range(205))
    assert DeltaTable(folder / "events").to_pyarrow_table().num_rows == 205


def test_files_of_killed_writers_lose_the_values(tmp_path: Path) -> None:
    """A writer that died before its commit has left a file, whole or half, that no version names."""
    folder = tmp_path / "log"
    log = people_log(folder)
    for table in ("events", "rejected"):
        rows = pl.DataFrame({"secret": ["SECRET-ada-0-left"]})
        rows.write_parquet(folder / table / "part-left.parquet")
        (folder / table / "part-half.parquet").write_bytes(b"PAR1 SECRET-ada-0-half"[4:])
        (folder / table / "_change_data").mkdir()
        rows.write_parquet(folder / table / "_change_data" / "cdc.parquet")
    log.erase(stream="ada-0", reason="r")
    assert traces(folder, "SECRET-ada-0") == []
    assert is_sound(log)


def test_a_log_without_erasures_has_nothing_of_them(tmp_path: Path) -> None:
    """No folder, no numbers in marks or folders: what does not occur costs nothing."""
    log = people_log(tmp_path / "log", events=30)
    people = derive(log)
    assert log.erasures == 0
    assert not (tmp_path / "log" / "erasures").exists()
    assert len(log.mark.split(" ")) == 3
    assert "-" not in people._snapshots.store.folder.name


def test_caches_of_a_log_that_was_read_only_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in the user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    log = people_log(tmp_path / "log")
    can_write = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.W_OK and can_write(path, mode, **more))
    derive(log)
    assert traces(tmp_path / "cache", "SECRET-ada-0") != []
    monkeypatch.setattr(os, "access", can_write)
    log.erase(stream="ada-0", reason="r")
    assert traces(tmp_path / "cache", "SECRET-ada-0") == []


def test_rejected_lines_are_matched_by_whole_names(tmp_path: Path) -> None:
    """Names in JSON must be equal to a value; in other lines they must be words."""
    from eventsource.log._erasure import names_any  # noqa: PLC0415 - the one test that looks inside

    lines = {
        b'{"stream":"ada-0"}': True,
        b'{"a":[{"b":"ada-0"}]}': True,
        b'{"stream":"ada-01"}': False,
        b'{"note":"ada-0 called"}': False,
        b'{"n": 7}': True,
        b'{"n": 70}': False,
        b"x,ada-0,y": True,
        b"x,ada-01": False,
        b"x-ada-0": False,
        b'{"stream":"ada-0","cut': True,
        b'{"source":"/s","id":"1"}': True,
        b'{"source":"/s","id":"1","cut': True,
        b'{"stream":"\\u00e4da"}': True,
        '{"stream":"äda","cut'.encode(): True,
        b'{"stream":"\\u00e4da","cut': True,
        b"\xff\xfe,ada-0": True,
        b"": False,
    }
    assert names_any(list(lines), ["ada-0", "7", "/s#1", "äda"]) == list(lines.values())
    assert names_any(list(lines), []) == [False] * len(lines)
    assert ids(people_log(tmp_path / "log", events=10))[:2] == ["e0", "e1"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"erasure": {"id": "../../../victim", "at": "2024-01-01"}, "streams": []}'],
)
def test_a_damaged_or_forged_record_is_an_error(tmp_path: Path, content: bytes) -> None:
    """It names the file and what to type; no name in it becomes a path."""
    log = people_log(tmp_path / "log", events=20)
    log.erase(event_ids="e3", reason="r")
    folder = tmp_path / "log" / "erasures"
    (folder / "pending.json").write_bytes(content)
    with pytest.raises(LogError, match=r"pending.json is damaged: .*\nHint: erase the same events again"):
        log.append([moved(99, "ada-9")])
    (folder / "pending.json").rename(folder / "2024-1.json")
    with pytest.raises(LogError, match=r"2024-1.json is damaged"):
        log.erasure_receipts()
    assert log.append([moved(99, "ada-9")]).appended == 1
    assert not list(tmp_path.parent.glob("victim*"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"event_ids": [5], "reason": "request"}, "expected names of streams and ids of events as texts, got 5"),
        ({"stream": [None], "reason": "request"}, "as texts, got None"),
        ({"stream": "ada-0", "reason": ""}, "expected a reason for the receipt, got ''"),
        ({"stream": "ada-0", "reason": None}, "expected a reason for the receipt, got None"),
        ({"stream": "qqq", "reason": "request"}, "shows the stream of each event"),
    ],
)
def test_wrong_arguments_erase_nothing(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    """A wrong type was a TypeError, an empty reason was taken, and a hint said that there is no stream."""
    log = people_log(tmp_path / "log")
    with pytest.raises(LogError, match=message):
        log.erase(**given)
    assert log.erasure_receipts().is_empty()
    assert log.erase(event_ids=pl.Series(["e1"]), reason="a column is taken, too").events >= 1
