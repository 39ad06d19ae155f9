"""The ledger: one row for each run that began, in SQLite, readable by its owner only."""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
import psutil  # type: ignore[import-untyped]

from eventsource.errors import ReportError

__all__ = ["Entry", "Ledger"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, report TEXT NOT NULL, run TEXT NOT NULL, parameters TEXT NOT NULL,
    began TEXT NOT NULL, ended TEXT, status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', due TEXT,
    pid INTEGER NOT NULL, process_began REAL NOT NULL
)
"""
_COLUMNS: Final = pl.Schema(
    {
        "report": pl.String(),
        "began": pl.Datetime("us", "UTC"),
        "status": pl.String(),
        "seconds": pl.Float64(),
        "reason": pl.String(),
        "run": pl.String(),
        "parameters": pl.String(),
    }
)
_BUSY: Final = 30.0


@dataclass
class Entry:
    """The row of a run that is under way.

    Args:
        status: how it ended; None: it has not.
        reason: why, without data of the log.
    """

    status: str | None = None
    reason: str = ""

    def finish(self, status: str, reason: str) -> None:
        """Note how the run ended."""
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Ledger:
    """All runs of the reports of a folder.

    Args:
        folder: the folder of the file, which is created; only its owner can read it.
    """

    folder: Path

    @contextmanager
    def recording(
        self, report: str, run: str, parameters: Mapping[str, Any], due: datetime | None = None
    ) -> Iterator[Entry]:
        """Write the row of a run when the block begins, and how it ended when the block ends.

        Where the process is killed in the block, the row says ``running``; `history` says ``killed``.

        Raises:
            ReportError: the ledger cannot be written.
        """
        row = (report, run, json.dumps(parameters, sort_keys=True, default=str), datetime.now(UTC).isoformat())
        pid = os.getpid()
        number = self._execute(
            "INSERT INTO runs (report, run, parameters, began, status, pid, process_began, due) "
            "VALUES (?, ?, ?, ?, 'running', ?, ?, ?)",
            (*row, pid, psutil.Process(pid).create_time(), None if due is None else due.isoformat()),
        )
        entry = Entry()
        try:
            yield entry
        except BaseException as error:
            if entry.status is None:
                entry.finish("failed", type(error).__name__)
            raise
        finally:
            ended = datetime.now(UTC).isoformat()
            values = (ended, entry.status or "failed", entry.reason, number)
            self._execute("UPDATE runs SET ended = ?, status = ?, reason = ? WHERE number = ?", values)

    def history(self, report: str | None = None, limit: int = 0) -> pl.DataFrame:
        """Return the runs, the newest first, with their status, duration and reason.

        Args:
            report: only of this report.
            limit: how many; 0: all.
        """
        if not self._file.exists():
            return pl.DataFrame(schema=_COLUMNS)
        query = (
            "SELECT report, began, status, ended, reason, run, parameters, pid, process_began FROM runs "
            "WHERE ? IS NULL OR report = ? ORDER BY number DESC LIMIT ?"
        )
        with self._reading() as connection:
            rows = connection.execute(query, (report, report, limit or -1)).fetchall()
            return pl.DataFrame([_row(row) for row in rows], schema=_COLUMNS, orient="row")

    def last_due(self, report: str) -> datetime | None:
        """Return the latest moment of its schedule for which a report was run; None: it was never.

        A run that was killed does not count, so it is due again.
        """
        if not self._file.exists():
            return None
        with self._reading() as connection:
            query = "SELECT max(due) FROM runs WHERE report = ? AND status != 'running'"
            (due,) = connection.execute(query, (report,)).fetchone()
            return None if due is None else datetime.fromisoformat(due)

    @property
    def _file(self) -> Path:
        return self.folder / "runs.sqlite"

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Open the ledger for reading.

        Raises:
            ReportError: it is damaged, or another program has changed it.
        """
        with closing(self._connect()) as connection:
            try:
                yield connection
            except (sqlite3.Error, ValueError, TypeError, OverflowError, pl.exceptions.PolarsError) as error:
                raise ReportError(
                    f"the ledger {self._file} cannot be read: {error}",
                    hint="remove the file: the pages stay, and the history begins again",
                ) from error

    def _connect(self) -> sqlite3.Connection:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
            connection = sqlite3.connect(self._file, timeout=_BUSY)
            connection.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ReportError(
                f"the ledger {self._file} cannot be opened: {error}", hint="free some space, or remove the file"
            ) from error
        return connection

    def _execute(self, statement: str, values: tuple[Any, ...]) -> int:
        with closing(self._connect()) as connection:
            try:
                with connection:
                    return int(connection.execute(statement, values).lastrowid or 0)
            except sqlite3.Error as error:
                raise ReportError(
                    f"the ledger {self._file} cannot be written: {error}", hint="free some space"
                ) from error


def _row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    report, began, status, ended, reason, run, parameters, pid, process_began = row
    start = datetime.fromisoformat(began)
    seconds = None if ended is None else (datetime.fromisoformat(ended) - start).total_seconds()
    if status == "running" and not _is_alive(pid, process_began):
        status = "killed"
    return report, start, status, seconds, reason, run, parameters


def _is_alive(pid: int, began: float) -> bool:
    """Return whether a process still runs; another one may have its number by now."""
    try:
        return bool(abs(psutil.Process(pid).create_time() - began) < 1)
    except psutil.Error:
        return False
