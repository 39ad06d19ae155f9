"""Worker processes change nothing of an index: its runs, its facts, its answers."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

import eventsource as es
from eventsource import Log, interpreters
from eventsource.decode import Members
from eventsource.index import Index, _decode, _runs
from eventsource.plan import Plan
from tests.conformance.stored import BUSY, assert_answers, busy_events, reference, stored_timeline
from tests.index.indexkit import SMALL, log_with

EVENTS = busy_events(7, 400)
SETTLED = replace(BUSY, order="recorded_at")


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 50 positions, for which workers are started."""
    monkeypatch.setattr(_decode, "_WINDOW", 50)
    monkeypatch.setattr(_runs, "_LEAST", 0)


def _started(monkeypatch: pytest.MonkeyPatch, *, is_killed: bool = False) -> list[subprocess.Popen[bytes]]:
    """Collect the workers that are started; end them at once if they shall be killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: Any, **more: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(*arguments, **more))
        if is_killed:
            started[-1].kill()
            started[-1].wait()
        return started[-1]

    popen = type("Subprocess", (), {"Popen": staticmethod(start), "PIPE": subprocess.PIPE})
    monkeypatch.setattr(interpreters, "subprocess", popen)
    return started


def _index(log: Log, plan: Plan) -> tuple[dict[str, Any], list[pl.DataFrame]]:
    """Build an index; return its manifest without the names of files, and the content of all files."""
    index = Index(log, plan, sizes=SMALL)
    assert index.update()
    manifest = index.files.manifest()
    plain = manifest.to_dict()
    names = [
        each.pop(name)
        for each in (*plain["runs"], *plain["parts"])
        for name in ("file", "entities")
        if name in each
    ]
    names += [name for name in (plain.pop("clocks"), plain.pop("corrections"), plain.pop("readings")) if name]
    frames = [index.files.read(name) for name in names]
    return plain, [frame.sort("stream") if "clock" in frame.columns else frame for frame in frames]


@pytest.mark.parametrize("plan", [BUSY, SETTLED], ids=["occurred_at", "recorded_at"])
@pytest.mark.usefixtures("small_windows")
def test_workers_write_what_one_process_writes(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows in the same files, also with corrections."""
    started = _started(monkeypatch)
    found = []
    log = log_with(tmp_path / "log", EVENTS)
    log.retract(EVENTS[3]["event_id"], reason="a test")
    for count in (1, 2):
        monkeypatch.setenv(interpreters.VARIABLE, str(count))
        shutil.rmtree(tmp_path / "log" / "index", ignore_errors=True)
        found.append(_index(log, plan))
    assert len(started) == 2
    assert all(worker.returncode is not None for worker in started)
    (one, files), (other, same) = found
    assert len(one["runs"]) > 1
    assert one == other
    assert all(a.equals(b) for a, b in zip(files, same, strict=True))


@pytest.mark.usefixtures("small_windows")
def test_runs_of_killed_workers_are_written_by_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that ends early changes no answer."""
    started = _started(monkeypatch, is_killed=True)
    monkeypatch.setenv(interpreters.VARIABLE, "2")
    timeline = stored_timeline(log_with(tmp_path / "log", EVENTS), BUSY, SMALL)
    assert_answers(timeline, reference(EVENTS, BUSY))
    assert len(started) >= 2


@pytest.mark.usefixtures("small_windows")
def test_without_processes_this_process_writes_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses to start one."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setenv(interpreters.VARIABLE, "2")
    assert_answers(stored_timeline(log_with(tmp_path / "log", EVENTS), BUSY, SMALL), reference(EVENTS, BUSY))


@pytest.mark.usefixtures("small_windows")
def test_a_plan_with_a_function_is_decoded_by_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function without a name cannot be sent to another process."""

    class Reduced(es.Model):
        events = es.reduce(lambda count, _: count + 1, "T", initial=0)

    assert _runs._pickle(Members(Reduced.plan)) is None
    monkeypatch.setenv(interpreters.VARIABLE, "2")
    started = _started(monkeypatch)
    rows = [
        {"event_id": f"{n}", "stream": "s", "type": "T", "occurred_at": f"2024-01-01T00:{n:02}"} for n in range(60)
    ]
    log = log_with(tmp_path / "log", rows)
    timeline = stored_timeline(log, Reduced.plan, SMALL)
    assert timeline.as_of()["events"].to_list() == [60]
    assert not started
