"""Worker processes change nothing of what is read: events, their order, rejected lines, checkpoints and notes."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource import interpreters
from eventsource.errors import SourceError
from eventsource.event import Batch
from eventsource.interpreters import in_order, worker_count
from eventsource.sources import files
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._options import FileOptions
from eventsource.sources._records import LineMapping
from eventsource.sources._times import TimeReader
from eventsource.sources.files import Files
from tests.sources.sourcekit import line, write
from tests.sources.test_source_ways import ODD

_LINES = [b"", *ODD, *(line(number, occurred_at="2024-01-01 10:00") for number in range(300)), *ODD]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of ugly files: every format that is decoded in blocks, and what ends a file."""
    folder = tmp_path_factory.mktemp("raw")
    write(folder / "a.jsonl", *_LINES)
    write(folder / "b.jsonl.gz", *_LINES, end=b"\r\n")
    write(folder / "c.jsonl", b"\xef\xbb\xbf" + line(1), *_LINES, end=b"\r\n")
    (folder / "d.jsonl").write_bytes(b"\n".join([*_LINES, line(9)[:40]]))  # a half-written line
    (folder / "e.jsonl").write_bytes(b"\n".join([*_LINES, line(9)]))
    whole = gzip.compress(b"\n".join(line(number) for number in range(20_000)))
    (folder / "f.jsonl.gz").write_bytes(whole[: len(whole) // 2])  # a damaged file
    (folder / "g.json").write_bytes(b"[" + b",\n".join(line(number) for number in range(300)) + b"]")
    rows = [f"{number},s,T,2024-01-01,x\n" for number in range(600)]
    rows[100:110] = ['7,s,T,2024-01-01,"two\nlines"\n'] * 10
    rows[300:303] = ["7,s\n", '7,s,T,2024-01-01,"open\n', '8,s,T,2024-01-01,"bad"x\n']
    (folder / "h.csv").write_text("id,stream,type,occurred_at,n\n" + "".join(rows))
    (folder / "i.jsonl").write_bytes(b"")
    return folder


def _read(path: Path, workers: int, **more: Any) -> list[Batch]:
    options = FileOptions(block=3000, max_line=20_000, workers=workers, parallel=0)
    mapping = LineMapping(FieldMapping(more, {}))
    source = Files(str(path), mapping=mapping, times=TimeReader("Europe/Warsaw", None), options=options, digest=7)
    return list(source.batches({}))


def _same(one: list[Batch], other: list[Batch]) -> bool:
    return [_plain(batch) for batch in one] == [_plain(batch) for batch in other]


def _plain(batch: Batch) -> list[Any]:
    frames = [batch.events.rows(), batch.rejected.rows()]
    return [*frames, list(batch.checkpoint.items()), batch.read, batch.notes, batch.reread_after]


def test_workers_give_the_batches_of_one_process(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same order, with the same checkpoints, and with batches that end at the same lines."""
    monkeypatch.setattr(files, "_BATCH_ROWS", 250)
    started = _started(monkeypatch)
    one = _read(raw, 1, event_id=["stream", "@line"])
    assert not started
    two = _read(raw, 2, event_id=["stream", "@line"])
    assert len(started) == 2
    assert len(one) > 5
    assert sum(batch.events.height for batch in one) > 10_000
    assert sum(batch.rejected.height for batch in one) > 100
    assert _same(one, two)
    assert [process.poll() is not None for process in started] == [True, True]


def test_a_worker_that_is_killed_costs_nothing_but_time(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines are decoded by the pull itself, and a note says so; also if all workers are killed."""
    one = _read(raw, 1)
    for count in (1, 2):
        started = _started(monkeypatch, after=lambda process: os.kill(process.pid, signal.SIGKILL), first=count)
        two = _read(raw, 2)
        assert len(started) == 2
        note = f"{count} worker process{'es' * (count > 1)} ended early (killed, or out of memory): "
        assert [each for batch in two for each in batch.notes if each.startswith(note)]
        assert [batch.events.rows() for batch in one] == [batch.events.rows() for batch in two]
        assert [batch.rejected.rows() for batch in one] == [batch.rejected.rows() for batch in two]
        assert [batch.checkpoint for batch in one] == [batch.checkpoint for batch in two]


def _started(
    monkeypatch: pytest.MonkeyPatch, after: Callable[[Any], None] = lambda _: None, first: int = 0
) -> list[subprocess.Popen[bytes]]:
    """Collect the workers that are started; call a function with the first ones."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: Any, **more: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(*arguments, **more))
        if len(started) <= first:
            after(started[-1])
        return started[-1]

    popen = type("Subprocess", (), {"Popen": staticmethod(start), "PIPE": subprocess.PIPE})
    monkeypatch.setattr(interpreters, "subprocess", popen)
    return started


def test_without_processes_a_pull_decodes_alone(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses to start one."""
    one = _read(raw / "a.jsonl", 1)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert _same(one, _read(raw / "a.jsonl", 2))


_PULL = """
import os, signal, sys
import eventsource as es
from eventsource import interpreters
from eventsource.sources import files
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._options import FileOptions
from eventsource.sources._records import LineMapping
files._BATCH_ROWS = 1000
options = FileOptions(block=20_000, workers=2, parallel=0)
source = files.Files(sys.argv[1], mapping=LineMapping(FieldMapping()), options=options)
def kill(progress):
    if progress.appended >= 3000:
        print(*(child for child in open(f"/proc/self/task/{os.getpid()}/children").read().split()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
es.Log(sys.argv[2]).pull(source, progress=kill if len(sys.argv) > 3 else None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the test reads the list of child processes from /proc")
def test_a_pull_that_is_killed_resumes_and_leaves_no_workers(tmp_path: Path) -> None:
    """Every event is appended once and in order; workers end when the pull is gone."""
    path = write(tmp_path / "a.jsonl", *(line(number) for number in range(10_000)))
    command = [sys.executable, "-c", _PULL, str(path), str(tmp_path / "log")]
    killed = subprocess.run([*command, "kill"], capture_output=True, text=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    workers = [int(child) for child in killed.stdout.split()]
    assert len(workers) == 2
    log = es.Log(tmp_path / "log")
    assert 3000 <= log.head < 10_000
    log.pull(es.source(path))
    assert log.scan().collect()["event_id"].to_list() == [f"e{number}" for number in range(10_000)]
    end = time.monotonic() + 30
    while any(map(_is_running, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(_is_running, workers))


def _is_running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_results_come_in_order_and_few_are_waited_for() -> None:
    """So memory stays bounded, however much there is to read."""
    made: list[int] = []

    def later() -> Iterator[Callable[[], int]]:
        for number in range(20):
            made.append(number)
            yield lambda number=number: number  # type: ignore[misc]

    for taken, number in enumerate(in_order(later(), lambda: 3)):
        assert number == taken
        assert len(made) <= taken + 4


def test_the_number_of_workers_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is an argument, or a variable of the environment, or that of the processors."""
    assert 1 <= worker_count(None) <= 8
    monkeypatch.setenv("EVENTSOURCE_WORKERS", "3")
    assert (worker_count(None), worker_count(12)) == (3, 12)
    for wrong in (0, -1):
        with pytest.raises(SourceError, match="expected workers to be a number from 1 on"):
            es.source(tmp_path, workers=wrong)
    monkeypatch.setenv("EVENTSOURCE_WORKERS", "many")
    with pytest.raises(SourceError, match="expected EVENTSOURCE_WORKERS to be a number from 1 on, got 'many'"):
        es.source(tmp_path)


def test_a_small_file_starts_no_worker(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As starting one takes longer than reading the file."""
    started = _started(monkeypatch)
    assert list(es.source(raw / "a.jsonl", workers=4).batches({}))
    assert not started


def test_named_formats_reach_the_workers(tmp_path: Path) -> None:
    """A mapping with functions, such as that of Debezium, is sent by its name."""
    change = {
        "op": "c",
        "after": {"id": 1},
        "source": {"table": "t", "db": "d", "ts_ms": 1_704_067_200_000, "pos": 4},
    }
    path = write(tmp_path / "a.jsonl", *([json.dumps(change).encode()] * 60))
    found = []
    for count in (1, 2):
        source = es.source(path, preset="debezium", tz="Europe/Warsaw", workers=count)
        assert isinstance(source, Files)
        source._options = FileOptions(block=1000, workers=count, parallel=0)
        found.append(list(source.batches({})))
    assert found[0][0].events.height == 60
    assert _same(*found)
