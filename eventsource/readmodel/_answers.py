"""The answers of a read model: what a refresh did, and how far the tables are behind."""

from dataclasses import dataclass

from eventsource.messages import counted

__all__ = ["Lag", "Refreshed"]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh or a rebuild did.

    Args:
        position: the tables equal the model over all events before this position.
        events: how many events the tables took in.
        written: rows inserted or updated.
        deleted: rows deleted.
        rebuilt: why the tables were rebuilt; empty if they were not.
        seconds: how long it took.
    """

    position: int
    events: int
    written: int
    deleted: int
    rebuilt: str
    seconds: float

    def __str__(self) -> str:
        return f"at position {self.position:,}; {self.done or 'there was nothing to do'}"

    @property
    def done(self) -> str:
        """What was done, in words; empty if there was nothing to do."""
        if not self.rebuilt and not self.events:
            return ""
        how = f"rebuilt ({self.rebuilt})" if self.rebuilt else counted(self.events, "new event")
        return f"{how}: {counted(self.written, 'row')} written, {self.deleted:,} deleted in {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the tables are behind the log.

    Args:
        events: how many events they have not taken in.
        seconds: how long ago the first of these was recorded; 0 if there is none.
        position: the position of the tables; None: they do not exist yet.
        rebuild: why the next refresh will rebuild the tables, such as another model; empty if it will not. Only
            the refresh itself finds out that values no longer fit into a column.
        escaped: how many ids are stored in an escaped form, since the database cannot hold them; see
            `ReadModel.escaped_ids`.
    """

    events: int
    seconds: float
    position: int | None
    rebuild: str = ""
    escaped: int = 0

    def __str__(self) -> str:
        if self.position is None:
            return f"not created yet, {counted(self.events, 'event')} behind"
        where = f"at position {self.position:,}"
        if self.events:
            where += f", {counted(self.events, 'event')} ({self.seconds:,.0f} s) behind"
        elif not self.rebuild:
            where += ", up to date"
        if self.rebuild:
            where += f"; a refresh rebuilds it: {self.rebuild}"
        return f"{where}; {counted(self.escaped, 'id')} in an escaped form" if self.escaped else where
