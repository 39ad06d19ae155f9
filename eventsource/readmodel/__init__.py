"""Read models: SQL tables kept equal to a model, for questions in SQL.

```python
customers = es.ReadModel(es.Timeline(log, Customer), "sqlite:///customers.db", table="customers", history=True)
customers.refresh()
```

A read model is the projection of a log into a database. It has these tables:

* ``customers``: one row per entity that exists now: ``entity`` (the primary key), then the fields.
* ``customers_history``, on request: one row per interval in which nothing changed: ``entity``, ``valid_from``,
  ``valid_to`` (half-open, NULL while it lasts), then the fields. This is a slowly changing dimension (SCD2) in
  valid time. As of a moment:
  ``SELECT * FROM customers_history WHERE valid_from <= :t AND (valid_to > :t OR valid_to IS NULL)``. In SQLite
  ``:t`` is a text such as ``2024-06-30T12:00:00.000000Z``.
* ``eventsource_readmodels``: one row per read model: the position, model and log that its rows were made from. A
  refresh writes it in the same transaction as the rows, so each event takes effect exactly once.

`eventsource.readmodel._columns` lists the SQL type of each dtype, `eventsource.readmodel._records` the columns of
the table of records.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from eventsource.progress import Progress
from eventsource.readmodel._answers import Lag, Refreshed
from eventsource.service import Service, Status
from eventsource.timeline import Timeline

__all__ = ["Lag", "ReadModel", "Refreshed", "Service", "Status"]


class ReadModel:
    """An SQL table that is kept equal to a model at a position of its log.

    No other program should write the table. A rebuild drops indexes that were added by hand, and keeps privileges.
    In PostgreSQL, a transaction at repeatable read that began before a rebuild ended finds the new table empty.

    Args:
        timeline: the log and the model.
        url: ``sqlite:///customers.db`` or ``postgresql+psycopg://user@host/database``, as SQLAlchemy reads it.
        table: the name of the table; default: the model's name in lower case.
        history: whether to keep a table of intervals, too; its name is ``…_history``. Only `rebuild` drops a table
            of history that is no longer requested.
        progress: called with (phase, done, total). The phases are ``writing`` and ``comparing``, in entities, and
            ``finishing``, while indexes are created and tables swapped.

    Raises:
        ReadModelError: the URL is not one of SQLite or PostgreSQL, or the database cannot have one of the names.
    """

    def __init__(
        self,
        timeline: Timeline,
        url: str,
        *,
        table: str | None = None,
        history: bool = False,
        progress: Progress | None = None,
    ) -> None:
        from eventsource.readmodel._tables_of_model import TablesOfModel  # noqa: PLC0415 - SQLAlchemy is slow to import

        self.timeline, self.table, self.history = timeline, table or timeline.plan.name.lower(), history
        self._tables = TablesOfModel(timeline, url, self.table, history=history, progress=progress)

    @property
    def url(self) -> str:
        """The URL of the database, without a password."""
        return self._tables.database.name

    def refresh(self) -> Refreshed:
        """Bring the tables to the head of the log; only rows that differ are written.

        A refresh upserts the rows of the entities with new events and deletes the rows of those that no longer
        exist. Rows and position are one transaction: if the process is killed, the tables are as before, and the
        next refresh starts from there. A refresh is idempotent: without new events it writes nothing. If two run
        at once, the second waits.

        The tables are rebuilt, as by `rebuild`, if they do not exist yet, if the model changed, or if values no
        longer fit into a column, such as a text in a column of integers.

        An event that the model cannot fold (a fault) holds the tables at their last position, until it is
        corrected or retracted; with ``faults="skip"`` of the timeline they are written without its value.

        Without history, states start from snapshots. On a log of 100,000 events or more, a refresh takes a
        snapshot now and then, and keeps the 24 latest.

        Raises:
            ReadModelError: the tables belong to something else, or were made from another log, or from events that
                the log lost when it was restored from a backup.
            ReadModelBusyError: another process wrote the tables for longer than a minute; safe to retry.
            DatabaseError: the database does not answer; safe to retry.
            FaultError: an event cannot be folded; the tables stay as they are.
            LogError, FoldError: see `Timeline.as_of`.
        """
        return self._tables.refresh()

    def rebuild(self) -> Refreshed:
        """Write new tables and swap them for the old ones in one transaction: readers never see a gap.

        A rebuild also accepts another log, and a log that was restored from a backup.

        Raises:
            ReadModelError, ReadModelBusyError, DatabaseError, LogError, FoldError: see `refresh`.
        """
        return self._tables.refresh("requested")

    def lag(self) -> Lag:
        """Return how many events the tables are behind the log, and how long ago the first of them was recorded.

        The answer also says whether the next refresh will rebuild the tables. Nothing is written.

        Raises:
            ReadModelError, DatabaseError: see `refresh`.
        """
        return self._tables.lag()

    def verify(self) -> pl.DataFrame:
        """Compare every row with the model at the tables' position; nothing is written.

        Returns:
            ``table``, ``entity``, ``problem``: a row that is ``missing``, ``extra`` or ``different``. If all rows
            are equal, the frame is empty. Times finer than microseconds are not compared. A row whose id is stored
            in an escaped form is compared like any other.

        Raises:
            ReadModelError: the read model does not exist, or was made from another log.
            DatabaseError: the database does not answer.
        """
        return self._tables.verify()

    def escaped_ids(self) -> pl.DataFrame:
        """Return the ids that PostgreSQL cannot hold, and what the tables have instead; SQLite holds all.

        These are ids with a NUL character or the sign ``␛``, and ids of more than 2,600 bytes.
        `eventsource.readmodel._escapes` describes the escapes.

        Returns:
            ``entity``, as answers have it, and ``stored``, as the tables have it.

        Raises:
            DatabaseError: the database does not answer.
        """
        return self._tables.escaped_ids()

    def follow(
        self,
        every: float | str = 5.0,
        *,
        retries: int | None = None,
        health: str | Path | None = None,
        tell: Callable[[Status], object] | None = None,
    ) -> None:
        """Refresh at intervals until SIGTERM or SIGINT; a running refresh is finished first.

        If the database or the log does not answer, the next attempt follows after a pause, which doubles up to a
        minute. An event that cannot be folded does not end the service: the tables keep their position, the state
        is ``held``, and the round after its correction updates them.

        Args:
            every: seconds between two refreshes, or a text such as ``"30s"``, ``"5m"``.
            retries: how many failures in a row to tolerate; None: any number.
            health: a JSON file for a supervisor, replaced at the start, and before and after every round:
                ``state``, ``time``, ``pid``, ``position``, ``lag``, ``failures``, ``last_error``.
            tell: called with the status after every round.

        Raises:
            MomentError: ``every`` is not a duration.
            ReadModelError: the folder of ``health`` does not exist, or an error that no retry can cure.
            DatabaseError, LogError, ReadModelBusyError: the failure after ``retries`` failures in a row.
        """
        Service.of(every, retries, health, tell).run(self.refresh, self.lag)

    def __repr__(self) -> str:
        tables = f"{self.table!r}" + (" with history" if self.history else "")
        return f"<ReadModel {tables} of {self.timeline.plan.name} in {self.url}>"
