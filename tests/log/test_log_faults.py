"""Real faults: two writers at once, a process killed anywhere, a full disk."""

import random
import signal
import time
from pathlib import Path

import pytest

from eventsource.errors import LogError
from eventsource.log import Log
from tests.log.logkit import Lines, events, ids, is_sound, lines, run

APPEND = """
import sys
from tests.log.logkit import events
from eventsource.log import Log
log, who = Log(sys.argv[1]), int(sys.argv[2])
for number in range(10):
    begin = 1000 * who + 5 * number
    log.append(events([*range(begin, begin + 5), 7777, 8000 + number]))
"""

PULL = """
import sys
from pathlib import Path
from tests.log.logkit import Lines
from eventsource.log import Log
Log(sys.argv[1]).pull(Lines(Path(sys.argv[2]), size_of_batch=int(sys.argv[3])))
"""

LIMITED = """
import resource, sys
import polars as pl
from tests.log.logkit import events
from eventsource.errors import LogError
from eventsource.log import Log
log = Log(sys.argv[1])
log.append(events(range(5)))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    log.append([{**event, "data": {"n": index, "noise": str(hash((index, "x"))) * 9}}
                for index, event in enumerate(events(range(5, 20_000)))])
except LogError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2) if len(sys.argv) > 3 else None
"""


def finished(*programs: object) -> list[str]:
    outputs = []
    for program in programs:
        out, err = program.communicate(timeout=120)  # type: ignore[attr-defined]  # a Popen
        assert program.returncode == 0, err  # type: ignore[attr-defined]  # a Popen
        outputs.append(out)
    return outputs


@pytest.mark.slow
def test_two_processes_append_at_once(tmp_path: Path) -> None:
    """All succeed, even if there is no folder yet: positions are dense, ids unique, batches complete."""
    path = tmp_path / "log"
    finished(*[run(APPEND, path, who) for who in range(3)])
    log = Log(path)
    assert is_sound(log)
    wanted = {f"e{1000 * who + number}" for who in range(3) for number in range(50)}
    assert set(ids(log)) == wanted | {"e7777"} | {f"e{8000 + number}" for number in range(10)}
    found = {name: position for position, name in enumerate(ids(log))}
    for begin in (1000 * who + 5 * number for who in range(3) for number in range(10)):
        first = found[f"e{begin}"]
        assert [found[f"e{begin + offset}"] - first for offset in range(5)] == [0, 1, 2, 3, 4]
    assert log.rejected().is_empty()


@pytest.mark.slow
def test_two_threads_append_at_once(tmp_path: Path) -> None:
    """One `Log` object serves several threads, and concurrent readers see complete batches only."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - this test alone

    log = Log(tmp_path / "log")
    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(log.append, events(range(10 * n, 10 * n + 10))) for n in range(20)]
        while not all(one.done() for one in writing):
            assert log.scan().collect().height % 10 == 0
        assert sum(one.result().appended for one in writing) == 200
    assert is_sound(log)


@pytest.mark.slow
def test_a_pull_killed_anywhere_ends_in_the_same_log(tmp_path: Path) -> None:
    """After kill -9 the log has complete batches, and the same pull then ends as if it was never interrupted."""
    path = lines(tmp_path / "raw", [("bad%d" % n if n % 50 == 7 else n % 1900) for n in range(2000)])  # noqa: UP031 - short
    undisturbed = Log(tmp_path / "undisturbed")
    undisturbed.pull(Lines(path, size_of_batch=20))
    log, chance = tmp_path / "log", random.Random(5)
    killed = 0
    for _ in range(15):
        pull = run(PULL, log, path, 20)
        while pull.poll() is None and not (log / "events" / "_delta_log").exists():
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.9))
        pull.send_signal(signal.SIGKILL)
        pull.communicate(timeout=60)
        killed += pull.returncode == -signal.SIGKILL
        assert _is_prefix(Log(log), undisturbed)
    assert killed >= 3
    Log(log).pull(Lines(path, size_of_batch=20))
    assert Log(log).scan().collect().equals(undisturbed.scan().collect())
    kept = [one.rejected().drop("rejected_at").sort("line") for one in (Log(log), undisturbed)]
    assert kept[0].equals(kept[1])
    assert Log(log).pull(Lines(path, size_of_batch=20)).appended == 0


def _is_prefix(log: Log, other: Log) -> bool:
    """Return whether a log holds the first batches of another one, and its checkpoint fits."""
    rows, place = log.scan().collect(), log.checkpoint("lines:of a file").get("lines") or 0
    held = sum(n % 50 != 7 for n in range(min(place, 1900)))
    return rows.height == held and rows.equals(other.scan(upto=held).collect()) and place % 20 == 0


@pytest.mark.parametrize("limit", [3000, 60_000])
def test_a_full_disk_leaves_the_log_unchanged(tmp_path: Path, limit: int) -> None:
    """If a file cannot be written, the append fails with a LogError and a hint."""
    path = tmp_path / "log"
    (output,) = finished(run(LIMITED, path, limit))
    assert "File too large" in output
    assert "Hint: " in output
    assert "nothing was lost" in output
    log = Log(path)
    assert ids(log) == [f"e{number}" for number in range(5)]
    assert log.append(events(range(20))).appended == 15
    assert is_sound(log)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A log that lacks a file raises an error when it is read, and gives no shorter answer."""
    log = Log(tmp_path / "log")
    log.append(events([1]))
    log.append(events([2]))
    next((tmp_path / "log" / "events").glob("*.parquet")).unlink()
    with pytest.raises(LogError, match=r"log lacks a file: .*\.parquet"):
        log.scan()
