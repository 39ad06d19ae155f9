"""Pulling: new events, checkpoints, rejected lines."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from msgspec import structs

from eventsource.errors import AppendConflictError, FrameError, RejectedLinesError, SourceError
from eventsource.event import ENVELOPE, Batch, Checkpoint, Source, check_events, events_from_dicts, no_events
from eventsource.log import Log, PullProgress
from eventsource.log._storage import Storage
from eventsource.log._transactions import all_transactions
from eventsource.log._version import TableVersion
from tests.log.logkit import Lines, event, events, ids, is_sound, lines


def test_only_what_is_new_is_pulled(tmp_path: Path) -> None:
    """A second pull reads what came after the first; what the log holds already is not read."""
    source, log = Lines(lines(tmp_path / "raw", range(25))), Log(tmp_path / "log")
    assert isinstance(source, Source)
    first = log.pull(source)
    assert (first.appended, first.duplicates, first.head, first.notes) == (25, 0, 25, ("a note",) * 3)
    lines(source.path, [*range(25), 30, 31])
    second = log.pull(source)
    assert (second.appended, second.duplicates, second.head) == (2, 0, 27)
    assert log.pull(source).head == 27
    assert ids(log) == [f"e{number}" for number in [*range(25), 30, 31]]
    assert is_sound(log)


def test_the_checkpoint_is_that_of_the_last_batch(tmp_path: Path) -> None:
    """A checkpoint object keeps its numbers when later batches are committed."""
    source, log = Lines(lines(tmp_path / "raw", range(25))), Log(tmp_path / "log")
    before = log.checkpoint(source.name)
    log.pull(source)
    after = log.checkpoint(source.name)
    assert (before.get("lines"), after.get("lines"), after.get("other")) == (None, 25, None)
    lines(source.path, range(30))
    log.pull(source)
    assert after.get("lines") == 25
    assert Log(tmp_path / "log").checkpoint(source.name).get("lines") == 30
    for other in ("lines", "lines:of a file:lines", "append"):
        assert log.checkpoint(other).get("lines") is None


def test_sources_do_not_share_checkpoints(tmp_path: Path) -> None:
    """Names with colons stay distinct, however name and key are split."""
    log = Log(tmp_path / "log")
    for name, number in (("a:b", 1), ("a", 2), ("a%3Ab", 3)):
        log.pull(_Once(name, Batch(no_events(), {"b:c": number, "c": number})))
    assert [log.checkpoint(name).get("c") for name in ("a:b", "a", "a%3Ab")] == [1, 2, 3]
    assert [log.checkpoint(name).get("b:c") for name in ("a:b", "a", "a%3Ab")] == [1, 2, 3]


def test_a_batch_without_new_events_advances_the_checkpoint(tmp_path: Path) -> None:
    """So do rejected lines and duplicates; a checkpoint that does not change makes no commit."""
    log = Log(tmp_path / "log")
    log.append(events([1, 2]))
    pulled = log.pull(Lines(lines(tmp_path / "raw", [1, 2, "bad"])))
    assert (pulled.appended, pulled.duplicates, pulled.rejected, pulled.head) == (0, 2, 1, 2)
    assert log.checkpoint("lines:of a file").get("lines") == 3
    version = DeltaTable(tmp_path / "log" / "events").version()
    log.pull(_Once("lines:of a file", Batch(no_events(), {"lines": 3})))
    assert DeltaTable(tmp_path / "log" / "events").version() == version


def test_rejected_lines_are_kept_with_their_reason(tmp_path: Path) -> None:
    """A rejected line has its bytes, file, number and reason; the pull continues."""
    path = lines(tmp_path / "raw", [1, "bad", 2, "worse", *range(3, 20)])
    log = Log(tmp_path / "log")
    pulled = log.pull(Lines(path))
    assert (pulled.appended, pulled.rejected) == (19, 2)
    assert pulled.reasons.rows() == [("not a number, takes words: False", str(path), 2, 2)]
    kept = log.rejected().drop("rejected_at", "reason")
    assert kept.rows() == [
        ("lines:of a file", str(path), 2, b"bad"),
        ("lines:of a file", str(path), 4, b"worse"),
    ]
    assert "2 rejected lines" in repr(log)


def test_the_same_lines_are_rejected_once(tmp_path: Path) -> None:
    """Rejected lines and conflicts that are listed already are not listed twice."""
    texts = [1, "bad", '{"event_id": "e1", "stream": "x", "type": "A", "occurred_at": "2024-01-01"}', 2]
    source, log = Lines(lines(tmp_path / "raw", texts)), Log(tmp_path / "log")
    for name in ("one", "one", "two"):
        (batch,) = source.batches({})
        rejected = batch.rejected.with_columns(pl.lit(name).alias("source"))
        pulled = log.pull(_Once(name, structs.replace(batch, rejected=rejected)))
        assert pulled.conflicts == 1
    assert log.rejected()["source"].sort().to_list() == ["one", "one", "two", "two"]
    assert len(log._rejected) == 4


def test_strict_fails_before_anything_is_committed(tmp_path: Path) -> None:
    """A bad line in the last batch makes a strict pull fail, without events and rejected lines in the log."""
    path = lines(tmp_path / "raw", [*range(95), *["bad"] * 7])
    log = Log(tmp_path / "log")
    with pytest.raises(RejectedLinesError) as raised:
        log.pull(Lines(path), strict=True)
    assert str(raised.value).startswith("7 lines of lines:of a file cannot be decoded; nothing was committed.")
    assert str(raised.value).count(f"\n  {path}:") == 5
    assert f"{path}:96: not a number" in str(raised.value)
    assert (log.head, log.rejected().height) == (0, 0)
    lines(path, range(95))
    assert log.pull(Lines(path), strict=True).appended == 95


def test_rejected_lines_can_be_retried(tmp_path: Path) -> None:
    """Lines that decode now are appended and no longer listed; the others have their new reason."""
    log = Log(tmp_path / "log")
    log.append(events([5]))
    conflict = '{"event_id": "e5", "stream": "x", "type": "A", "occurred_at": "2024-01-01"}'
    source = Lines(lines(tmp_path / "raw", [1, "word", "1x1", conflict]))
    log.pull(source)
    log.pull(replace(source, name="other"))
    assert log.rejected().height == 6

    with pytest.raises(RejectedLinesError, match=r"1 line .*\n.*raw:3: not a number"):
        log.retry(replace(source, takes_words=True), strict=True)
    assert (log.head, log.rejected().height) == (2, 6)

    retried = log.retry(replace(source, takes_words=True))
    assert (retried.appended, retried.rejected, retried.head) == (1, 1, 3)
    left = log.rejected().filter(pl.col("source") == source.name)
    assert left["raw"].to_list()[-1] == b"1x1"
    assert left["reason"].to_list()[-1] == "not a number, takes words: True"
    assert left.height == 2  # the conflict, too
    assert log.rejected().height == 5
    assert ids(log) == ["e5", "e1", "e1004"]
    assert log.retry(replace(source, takes_words=True)).appended == 0
    assert log.rejected().height == 5


def test_a_retry_that_was_interrupted_can_be_repeated(tmp_path: Path) -> None:
    """Lines that are still listed although they were appended are duplicates on the next retry."""
    log = Log(tmp_path / "log")
    source = Lines(lines(tmp_path / "raw", ["word"]))
    log.pull(source)
    log.append([event(1004)])
    retried = log.retry(replace(source, takes_words=True))
    assert (retried.appended, retried.duplicates) == (0, 1)
    assert log.rejected().is_empty()


def test_rejected_lines_can_be_cleared(tmp_path: Path) -> None:
    """`clear_rejected` deletes the lines of one source, or all, and returns how many there were."""
    log = Log(tmp_path / "log")
    assert log.clear_rejected() == 0
    source = Lines(lines(tmp_path / "raw", ["a", "b"]))
    log.pull(source)
    log.pull(replace(source, name="other"))
    assert log.clear_rejected("none such") == 0
    assert log.clear_rejected(source) == 2
    assert log.rejected()["source"].unique().to_list() == ["other"]
    assert log.clear_rejected() == 2
    assert log.rejected().is_empty()
    assert log.pull(source).rejected == 0  # the checkpoint is after them


def test_progress_is_reported_after_each_batch(tmp_path: Path) -> None:
    """Progress counts bytes, events and rejected lines; a reported batch is committed."""
    path = lines(tmp_path / "raw", [*range(10), "x", *range(10, 24)])
    log, reports = Log(tmp_path / "log"), []

    def progress(now: PullProgress) -> None:
        reports.append(now)
        assert log.head >= now.appended

    log.pull(Lines(path), progress=progress)
    size = path.stat().st_size
    assert [(one.size, one.appended, one.rejected) for one in reports] == [
        (size, 10, 0),
        (size, 19, 1),
        (size, 24, 1),
    ]
    assert reports[-1].read == size


def test_a_concurrent_pull_of_the_same_source_is_a_conflict(tmp_path: Path) -> None:
    """The slower of two pulls fails; no event is lost or appended twice."""
    path = lines(tmp_path / "raw", range(40))
    log = Log(tmp_path / "log")

    class PulledMeanwhile(Lines):
        def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
            for number, batch in enumerate(super().batches(checkpoint)):
                if number == 2:
                    Log(tmp_path / "log").pull(Lines(path))
                yield batch

    with pytest.raises(AppendConflictError, match="another pull of lines:of a file is running"):
        log.pull(PulledMeanwhile(path))
    assert log.pull(Lines(path)).head == 40
    assert is_sound(log)


def test_a_source_that_fails_leaves_complete_batches(tmp_path: Path) -> None:
    """The error of a source is raised unchanged; earlier batches remain, and the next pull resumes after them."""
    path = lines(tmp_path / "raw", range(40))
    log = Log(tmp_path / "log")

    class Failing(Lines):
        def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
            yield from list(super().batches(checkpoint))[:2]
            raise ZeroDivisionError("the source's own")

    with pytest.raises(ZeroDivisionError, match="the source's own"):
        log.pull(Failing(path))
    assert log.head == 20
    assert log.pull(Lines(path)).appended == 20
    assert is_sound(log)


def test_a_batch_is_checked_against_the_envelope(tmp_path: Path) -> None:
    """Missing optional columns are added; other faults are an error."""
    log = Log(tmp_path / "log")
    frame = check_events(events_from_dicts(events(range(3))))
    assert log.pull(_Once("short", Batch(frame.drop("data", "version"), {}))).appended == 3
    nulls = frame.with_columns(pl.lit(None, pl.String).alias("event_id"))
    with pytest.raises(FrameError, match="'event_id' has 3 nulls"):
        log.pull(_Once("nulls", Batch(nulls, {})))


class _Once:
    """A source of one batch."""

    size = None

    def __init__(self, name: str, batch: Batch) -> None:
        self.name, self._batch = name, batch

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:  # noqa: ARG002 - the protocol's signature
        yield self._batch

    def decode(self, rejected: pl.DataFrame) -> Batch:
        return Batch(no_events(), {}, rejected)


class _OnceOfFiles(_Once):
    """The same, of files."""

    def files(self) -> list[str]:
        return []


@pytest.mark.parametrize("wrong", ["raw", Path("raw"), None, 3, [1]])
def test_something_else_than_a_source_is_an_error(tmp_path: Path, wrong: Any) -> None:
    """The error of a pull and of a retry names the function that makes a source."""
    log = Log(tmp_path / "log")
    for take in (log.pull, log.retry):
        with pytest.raises(SourceError, match=r"es\.source\("):
            take(wrong)


def test_transactions_read_at_once_are_those_that_delta_finds(tmp_path: Path) -> None:
    """Before and after Delta's checkpoint, at older versions too; where that is impossible, one by one."""
    log, name = Log(tmp_path / "log"), "raw"
    files = [f"{name}/{number}#lines" for number in range(5)]
    for number in range(4):
        log.pull(_OnceOfFiles(name, Batch(no_events(), dict.fromkeys(files[number:], number))))
        if number == 1:
            log._events.refresh()
            log._events.create_checkpoint()
        version = Log(tmp_path / "log")._events.refresh()
        found = version.transaction_versions()
        assert found is not None
        assert found == {app: version.transaction_version(app) for app in found}
        assert [found[f"eventsource:files:{file}"] for file in files] == [min(each, number) for each in range(5)]
    older = TableVersion(Storage(str(tmp_path / "log" / "events")), ENVELOPE, None, RLock())
    assert older.transaction_versions() is None
    assert all_transactions(Storage(str(tmp_path / "log" / "events")), 1) is None
    (tmp_path / "log" / "events" / "_delta_log" / "_last_checkpoint").write_text("not JSON")
    assert Log(tmp_path / "log").checkpoint(_OnceOfFiles(name, Batch(no_events(), {}))).get(files[3]) == 3


def test_the_size_of_a_source_is_not_asked_for_without_need(tmp_path: Path) -> None:
    """It may mean a look at thousands of files."""

    class Sized(Lines):
        @property
        def size(self) -> int:
            raise AssertionError("asked for")

    assert Log(tmp_path / "log").pull(Sized(lines(tmp_path / "raw", range(3)))).appended == 3
