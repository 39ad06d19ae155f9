"""Pulling: what is new, where to go on, what could not be taken."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from eventsource.errors import AppendConflictError, FrameError, RejectedLinesError, SourceError
from eventsource.event import Batch, Checkpoint, Source, check_events, empty_events, events_from_dicts
from eventsource.log import Log, PullProgress
from tests.log.logkit import Lines, event, events, ids, lines, whole


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
    assert whole(log)


def test_the_place_to_resume_is_that_of_the_last_batch(tmp_path: Path) -> None:
    """`checkpoint` gives the numbers of a source's last committed batch; later commits do not change them."""
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


def test_no_two_sources_share_a_name(tmp_path: Path) -> None:
    """Names with colons stay apart, however name and key are split."""
    log = Log(tmp_path / "log")
    for name, number in (("a:b", 1), ("a", 2), ("a%3Ab", 3)):
        log.pull(_Once(name, Batch(empty_events(), {"b:c": number, "c": number})))
    assert [log.checkpoint(name).get("c") for name in ("a:b", "a", "a%3Ab")] == [1, 2, 3]
    assert [log.checkpoint(name).get("b:c") for name in ("a:b", "a", "a%3Ab")] == [1, 2, 3]


def test_a_batch_without_new_events_moves_the_place(tmp_path: Path) -> None:
    """Rejects and duplicates alone still move the checkpoint; a place that stands still is no commit."""
    log = Log(tmp_path / "log")
    log.append(events([1, 2]))
    pulled = log.pull(Lines(lines(tmp_path / "raw", [1, 2, "bad"])))
    assert (pulled.appended, pulled.duplicates, pulled.rejected, pulled.head) == (0, 2, 1, 2)
    assert log.checkpoint("lines:of a file").get("lines") == 3
    version = DeltaTable(tmp_path / "log" / "events").version()
    log.pull(_Once("lines:of a file", Batch(empty_events(), {"lines": 3})))
    assert DeltaTable(tmp_path / "log" / "events").version() == version


def test_rejected_lines_are_kept_with_their_reason(tmp_path: Path) -> None:
    """What cannot be taken is kept byte for byte, with file, line and reason; the pull goes on."""
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
    """Lines that are kept aside already are not kept again, conflicts neither."""
    texts = [1, "bad", '{"event_id": "e1", "stream": "x", "type": "A", "occurred_at": "2024-01-01"}', 2]
    source, log = Lines(lines(tmp_path / "raw", texts)), Log(tmp_path / "log")
    for name in ("one", "one", "two"):
        (batch,) = source.batches({})
        rejected = batch.rejected.with_columns(pl.lit(name).alias("source"))
        pulled = log.pull(_Once(name, replace(batch, rejected=rejected)))
        assert pulled.conflicts == 1
    assert log.rejected()["source"].sort().to_list() == ["one", "one", "two", "two"]
    assert len(log._rejected) == 4


def test_strict_fails_before_anything_is_committed(tmp_path: Path) -> None:
    """A bad line in the last batch makes a strict pull fail, with nothing in the log and nothing kept aside."""
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


def test_rejected_lines_can_be_offered_again(tmp_path: Path) -> None:
    """What a mended source takes is appended and forgotten; the rest stays, with its new reason."""
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


def test_a_retry_that_dies_half_way_is_taken_up(tmp_path: Path) -> None:
    """If lines are still listed although they were appended, the next retry forgets them as duplicates."""
    log = Log(tmp_path / "log")
    source = Lines(lines(tmp_path / "raw", ["word"]))
    log.pull(source)
    log.append([event(1004)])
    retried = log.retry(replace(source, takes_words=True))
    assert (retried.appended, retried.duplicates) == (0, 1)
    assert log.rejected().is_empty()


def test_rejected_lines_can_be_forgotten(tmp_path: Path) -> None:
    """`clear_rejected` forgets the lines of one source, or all, and says how many there were."""
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
    assert log.pull(source).rejected == 0  # the place has moved on


def test_progress_is_told_batch_by_batch(tmp_path: Path) -> None:
    """Progress counts bytes, events and rejected lines, up to the whole; a batch is committed when it is told."""
    path = lines(tmp_path / "raw", [*range(10), "x", *range(10, 24)])
    log, told = Log(tmp_path / "log"), []

    def progress(now: PullProgress) -> None:
        told.append(now)
        assert log.head >= now.appended

    log.pull(Lines(path), progress=progress)
    size = path.stat().st_size
    assert [(one.size, one.appended, one.rejected) for one in told] == [
        (size, 10, 0),
        (size, 19, 1),
        (size, 24, 1),
    ]
    assert told[-1].read == size


def test_another_pull_of_the_same_source_is_noticed(tmp_path: Path) -> None:
    """Of two pulls of one source at once the slower one is told so; nothing is lost or doubled."""
    path = lines(tmp_path / "raw", range(40))
    log = Log(tmp_path / "log")

    class Overtaken(Lines):
        def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
            for number, batch in enumerate(super().batches(checkpoint)):
                if number == 2:
                    Log(tmp_path / "log").pull(Lines(path))
                yield batch

    with pytest.raises(AppendConflictError, match="another pull of lines:of a file is running"):
        log.pull(Overtaken(path))
    assert log.pull(Lines(path)).head == 40
    assert whole(log)


def test_a_source_that_fails_leaves_whole_batches(tmp_path: Path) -> None:
    """A source's own error comes out as it is; the batches before it stand, and the next pull goes on."""
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
    assert whole(log)


def test_a_source_that_yields_no_envelope_is_refused(tmp_path: Path) -> None:
    """A batch is put into the envelope's form where that can be done, and refused where not."""
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
        return Batch(empty_events(), {}, rejected)


@pytest.mark.parametrize("slip", ["raw", Path("raw"), None, 3, [1]])
def test_what_is_no_source_is_told(tmp_path: Path, slip: Any) -> None:
    """A pull, a strict one and a retry of what is no source name the function that makes one."""
    log = Log(tmp_path / "log")
    for take in (log.pull, log.retry):
        with pytest.raises(SourceError, match=r"es\.source\("):
            take(slip)
