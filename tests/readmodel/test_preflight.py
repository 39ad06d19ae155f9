"""The preflight: what a refresh does, decided from facts alone, without a database."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventsource.errors import ReadModelError
from eventsource.readmodel._preflight import Decision, LogFacts, Merge, Rebuild, Skip, Target, decide
from eventsource.readmodel._records import Record

TARGET = Target("sqlite:///x.db", "shops", history=False, fingerprint="f1")
LOG = LogFacts("log", "id", head=10, contains_record=True)
RECORD = Record(
    name="shops",
    model="Shop",
    fingerprint="f1",
    log="id/7",
    columns={"name": "String"},
    history=False,
    position=7,
    last_event_id="e6",
    last_recorded_at=datetime(2024, 1, 1, tzinfo=UTC),
    refreshed_at=datetime(2024, 1, 2, tzinfo=UTC),
)
TABLES = {"shops": ["entity", "name"]}
HISTORY = {**TABLES, "shops_history": ["entity", "valid_from", "valid_to", "name"]}


@pytest.mark.parametrize(
    ("decision", "record", "target", "tables"),
    [
        (Merge(RECORD), RECORD, TARGET, TABLES),
        (Skip(), replace(RECORD, position=10), TARGET, TABLES),
        (Rebuild("not created yet"), None, TARGET, {}),
        (Rebuild("the model changed"), RECORD, replace(TARGET, fingerprint="f2"), TABLES),
        (Rebuild("history is requested"), RECORD, replace(TARGET, history=True), TABLES),
        (Rebuild("a table was missing"), RECORD, TARGET, {}),
        (Rebuild("the model changed"), replace(RECORD, history=True, fingerprint="f0"), TARGET, TABLES),
    ],
)
def test_a_refresh_skips_merges_or_rebuilds(
    decision: Decision, record: Record | None, target: Target, tables: dict[str, list[str]]
) -> None:
    """A rebuild has a reason for people; a merge starts from the record."""
    assert decide(target, record, LOG, tables) == decision


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (replace(LOG, identity="other"), "was made from another log"),
        (replace(LOG, head=6), "is at position 7, but log ends at 6"),
        (replace(LOG, contains_record=False), "does not contain all events before position 7"),
    ],
)
def test_only_a_rebuild_on_request_accepts_a_log_without_the_events(log: LogFacts, message: str) -> None:
    """The hint says how to rebuild."""
    with pytest.raises(ReadModelError, match=f"{message}(.|\n)*Hint: rebuild"):
        decide(TARGET, RECORD, log, TABLES)
    assert decide(TARGET, RECORD, log, TABLES, rebuild="requested") == Rebuild("requested")


@pytest.mark.parametrize(
    ("record", "tables"),
    [
        (None, TABLES),
        (RECORD, {"shops": ["entity", "precious"]}),
        (RECORD, HISTORY),
        (replace(RECORD, history=True), {**HISTORY, "shops_history": ["entity"]}),
    ],
)
def test_a_table_of_another_owner_is_never_replaced(record: Record | None, tables: dict[str, list[str]]) -> None:
    """Not even by a rebuild on request."""
    for rebuild in ("", "requested"):
        with pytest.raises(ReadModelError, match="does not belong to this read model"):
            decide(replace(TARGET, history=True), record, LOG, tables, rebuild=rebuild)


def test_a_table_of_history_is_only_dropped_on_request() -> None:
    """A refresh that does not ask for the history of the same model is refused."""
    record = replace(RECORD, history=True)
    with pytest.raises(ReadModelError, match="has a table of history"):
        decide(TARGET, record, LOG, TABLES)
    assert decide(TARGET, record, LOG, TABLES, rebuild="requested") == Rebuild("requested")
