"""Read models: an SQL table kept equal to a model, for those who ask in SQL.

```python
customers = es.ReadModel(es.Timeline(log, Customer), "sqlite:///customers.db", table="customers", history=True)
customers.refresh()
```

The tables:

* ``customers``: ``entity`` (the primary key), then the fields: the entities that exist now.
* ``customers_history``, on request: ``entity``, ``valid_from``, ``valid_to`` (half-open, NULL while it lasts),
  then the fields; one row per interval. As of a moment:
  ``SELECT * FROM customers_history WHERE valid_from <= :t AND (valid_to > :t OR valid_to IS NULL)``; in SQLite
  ``:t`` is a text such as ``2024-06-30T12:00:00.000000Z``.
* ``eventsource_readmodels``: which position, model and log they are of; written in the same transaction as they.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from eventsource.progress import Progress
from eventsource.readmodel._answers import Lag, Refreshed
from eventsource.readmodel._follow import Service, Status
from eventsource.timeline import Timeline

__all__ = ["Lag", "ReadModel", "Refreshed", "Service", "Status"]


class ReadModel:
    """An SQL table that is kept equal to a model at a position of its log.

    Nobody else should write it. Indexes that others add go with the next rebuild; privileges are kept. A
    transaction of PostgreSQL at repeatable read that began before a rebuild ended, and looks at the table for the
    first time afterwards, finds it empty: PostgreSQL's rule for new tables.

    Args:
        timeline: the log, and the model that sees it.
        url: ``sqlite:///customers.db`` or ``postgresql+psycopg://user@host/database``, as SQLAlchemy reads it.
        table: what the table is called; default: the model's name in lower case.
        history: whether to keep a table of intervals too; it is called ``…_history``. Only `rebuild` drops one
            that is no longer asked for.
        progress: called while rows are written (``writing``), their tables finished (``finishing``), or rows
            compared (``comparing``), with that, how many entities are done, and of how many; tables count as one.

    Raises:
        ReadModelError: the URL names no database of these kinds, or names cannot be names there.
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
        from eventsource.readmodel._keeper import Keeper  # noqa: PLC0415 - SQLAlchemy is slow to import: not for everybody

        self.timeline, self.table, self.history = timeline, table or timeline.plan.name.lower(), history
        self._keeper = Keeper(timeline, url, self.table, history=history, progress=progress)

    @property
    def url(self) -> str:
        """Where it is kept, without a password."""
        return self._keeper.database.name

    def refresh(self) -> Refreshed:
        """Bring the tables to the head of the log; only rows that differ are written.

        Rows and position are one transaction: whenever it is killed, the tables are as before, and the next
        refresh goes on. Of two at once the second waits. Where there are no tables yet, where the model changed,
        or where values no longer fit into a column (texts among integers), they are made anew as by `rebuild`.

        Without history, states go on from snapshots: of a log of 100,000 events or more, a refresh leaves one now
        and then, and the 24 latest are kept.

        Raises:
            ReadModelError: the tables are not ours, or made from another log, or from one that was put back.
            ReadModelBusyError: another process writes them, for too long; safe to do again.
            DatabaseError: the database does not answer; safe to do again.
            LogError, FoldError: as of `Timeline.as_of`.
        """
        return self._keeper.refresh()

    def rebuild(self) -> Refreshed:
        """Make the tables anew beside those that are there and swap them in one transaction: readers see no gap.

        Errors as of `refresh`; but another log, or one that was put back, is what a rebuild is for.
        """
        return self._keeper.refresh("asked for")

    def lag(self) -> Lag:
        """Return how many events the tables are behind the log, and how long ago the first of them was recorded.

        Also whether the next refresh goes on from them, or makes them anew, because they are of another model.

        Raises:
            ReadModelError, DatabaseError: as of `refresh`.
        """
        return self._keeper.lag()

    def verify(self) -> pl.DataFrame:
        """Compare every row with what the model says at the tables' position.

        Returns:
            ``table``, ``entity``, ``problem``: a row that is ``missing``, ``extra`` or ``different``; no rows: all
            is as it should be. Times finer than microseconds, and in PostgreSQL NUL characters, are not compared.

        Raises:
            ReadModelError: there is no such read model, or it was made from another log.
            DatabaseError: the database does not answer.
        """
        return self._keeper.verify()

    def follow(
        self,
        every: float | str = 5.0,
        *,
        retries: int | None = None,
        health: str | Path | None = None,
        tell: Callable[[Status], object] | None = None,
    ) -> None:
        """Refresh again and again, until SIGTERM or SIGINT: the running refresh is finished first.

        Where the database or the log does not answer, it is tried again after a pause that doubles up to a minute.

        Args:
            every: seconds between two refreshes, or a text such as ``"30s"``, ``"5m"``.
            retries: how many failures in a row are borne; None: any number.
            health: a JSON file for a supervisor, replaced at the start, and before and after every round:
                ``state``, ``time``, ``pid``, ``position``, ``lag``, ``failures``, ``last_error``.
            tell: called after every round.

        Raises:
            MomentError: ``every`` is no duration.
            ReadModelError: the folder of ``health`` is not there; what no patience mends, or the last of
                ``retries`` failures.
        """
        Service.of(every, retries, health, tell).run(self.refresh, self.lag)

    def __repr__(self) -> str:
        tables = f"{self.table!r}" + (" with history" if self.history else "")
        return f"<ReadModel {tables} of {self.timeline.plan.name} in {self.url}>"
