"""Writers that compete: throughput, retries, lost updates and bytes of each way to write."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final

import psycopg

from tests.benchmarks.writes.ways import WAYS

__all__ = ["ACCOUNTS", "Measured", "contend"]

ACCOUNTS: Final = {"one hot key": 1, "1,000 keys": 1_000}


@dataclass(frozen=True)
class Measured:
    """What some writers did in one way.

    Args:
        database: ``SQLite`` or ``PostgreSQL``.
        keys: over how many accounts the commands are spread.
        writers: how many processes write at once.
        way: how they write.
        commands: how many commands succeeded.
        per_second: commands a second, all writers together.
        retries: how often a command was tried again because another writer was faster.
        lost: commands that succeeded but whose effect is missing in the balances.
        longest: seconds that the slowest command took, its retries included.
        bytes: bytes written for each command. SQLite: what the writers gave to the file system; PostgreSQL: what
            the server wrote to its write-ahead log.
    """

    database: str
    keys: str
    writers: int
    way: str
    commands: int
    per_second: float
    retries: int
    lost: int
    longest: float
    bytes: float

    def row(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def contend(
    database: str, url: str, *, writers: Sequence[int], seconds: float, keys: Sequence[str] = tuple(ACCOUNTS)
) -> Iterator[Measured]:
    """Yield the figures of every way, number of writers and number of keys.

    Args:
        database: the name that is shown.
        url: the URL of an empty database.
        writers: the numbers of processes.
        seconds: how long each measurement takes.
        keys: names of `ACCOUNTS`.

    Raises:
        AssertionError: a way that must not lose an update has lost one.
    """
    with _processes(url, max(writers)) as found:
        for run, (name, count, way) in enumerate(product(keys, writers, WAYS)):
            task = {"way": way, "accounts": ACCOUNTS[name], "run": run, "seconds": seconds}
            yield _measure(database, url, found[:count], task, name)


def _measure(database: str, url: str, writers: Sequence[Any], task: dict[str, Any], keys: str) -> Measured:
    with closing(WAYS[task["way"]](url, task["accounts"], task["run"])) as accounts:
        accounts.create()
        done, written = _compete(url, writers, task)
        commands = sum(each["commands"] for each in done)
        lost = commands - accounts.total()
    assert lost == 0 or task["way"] == "update, no locking", (task, lost)
    return Measured(
        database,
        keys,
        len(writers),
        task["way"],
        commands,
        per_second=sum(each["commands"] / each["seconds"] for each in done),
        retries=sum(each["retries"] for each in done),
        lost=lost,
        longest=max(each["longest"] for each in done),
        bytes=written / commands,
    )


def _compete(url: str, writers: Sequence[Any], task: dict[str, Any]) -> tuple[list[dict[str, Any]], float]:
    """Let all writers begin at once; return what each did, and the bytes that were written."""
    for seed, writer in enumerate(writers):
        _say(writer, json.dumps({**task, "seed": seed}))
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    begin = _log_position(url)
    for writer in writers:
        _say(writer, "")
    done = [json.loads(writer.stdout.readline()) for writer in writers]
    if begin is None:
        return done, sum(each["bytes"] for each in done)
    return done, (_log_position(url) or 0) - begin


@contextmanager
def _processes(url: str, count: int) -> Iterator[list[Any]]:
    command = [sys.executable, "-m", "tests.benchmarks.writes.worker", url]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _say(writer: Any, line: str) -> None:
    writer.stdin.write(f"{line}\n")
    writer.stdin.flush()


def _log_position(url: str) -> int | None:
    """Return how many bytes PostgreSQL has written to its write-ahead log; None for SQLite."""
    if url.startswith("sqlite"):
        return None
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint").fetchone()
    assert found is not None
    return int(found[0])
