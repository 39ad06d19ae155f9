"""One run: writers, a puller that is killed, a system that is restarted, and the comparison at the end."""

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventsource import Log, source
from tests.chaos.appends import appends_of
from tests.chaos.compare import Row, differences, log_rows, rows_frame
from tests.chaos.puller import pull
from tests.chaos.systems import SYSTEMS, System
from tests.chaos.writer import Pace, write

__all__ = ["Outcome", "Plan", "run"]

_PATIENCE: Final = 120
"""Seconds in which a puller must have begun, and which writers may fall behind."""
_STEP: Final = 0.05

_PROCESSES: Final = multiprocessing.get_context("forkserver")
"""Processes are copies of one that has imported what they need, and runs no thread: they start at once."""


@dataclass(frozen=True)
class Plan:
    """What is done.

    Args:
        system: a name of `SYSTEMS`.
        events: how many events the writers append together; rounded down to whole appends of each.
        writers: how many processes append.
        size: how many events an append has.
        kills: how often the puller is killed (``kill -9``).
        restarts: how often the server is restarted; a system without a server ignores it.
        seed: of the random moments.
        longest: seconds that a puller lives at most.
    """

    system: str
    events: int
    writers: int
    size: int
    kills: int
    restarts: int
    seed: int
    longest: float

    @property
    def appends(self) -> int:
        """How many appends each writer does."""
        return max(1, self.events // self.writers // self.size)


@dataclass(frozen=True)
class Outcome:
    """What a run found.

    Args:
        plan: what was done.
        events: how many events the log holds.
        restarts: how often the server was restarted.
        seconds: from the first append to the last event in the log.
        caught: how many of these events were pulled before the last kill.
        dropped: events that pulls read again, and dropped by their ids.
        written: what the system lacks of what was written, or has too much; see `differences`.
        pulled: what the log lacks of what the system has, or has too much.
    """

    plan: Plan
    events: int
    restarts: int
    seconds: float
    caught: int
    dropped: int
    written: dict[str, int]
    pulled: dict[str, int]

    @property
    def is_equal(self) -> bool:
        """Whether the log equals the system, and the system what was written."""
        return not self.written and not self.pulled


def run(plan: Plan, folder: Path) -> Outcome:
    """Run a plan in an empty folder.

    Raises:
        RuntimeError: a writer has failed, or the puller has ended by itself.
    """
    chosen, path = random.Random(plan.seed), folder / "log"
    kind = SYSTEMS[plan.system]()
    needed = ("deltalake", "polars", pull.__module__, write.__module__, kind.__module__)
    _PROCESSES.set_forkserver_preload(list(needed))
    dropped = _PROCESSES.Value("q", 0)
    with ExitStack() as stack:
        system = kind(folder)
        stack.callback(system.close)
        begin = time.monotonic()
        restarts = set(chosen.sample(range(plan.kills), plan.restarts)) if system.server is not None else set()
        with _writers(plan, system) as pace:
            for kill in range(plan.kills):
                pace.allowed.value = plan.appends * (kill + 1) // (plan.kills + 1)
                _live(plan, system, chosen, (str(path), dropped), restarts=kill in restarts)
                _wait_for_writers(plan.writers * plan.appends * kill // (plan.kills + 1), pace)
            log = Log(path)
            caught = log.head
            pace.allowed.value = plan.appends
        time.sleep(system.settle)
        while (pulled := log.pull(source(system.where, **system.options))).appended:
            dropped.value += pulled.duplicates
        seconds = time.monotonic() - begin
        truth = rows_frame(system.rows())
    written = rows_frame(_rows_of(plan, shares=system.shares))
    return Outcome(
        plan,
        log.head,
        len(restarts),
        seconds,
        caught,
        dropped.value,
        written=differences(written, truth, "none"),
        pulled=differences(truth, log_rows(log), system.order),
    )


def _live(plan: Plan, system: System, chosen: random.Random, into: tuple[str, Any], *, restarts: bool) -> None:
    """Start a puller, perhaps restart the server, and kill the puller at a random moment."""
    size = chosen.choice(system.sizes)
    options = {**system.options, **({} if size is None else {"batch": size})}
    has_begun = _PROCESSES.Event()
    puller = _PROCESSES.Process(target=pull, args=(system.where, options, *into, has_begun))
    puller.start()
    has_begun.wait(_PATIENCE)
    time.sleep(chosen.uniform(0, plan.longest))
    if restarts:
        system.restart()
        time.sleep(chosen.uniform(0, plan.longest))
    if not puller.is_alive():
        raise RuntimeError(f"the puller ended by itself: {puller.exitcode}")
    puller.kill()
    puller.join()


def _wait_for_writers(done: int, pace: Pace) -> None:
    """Wait until the writers have done as many appends: so kills are spread over the whole run."""
    end = time.monotonic() + _PATIENCE
    while pace.done.value < done and time.monotonic() < end:
        time.sleep(_STEP)


def _rows_of(plan: Plan, *, shares: bool) -> Iterator[Row]:
    for append in appends_of(plan.writers, plan.appends, size=plan.size, shares=shares):
        for event in append.events:
            yield event.event_id, append.stream, None, event.type, event.data


@contextmanager
def _writers(plan: Plan, system: System) -> Iterator[Pace]:
    """Start the writers; yield what keeps them in step with the kills; wait until all are done."""
    pace = Pace(plan.appends, plan.size, _PROCESSES.Value("q", 0), _PROCESSES.Value("q", 0))
    started = [
        _PROCESSES.Process(target=write, args=(plan.system, system.where, number, pace))
        for number in range(plan.writers)
    ]
    for writer in started:
        writer.start()
    try:
        yield pace
        for number, writer in enumerate(started):
            writer.join()
            if writer.exitcode:
                raise RuntimeError(f"writer {number} has failed: {writer.exitcode}")
    finally:
        for writer in started:
            writer.kill()
