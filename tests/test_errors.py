"""Every error of `eventsource.errors` is raised through the public API, names the thing, and has a hint."""

import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource import charts, errors
from eventsource.errors import EventsourceError
from eventsource.event import Batch, Checkpoint, no_events

EVENT = {"event_id": "1", "stream": "ada", "type": "Paid", "occurred_at": "2024-01-01", "data": {"amount": "much"}}


class Payer(es.Model):
    """A model of the one event."""

    payments = es.count("Paid")


class Sum(es.Model):
    """A model that adds up texts."""

    paid = es.total("Paid", of="amount")


class Failing(es.Model):
    """A model whose function fails."""

    paid = es.reduce(lambda state, event: state + event.data["amount"], "Paid", initial=0)


class Misspelt(es.Model):
    """A model with an event type that the log does not have."""

    payments = es.count("Payed")


class PulledMeanwhile:
    """A source that another process pulls while this one reads it."""

    name, size = "orders", None

    def __init__(self, log: Path, *, is_other: bool = False) -> None:
        self._log, self._is_other = log, is_other

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
        """Yield one batch, after another pull has committed it."""
        assert checkpoint.get("lines") is None
        if not self._is_other:
            es.Log(self._log).pull(PulledMeanwhile(self._log, is_other=True))
        yield Batch(no_events(), {"lines": 1})

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Return nothing: no line of this source is rejected."""
        return Batch(no_events(), {}, rejected)


def a_log(folder: Path) -> es.Log:
    log = es.Log(folder / "log")
    log.append([EVENT])
    return log


def take_a_snapshot_where_a_file_is(folder: Path) -> None:
    log = a_log(folder)
    (folder / "log" / "snapshots").write_text("a file where the folder should be")
    es.Timeline(log, Payer).snapshot()


def pull_a_broken_line(folder: Path) -> None:
    (folder / "raw.jsonl").write_text("{broken\n")
    es.Log(folder / "log").pull(es.source(folder / "raw.jsonl"), strict=True)


def refresh_a_locked_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsource.readmodel._sqlite.LOCK_TIMEOUT", 0.1)
    model = es.ReadModel(es.Timeline(a_log(folder), Payer), f"sqlite:///{folder}/read.db")
    model.refresh()
    with closing(sqlite3.connect(folder / "read.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        model.rebuild()


def read_model_of(folder: Path, url: str) -> es.ReadModel:
    return es.ReadModel(es.Timeline(a_log(folder), Payer), url)


RAISED: dict[str, tuple[Callable[..., Any], str]] = {
    "FrameError": (lambda folder: es.Log(folder / "log").append([{"event_id": "1"}]), "'stream'"),
    "ModelError": (lambda folder: es.Timeline(a_log(folder), Payer).changes("payment"), "'payment'"),
    "MomentError": (lambda folder: es.Timeline(a_log(folder), Payer).as_of("soon"), "'soon'"),
    "FoldError": (lambda folder: es.Timeline(a_log(folder), Failing).as_of(), "'paid'"),
    "FaultError": (lambda folder: es.Timeline(a_log(folder), Sum).as_of(), "'paid'"),
    "LogError": (lambda folder: es.Log(folder / "none", create=False), "none"),
    "IndexFileError": (take_a_snapshot_where_a_file_is, "snapshots"),
    "AppendConflictError": (lambda folder: es.Log(folder / "log").pull(PulledMeanwhile(folder / "log")), "orders"),
    "SourceError": (lambda folder: es.Log(folder / "log").pull(es.source(folder / "*.jsonl")), "*.jsonl"),
    "RejectedLinesError": (pull_a_broken_line, "raw.jsonl:1"),
    "DefinitionError": (lambda folder: es.report.read_definition(folder / "premium.toml"), "premium.toml"),
    "ReportError": (lambda _: charts.line(pl.DataFrame({"x": [1]}), "x", "y"), "'y'"),
    "ReadModelError": (lambda folder: read_model_of(folder, "mysql://host/base"), "mysql"),
    "ReadModelBusyError": (refresh_a_locked_database, "read.db"),
    "StoreError": (lambda folder: es.EventStore(f"sqlite:///{folder}/none/x.db").init(), "x.db"),
    "ConcurrencyError": (
        lambda folder: es.EventStore(f"sqlite:///{folder}/x.db").append("a", [{"type": "Paid"}], 7),
        "'a'",
    ),
    "DatabaseError": (lambda folder: read_model_of(folder, f"sqlite:///{folder}/none/x.db").refresh(), "x.db"),
}
"""Error → a call that raises it, and a part of the message that names the thing."""

WITHOUT_HINT: dict[str, str] = {}
"""Error → why no command or argument helps."""


def test_every_error_is_in_the_table() -> None:
    """All subclasses of the base class are public, and each has a call that raises it."""
    names = {name for name in errors.__all__ if issubclass(getattr(errors, name), EventsourceError)}
    assert names - {"EventsourceError"} == RAISED.keys()
    assert errors.__all__ == sorted(errors.__all__)


@pytest.mark.parametrize("name", RAISED)
def test_an_error_names_the_thing_and_what_helps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is not empty, and it ends with the hint."""
    call, thing = RAISED[name]
    with pytest.raises(EventsourceError) as raised:
        call(tmp_path, monkeypatch) if call is refresh_a_locked_database else call(tmp_path)
    assert type(raised.value).__name__ == name
    message, _, hint = str(raised.value).partition("\nHint: ")
    assert thing in message
    assert (hint or None) == raised.value.hint
    assert bool(hint) == (name not in WITHOUT_HINT)


@pytest.mark.parametrize("name", [*RAISED, "EventsourceError"])
def test_an_error_says_when_it_is_raised(name: str) -> None:
    """Each class has a docstring of its own."""
    assert (getattr(errors, name).__doc__ or "").strip()


def test_an_unknown_name_is_a_warning_with_a_suggestion(tmp_path: Path) -> None:
    """The log may get such events later, so it is not an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        es.Timeline(a_log(tmp_path), Misspelt).as_of()
    [message] = [str(each.message) for each in caught if each.category is errors.UnknownNameWarning]
    assert "'Payed'" in message
    assert "'Paid'" in message
