"""The contenders: for each workload, one function per contender, and how it is timed."""

from dataclasses import dataclass
from typing import Final, Literal

from tests.benchmarks.models import Customer
from tests.benchmarks.shapes import SHAPES

__all__ = ["CONTENDERS", "OURS", "WORKLOADS", "Contender", "Customer"]

OURS: Final = "eventsource"
ANY: Final = frozenset(SHAPES)
FILLED: Final = ANY - {"empty"}
SHOP: Final = frozenset({"shop"})
_FEW_PER_ENTITY: Final = frozenset(name for name in SHAPES if SHAPES[name].entities is None)
"""Without entities of millions of events: rows that each know others of them would take hours in SQL."""

WORKLOADS: Final = {
    "load": "JSON Lines to Parquet; pull into a log",
    "first": "`as_of`, 5 fields, the first question: payloads decoded",
    "as_of": "`as_of`, 5 fields",
    "history": "`history` of every entity",
    "trend": "`trend`, 36 months",
    "trend_days": "`trend`, 1,000 days",
    "join": "`join`, 200 k rows at their own moments",
    "join_known": "`join`, 200 k rows with what was known at their own moments",
    "diff": "`diff` of two moments",
    "histories": "one entity's `history`",
    "explain": "one entity's `explain`",
    "snapshot": "`as_of` with a snapshot 15 days before",
    "snapshot_near": "`as_of` with a snapshot the day before",
    "tail": "`as_of` of all, after a tail of 1 %: the first question",
    "tail_next": "the next question",
    "fixed": "`as_of`, as many entities as the smallest log has",
    "sqlite_rebuild": "read model in SQLite: rebuild",
    "sqlite_refresh": "read model in SQLite: refresh, 1 % changed",
    "postgresql_rebuild": "read model in PostgreSQL: rebuild",
    "postgresql_refresh": "read model in PostgreSQL: refresh, 1 % changed",
}
"""Key → title, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A contender of a workload.

    Args:
        workload: the key of the workload.
        name: the name in the table.
        function: ``module:name`` of a function that takes an `Input` and returns an answer.
        how: ``warm``: the best of three after one throwaway question. ``once``: a single question. ``itself``: the
            function returns ``seconds`` by workload, and perhaps an ``answer``.
        before: a function that is called first, untimed, in its own process.
        each: whether seconds are per entity of the question.
        limit: logs with more events are left out.
        why: the reason for ``limit``.
        shapes: the shapes of the logs that it runs with.
        compared: whether its answer is compared with those of the others.
        some: whether it answers for some entities only; its name then says so.
    """

    workload: str
    name: str
    function: str
    how: Literal["warm", "once", "itself"] = "warm"
    before: str | None = None
    each: bool = False
    limit: float | None = None
    why: str = ""
    shapes: frozenset[str] = ANY
    compared: bool = True
    some: bool = False

    @property
    def key(self) -> str:
        """The name as part of a file name."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name)


def _slow(workload: str, name: str, function: str) -> Contender:
    why = "takes more than 10 s with 5 M events already"
    return Contender(workload, name, function, limit=5e6, why=why, shapes=SHOP)


def _by_hand(workload: str) -> Contender:
    return Contender(
        workload, "Polars by hand", f"by_polars:{workload}", shapes=SHOP, each=workload == "histories"
    )


def _read_model(kind: str) -> Contender:
    """Return a contender that measures a rebuild and a refresh."""
    why = "its figure is for 5 M events"
    function = f"rebuilds:{kind}"
    return Contender(
        f"{kind}_rebuild", OURS, function, how="itself", limit=5e6, why=why, shapes=SHOP, compared=False
    )


CONTENDERS: Final = (
    Contender("load", "DuckDB", "by_duckdb:load", how="once"),
    Contender("load", OURS, "by_eventsource:pull", how="once"),
    Contender("first", "DuckDB", "by_duckdb:first", how="once"),
    Contender("first", OURS, "by_eventsource:as_of", how="once"),
    Contender("as_of", "DuckDB", "by_duckdb:as_of"),
    Contender("as_of", OURS, "by_eventsource:as_of"),
    Contender("as_of", "reading its columns only", "floor:read_columns", shapes=SHOP, compared=False),
    Contender("as_of", "reading those of the index only", "floor:read_index", shapes=SHOP, compared=False),
    _by_hand("as_of"),
    _slow("as_of", "pandas by hand", "by_pandas:as_of"),
    _slow("as_of", "plain Python", "by_python:as_of"),
    Contender(
        "as_of",
        "eventsourcing, at most 2,000 entities",
        "by_eventsourcing:as_of",
        before="by_eventsourcing:write",
        shapes=SHOP,
        some=True,
    ),
    Contender("history", "DuckDB", "by_duckdb:history"),
    Contender("history", OURS, "by_eventsource:history"),
    _by_hand("history"),
    _slow("history", "pandas by hand", "by_pandas:history"),
    Contender("trend", "DuckDB", "by_duckdb:trend"),
    Contender("trend", OURS, "by_eventsource:trend"),
    _by_hand("trend"),
    Contender("trend_days", "DuckDB", "by_duckdb:trend_days"),
    Contender("trend_days", OURS, "by_eventsource:trend_days"),
    _by_hand("trend_days"),
    Contender("join", "DuckDB", "by_duckdb:join"),
    Contender("join", OURS, "by_eventsource:join"),
    _by_hand("join"),
    Contender("join_known", "DuckDB", "by_duckdb:join_known", shapes=_FEW_PER_ENTITY),
    Contender("join_known", OURS, "by_eventsource:join_known", shapes=_FEW_PER_ENTITY),
    Contender("diff", "DuckDB", "by_duckdb:diff"),
    Contender("diff", OURS, "by_eventsource:diff"),
    Contender("histories", "DuckDB", "by_duckdb:histories", each=True),
    Contender("histories", OURS, "by_eventsource:histories", each=True),
    _by_hand("histories"),
    Contender("explain", "DuckDB", "by_duckdb:explain", each=True),
    Contender("explain", OURS, "by_eventsource:explain", each=True),
    Contender(
        "snapshot",
        f"{OURS}, without",
        "by_eventsource:without_snapshot",
        before="by_eventsource:snapshot",
        shapes=FILLED,
    ),
    Contender("snapshot", OURS, "by_eventsource:from_snapshot", shapes=FILLED),
    Contender(
        "snapshot_near", OURS, "by_eventsource:from_snapshot", before="by_eventsource:snapshot_near", shapes=FILLED
    ),
    _read_model("sqlite"),
    _read_model("postgresql"),
    Contender("tail_next", "DuckDB", "by_duckdb:tail", shapes=FILLED),
    Contender("tail_next", OURS, "by_eventsource:tail", how="itself", shapes=FILLED),
)
"""In the order in which they run: a pull makes the log, a first question its index; the tail comes last."""
