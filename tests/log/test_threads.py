"""Threads that share a log, a timeline and a read model, while another process appends: no false alarms."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import eventsource as es
from eventsource.readmodel import Status
from tests.conformance.stored import BUSY, busy_events, stored_timeline
from tests.hostile import effort
from tests.index.indexkit import SMALL
from tests.log.logkit import Lines, lines, run

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning"),
]

APPEND = """
import sys
from tests.conformance.stored import busy_events
from eventsource.log import Log
log, number = Log(sys.argv[1]), 10_000
print("ready", flush=True)
while True:
    log.append(busy_events(number, 3, start=number))
    number += 3
"""
THREADS = 4


@contextmanager
def appending(path: Path) -> Iterator[None]:
    """Let another process append to a log."""
    program = run(APPEND, path)
    assert program.stdout is not None
    program.stdout.readline()
    try:
        yield
        assert program.poll() is None
    finally:
        program.kill()
        program.communicate()


def repeated(does: Callable[[int], object]) -> int:
    """Do something in several threads for a while, at least five times each; return how often it was done."""
    until, done = time.monotonic() + effort(4, 45), []

    def repeat(number: int) -> None:
        mine = 0
        while mine < 5 or time.monotonic() < until:
            does(number)
            mine += 1
            done.append(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for each in [pool.submit(repeat, number) for number in range(THREADS)]:
            each.result()
    return len(done)


@pytest.fixture
def log(tmp_path: Path) -> es.Log:
    """A log of some busy events."""
    log = es.Log(tmp_path / "log")
    log.append(busy_events(1, 300))
    return log


def test_questions_of_threads(log: es.Log, tmp_path: Path) -> None:
    """Each sees one version: as many events as the head that it saw says, and marks that the log knows."""
    timeline = stored_timeline(log, BUSY, SMALL)

    def ask(number: int) -> None:
        head = log.head
        assert log.scan(upto=head).collect().height == head
        assert log.knows(log.mark)
        assert timeline.as_of(upto=head).equals(timeline.as_of(upto=head, snapshots=False))
        if number == 0:
            timeline.snapshot()
            timeline.prune(keep=2)
        timeline.as_of()

    with appending(tmp_path / "log"):
        assert repeated(ask) >= 5 * THREADS


def test_small_logs_in_memory(log: es.Log, tmp_path: Path) -> None:
    """A thread that has seen a newer log does not leave another one with fewer events than it asked for."""
    timeline = es.Timeline(log, BUSY)

    def ask(_: int) -> None:
        head = log.head
        assert timeline.touched(head - 1, head).len() <= 1
        assert timeline.as_of(upto=head)["payments"].sum() == timeline.as_of(upto=head)["payments"].sum()

    with appending(tmp_path / "log"):
        assert repeated(ask) >= 5 * THREADS


def test_pulls_of_threads(log: es.Log, tmp_path: Path) -> None:
    """Each pulls a file of its own, which grows."""
    files = [lines(tmp_path / f"raw{number}", []) for number in range(THREADS)]
    counts = [0] * THREADS

    def pull(number: int) -> None:
        with files[number].open("a") as file:
            file.write(f"{1_000_000 * (number + 1) + counts[number]}\n")
        counts[number] += 1
        source = Lines(files[number], name=f"lines:{number}")
        assert log.pull(source).appended == 1

    with appending(tmp_path / "log"):
        assert repeated(pull) == sum(counts)


def test_refreshes_of_threads(log: es.Log, tmp_path: Path) -> None:
    """Read models of one timeline, each in a database of its own; one of them is followed."""
    timeline = stored_timeline(log, BUSY, SMALL)
    models = [
        es.ReadModel(timeline, f"sqlite:///{tmp_path}/read{number}.db", table="busy") for number in range(THREADS)
    ]

    class EnoughError(Exception):
        """It has been followed for long enough."""

    def follow() -> None:
        until, rounds = time.monotonic() + effort(4, 45), 0

        def tell(_: Status) -> None:
            nonlocal rounds
            rounds += 1
            if rounds >= 5 and time.monotonic() > until:
                raise EnoughError

        with suppress(EnoughError):
            es.ReadModel(timeline, f"sqlite:///{tmp_path}/followed.db", table="busy").follow(
                0.01, retries=0, tell=tell
            )

    failures: list[BaseException] = []
    thread = threading.Thread(target=lambda: _catching(follow, failures))
    with appending(tmp_path / "log"):
        thread.start()
        assert repeated(lambda number: models[number].refresh()) >= 5 * THREADS
        thread.join()
    assert failures == []
    assert models[0].verify().is_empty()


def _catching(does: Callable[[], object], failures: list[BaseException]) -> None:
    try:
        does()
    except Exception as error:  # noqa: BLE001 - a thread would only print it
        failures.append(error)
