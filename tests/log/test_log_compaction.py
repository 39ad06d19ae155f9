"""Compaction merges many small files, and changes nothing else."""

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from eventsource.errors import AppendConflictError
from eventsource.log import Log, _compaction
from eventsource.log._files import HEAD, position_ranges
from eventsource.log._storage_errors import CommitConflictError
from tests.log.logkit import events, ids, is_sound


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compact at ten small files, so that the tests need not write hundreds."""
    monkeypatch.setattr(_compaction, "_MOST_SMALL_FILES", 10)


@pytest.mark.slow
def test_a_thousand_small_appends_make_few_files(tmp_path: Path) -> None:
    """Appends compact small files; order, positions and content stay."""
    log = Log(tmp_path / "log")
    for number in range(250):
        log.append(events([3 * number, 3 * number + 1, 3 * number + 2]))
    assert len(DeltaTable(tmp_path / "log" / "events").file_uris()) <= 101
    assert ids(log) == [f"e{number}" for number in range(750)]
    assert is_sound(log)


def test_compaction_changes_no_answer(tmp_path: Path, small: None) -> None:
    """Scans, filters, the representation, duplicates and the checkpoint are as before."""
    log, other = Log(tmp_path / "log"), Log(tmp_path / "other")
    other.append(events(range(100)))
    for number in range(50):
        log.append(events([2 * number, 2 * number + 1]))
    files = DeltaTable(tmp_path / "log" / "events").file_uris()
    assert len(files) <= 11
    assert any("joined" in file for file in files)
    assert log.scan().collect().equals(other.scan().collect())
    for start, upto in ((0, 5), (17, 23), (21, 22), (90, None), (100, None)):
        assert log.scan(start=start, upto=upto).collect().equals(other.scan(start=start, upto=upto).collect())
    assert repr(log).split(":", 1)[1] == repr(other).split(":", 1)[1]
    assert Log(tmp_path / "log").append(events(range(101))).duplicates == 100
    assert log.head == 101
    ranges = position_ranges(log._events.version.files())
    assert (ranges["first"][1:] == ranges["last"][:-1] + 1).all()
    assert "SORT" not in log.scan().explain()


def test_a_frame_from_before_a_compaction_stays_readable(tmp_path: Path, small: None) -> None:
    """A lazy frame that was made before a compaction can still be collected."""
    log = Log(tmp_path / "log")
    log.append(events([0]))
    frame = log.scan()
    for number in range(1, 30):
        log.append(events([number]))
    assert frame.collect()["event_id"].to_list() == ["e0"]


def test_large_files_are_not_compacted(tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only small neighbours are merged, and only up to the target size."""
    monkeypatch.setattr(_compaction, "_SMALL_BYTES", 4000)
    monkeypatch.setattr(_compaction, "_TARGET_BYTES", 20_000)
    log = Log(tmp_path / "log")
    for number in range(12):
        log.append(events([number]))
    log.append(events(range(100, 600)))
    for number in range(1000, 1009):
        log.append(events([number]))
    assert log.head == 521
    sizes = log._events.version.files().filter(pl.col("num_records") == 500)
    assert sizes["size_bytes"].item() >= 4000
    joined = log._events.version.files().filter(pl.col("path").str.starts_with("joined"))
    assert joined.height >= 2
    assert max(joined["num_records"]) < 20
    assert is_sound(log)


def test_a_compaction_gives_way_to_an_append(tmp_path: Path) -> None:
    """A compaction of a version that is no longer the newest is a conflict."""
    log, other = Log(tmp_path / "log"), Log(tmp_path / "log")
    log.append(events([1]))
    log.append(events([2]))
    table = log._events_table()
    table.refresh()
    files = position_ranges(table.version.files())
    other.append(events([3]))
    with pytest.raises(CommitConflictError):
        table.replace_files(
            files, [table.data.write("joined", table.version.scan(files["path"].to_list()))], {HEAD: 2}
        )
    assert issubclass(CommitConflictError, AppendConflictError)
    assert ids(log) == ["e1", "e2", "e3"]


def test_a_scan_sorts_files_that_overlap(tmp_path: Path) -> None:
    """Files overlap after another tool has rewritten the table."""
    log = Log(tmp_path / "log")
    for numbers in (range(5), range(5, 2000), range(2000, 2003), range(2003, 4000)):
        log.append(events(numbers))
    table = log._events_table()
    table.refresh()
    files = position_ranges(table.version.files())
    merged = table.data.write("joined", table.version.scan(files[::2]["path"].to_list()))
    table.replace_files(files[::2], [merged], {HEAD: 4000})
    assert is_sound(log)
    assert ids(log) == [f"e{number}" for number in range(4000)]


def test_application_transactions_outlive_delta_checkpoints(tmp_path: Path) -> None:
    """The head and the source's checkpoint are found after Delta has merged its commit files."""
    from tests.log.logkit import Lines, lines  # noqa: PLC0415 - this test alone

    log = Log(tmp_path / "log")
    log.pull(Lines(lines(tmp_path / "raw", range(7))))
    log.append(events(range(100, 110)))
    DeltaTable(tmp_path / "log" / "events").create_checkpoint()
    log.append([])
    again = Log(tmp_path / "log")
    assert (again.head, again.checkpoint("lines:of a file").get("lines")) == (17, 7)
