"""`check --deep`: damaged files of the log, and the positions of their events."""

import os
import random
import shutil
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import eventsource as es
from eventsource.check import check_files, check_log
from eventsource.errors import EventsourceError, LogError
from eventsource.log._files import HEAD, position_ranges
from tests.conformance.stored import BUSY, busy_events
from tests.hostile import effort

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning"),
]

EVENTS = busy_events(3, 90)


@pytest.fixture
def log(tmp_path: Path) -> es.Log:
    """A log of three commits, with 30 events each."""
    log = es.Log(tmp_path / "log")
    for start in range(0, 90, 30):
        log.append(EVENTS[start : start + 30])
    return log


def second_file(log: es.Log) -> Path:
    """Return the file of the positions 30 to 59."""
    return Path(log.data_files()[1].path)


def test_a_sound_log_has_no_damaged_file(log: es.Log) -> None:
    """Nor has one whose files were merged."""
    assert check_files(log).is_empty()
    table = log._events_table()
    files = position_ranges(table.refresh().files())
    table.replace_files(files, [table.data.write("joined", log.scan())], {HEAD: 90})
    assert len(log.data_files()) == 1
    assert check_files(log).is_empty()


def test_a_truncated_file_is_named_with_its_positions(log: es.Log) -> None:
    """Every question and every append names it, too, in an error that says what to do."""
    file = second_file(log)
    os.truncate(file, file.stat().st_size - 100)
    found = check_files(log)
    assert set(found["file"]) == {str(file)}
    assert set(found.select("first", "last").rows()) == {(30, 59)}
    assert "bytes" in found["problem"][0]
    for does in (
        lambda: es.Timeline(log, BUSY).as_of(),
        lambda: es.Log(log.path).append(EVENTS[:40]),
        lambda: check_log(log),
        log.scan,
    ):
        with pytest.raises(LogError, match=r"\.parquet is damaged: expected [0-9,]+ bytes") as raised:
            does()
        assert "restore the file from a backup" in str(raised.value)


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_missing_file_is_named(log: es.Log, *, is_folder: bool) -> None:
    """So is one that is a folder now, which Polars reads as a table without rows."""
    file = second_file(log)
    file.unlink()
    if is_folder:
        file.mkdir()
    assert check_files(log).select("file", "first", "last").rows() == [(str(file), 30, 59)]
    with pytest.raises(LogError, match="part-"):
        es.Timeline(log, BUSY).as_of()


@pytest.mark.parametrize("content", [b"", b"\n", b"{", b"[]\n", b"\xff", b"null\n"])
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_damaged_commit_is_named(log: es.Log, number: int, content: bytes) -> None:
    """Delta reads an empty one as a commit without events, which answers would lack, and a pull append again."""
    commit = Path(log.path) / "events" / "_delta_log" / f"{number:020}.json"
    commit.write_bytes(content)
    for does in (
        lambda: es.Timeline(es.Log(log.path), BUSY).as_of(),
        lambda: es.Log(log.path).append(EVENTS),
        lambda: check_files(es.Log(log.path)),
    ):
        with pytest.raises(LogError, match=rf"{commit.name} is damaged") as raised:
            does()
        assert len(str(raised.value).splitlines()) == 2
        assert "restore the file from a backup" in str(raised.value)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_missing_commit_is_named(log: es.Log, number: int) -> None:
    """In one line, without the backtrace of another library."""
    commit = Path(log.path) / "events" / "_delta_log" / f"{number:020}.json"
    commit.unlink()
    with pytest.raises(LogError, match=rf"{commit.name} is missing") as raised:
        es.Log(log.path)
    assert len(str(raised.value).splitlines()) == 2


def test_checksums_of_pages_find_a_changed_bit(log: es.Log) -> None:
    """If another tool has rewritten the files with checksums, any bit of a page is covered."""
    table, folder = log._events_table(), Path(log.path) / "events"
    files = position_ranges(table.refresh().files())
    merged = table.data.write("joined", log.scan())
    rows = pq.read_table(folder / merged.path)
    pq.write_table(rows, folder / merged.path, compression="none", write_page_checksum=True, use_dictionary=False)
    merged.size = (folder / merged.path).stat().st_size
    table.replace_files(files, [merged], {HEAD: 90})
    assert check_files(log).is_empty()
    content = bytearray((folder / merged.path).read_bytes())
    content[content.index(b"e45")] ^= 1  # an id, which no statistics mention
    (folder / merged.path).write_bytes(content)
    [(file, first, last, problem)] = check_files(log).rows()
    assert (file, first, last) == (str(folder / merged.path), 0, 89)
    assert "CRC" in problem


def test_no_flipped_bit_is_an_error_of_another_library(log: es.Log, tmp_path: Path) -> None:
    """Whatever it makes of a file of the log: an answer, or an error that names the file or the event."""
    chance = random.Random(9)
    whole = [file.path for file in log.data_files()]
    outcomes = {"answer": 0, "error": 0}
    for number in range(effort(12, 400)):
        path = tmp_path / str(number)
        shutil.copytree(log.path, path)
        file = path / "events" / Path(chance.choice(whole)).name
        content = bytearray(file.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
        copy = es.Log(path)
        damaged = check_files(copy)
        assert set(damaged["file"]) <= {str(file)}
        said = _error_of(copy)
        is_panic = f"a file of {path} is damaged" in said  # at some bits only one way of reading panics
        assert not said or (file.name in said and damaged.height) or "at position" in said or is_panic
        outcomes["error" if said else "answer"] += 1
        shutil.rmtree(path)
    assert outcomes["error"]


def test_a_panic_of_one_way_of_reading_is_an_error(log: es.Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files can be decoded, and yet Polars panicked: the error names the table."""

    def panic(*_: object) -> None:
        raise pl.exceptions.PanicException("assertion failed")

    monkeypatch.setattr("eventsource.timeline._names._unknown_names", panic)
    with pytest.raises(LogError, match=r"a file of .*log is damaged: assertion failed"):
        es.Timeline(log, BUSY).as_of()


def _error_of(log: es.Log) -> str:
    """Return what questions and an append complain about; errors of other libraries pass."""
    timeline = es.Timeline(log, BUSY)
    try:
        timeline.as_of()
        timeline.history()
        timeline.explain(EVENTS[0]["stream"])
        str(timeline.replay(EVENTS[0]["stream"]))
        log.append(EVENTS)
    except EventsourceError as error:
        return str(error)
    return ""


def test_a_commit_that_names_a_file_elsewhere_is_refused(log: es.Log, tmp_path: Path) -> None:
    """Nothing outside of the folder of the table is read."""
    victim = tmp_path / "victim.parquet"
    pl.DataFrame({"secret": [1]}).write_parquet(victim)
    commit = Path(log.path) / "events" / "_delta_log" / f"{2:020}.json"
    name = second_file(log).name
    for elsewhere in ("../../victim.parquet", str(victim), f"file://{victim}"):
        text = commit.read_text()
        commit.write_text(text.replace(name, elsewhere))
        with pytest.raises(LogError, match="not in the folder of the table"):
            es.Timeline(es.Log(log.path), BUSY).as_of()
        commit.write_text(text)
