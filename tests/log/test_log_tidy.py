"""Removing what no version needs: what remains, and what others notice of it."""

import os
import signal
import time
from pathlib import Path

import pytest

from eventsource.errors import LogError
from eventsource.log import Log, Tidied, _compaction
from tests.hostile import effort
from tests.log.logkit import Lines, events, ids, is_sound, lines, run
from tests.log.test_log_faults import APPEND, finished

TIDY = """
import os, signal, sys
from eventsource.log import Log, _storage, _table

left = int(sys.argv[2])

def killed_around(owner, name):
    whole = getattr(owner, name)
    def step(*given, **named):
        global left
        for _ in range(2):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            if _ == 0:
                found = whole(*given, **named)
        return found
    setattr(owner, name, step)

if left:
    killed_around(_table.Table, "_commit")
    killed_around(_storage.Storage, "remove")
print(Log(sys.argv[1]).tidy(hours=0).files)
"""

ASK = """
import sys
from pathlib import Path
import eventsource as es
from tests.log.erasurekit import SMALL
class Seen(es.Model):
    n = es.largest("A", "B", of="n")
    of_all = es.count("A", "B")
log, asked = es.Log(sys.argv[1]), 0
while not Path(sys.argv[2]).exists():
    for timeline in (es.Timeline(log, Seen, tuning=SMALL), es.Timeline(log, Seen)):
        states = timeline.as_of(upto=8)
        assert states["of_all"].sum() == 8, states
        asked += 1
print(asked)
"""


def parquet(log: Log, table: str = "events") -> set[str]:
    return {path.name for path in (Path(log.path) / table).glob("*.parquet")}


def make_old(path: Path) -> None:
    """Give all files of a folder the time of two days ago."""
    for file in path.rglob("*.parquet"):
        os.utime(file, (0, time.time() - 48 * 3600))


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log with merged files, an old and a new file of killed writers, and rejected lines that were cleared."""
    monkeypatch.setattr(_compaction, "_MOST_SMALL_FILES", 4)
    log = Log(tmp_path / "log")
    for number in range(8):
        log.append(events([number]))
    log.pull(Lines(lines(tmp_path / "raw", ["bad", 7, 99])))
    log.clear_rejected()
    make_old(tmp_path / "log")
    for table in ("events", "rejected"):
        content = next((tmp_path / "log" / table).glob("*.parquet")).read_bytes()
        for age in (0, 25):
            orphan = tmp_path / "log" / table / f"part-{age}-hours.parquet"
            orphan.write_bytes(content)
            os.utime(orphan, (0, time.time() - 3600 * age))
    (tmp_path / "log" / "events" / "notes.txt").write_text("of somebody else")
    return log


def test_files_of_killed_writers_are_removed_after_a_day(log: Log) -> None:
    """What a compaction has replaced just now stays, however old it is: readers may still use it."""
    frame, before = log.scan(), {table: parquet(log, table) for table in ("events", "rejected")}
    assert frame.collect().height == 9
    removed = log.tidy()
    assert (removed.files, removed.bytes > 1000) == (2, True)
    for table, names in before.items():
        assert names - parquet(log, table) == {"part-25-hours.parquet"}
    assert log.tidy() == Tidied(0, 0)
    assert is_sound(log)


def test_without_a_grace_period_only_what_the_log_needs_remains(log: Log) -> None:
    """No event is lost, files of others stay, and appends continue."""
    before = log.scan().collect()
    assert log.tidy(hours=0).files > 6
    for table in (log._events, log._rejected.table):
        assert parquet(log, Path(table.path).name) == table.refresh().names()
    assert (Path(log.path) / "events" / "notes.txt").exists()
    assert log.scan().collect().equals(before)
    assert Log(log.path).append(events([5, 50])).appended == 1
    assert is_sound(log)


def test_a_new_log_has_nothing_to_remove(tmp_path: Path) -> None:
    """This neither fails nor makes the log."""
    assert Log(tmp_path / "log").tidy() == Tidied(0, 0)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("hours", [-1, 1.5, "24", None, True])
def test_hours_that_are_not_a_number(tmp_path: Path, hours: object) -> None:
    """A wrong value removes nothing."""
    with pytest.raises(LogError, match="whole number from 0 on"):
        Log(tmp_path / "log").tidy(hours=hours)  # type: ignore[arg-type]  # the point


@pytest.mark.hostile
@pytest.mark.slow
def test_tidying_that_is_killed_loses_nothing(log: Log) -> None:
    """After kill -9 before or after any step all events are there, and the next call removes the rest."""
    expected, step, killed = log.scan().collect(), 0, 0
    while True:
        step += 1
        tidy = run(TIDY, log.path, step)
        tidy.communicate(timeout=120)
        assert Log(log.path).scan().collect().equals(expected)
        if tidy.returncode == 0:
            break
        killed += tidy.returncode == -signal.SIGKILL
    assert killed >= 2
    assert parquet(log) == log._events.refresh().names()
    assert Log(log.path).append(events([5, 50])).appended == 1
    assert is_sound(log)


@pytest.mark.hostile
@pytest.mark.slow
def test_tidying_beside_appends_and_questions(tmp_path: Path) -> None:
    """Without a grace period, the harshest: every append succeeds, and every answer is right."""
    path = tmp_path / "log"
    Log(path).append(events(range(8)))
    readers = [run(ASK, path, tmp_path / "done")]
    writers = [run(APPEND, path, who) for who in range(1, effort(3, 9))]
    removed = 0
    while any(writer.poll() is None for writer in writers):
        removed += Log(path).tidy(hours=0).files
    finished(*writers)
    (tmp_path / "done").touch()
    assert int(finished(*readers)[0]) > 0
    log = Log(path)
    assert is_sound(log)
    wanted = {f"e{1000 * who + number}" for who in range(1, len(writers) + 1) for number in range(50)}
    assert set(ids(log)) >= wanted


@pytest.mark.hostile
def test_writers_wait_in_line(tmp_path: Path) -> None:
    """Without turns most of the writers' work had no effect, and one append waited for thirteen seconds."""
    from tests.benchmarks.writers import measured  # noqa: PLC0415 - this test alone

    _, each = measured(tmp_path / "log", effort(3, 8), effort(5, 25))
    mean, longest = each.mean(), each.max()
    assert isinstance(mean, float)
    assert isinstance(longest, float)
    assert longest < 8 * mean


def test_a_stopped_writer_delays_others_but_does_not_stop_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer waits for its turn as long as its patience lasts; then Delta decides."""
    from eventsource.log import _turns  # noqa: PLC0415 - private

    monkeypatch.setattr(_turns, "_PATIENCE", 0.2)
    log = Log(tmp_path / "log")
    log.append(events([1]))
    with _turns.turn(tmp_path / "log" / "events"):
        assert log.append(events([2])).appended == 1
    assert is_sound(log)


@pytest.mark.hostile
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there are no turns."""

    def fail(*_: object, **__: object) -> bool:
        raise OSError(37, "No locks available")

    log = Log(tmp_path / "log")
    log.append(events([1]))
    monkeypatch.setattr("filelock.lock_descriptor", fail)
    assert log.append(events([2])).appended == 1
