"""Snapshots: used where they help, taken by policies, pruned, told from those of other models and logs."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from eventsource import Log
from eventsource.errors import EventsourceError, FoldError, LogError, ModelError
from eventsource.index import Sizes
from eventsource.plan import Plan, Rule
from eventsource.snapshots import SnapshotPolicy, Thresholds
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.conformance.stored import BUSY, assert_answers, busy_events, fresh, snapshots_of, stored

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

EVENTS = busy_events(2, 600)
SMALL = Sizes(in_memory=0, max_run=200, part=50, max_sort=100)
BEFORE = "2024-01-01T02:00:00"
LATE = "2024-01-01T09:55:00"

FULL = """
import resource, sys
from tests.conformance.stored import BUSY, stored
from eventsource import Log
from eventsource.errors import IndexFileError
timeline = stored(Log(sys.argv[1]), BUSY)
timeline.as_of()
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
try:
    timeline.snapshot()
except IndexFileError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
print(timeline.snapshots().height, timeline.snapshot().entities)
"""


@pytest.fixture(params=[None, SMALL], ids=["in memory", "in files"])
def timeline(request: pytest.FixtureRequest, tmp_path: Path) -> Timeline:
    """A timeline over a log of busy events."""
    log = Log(tmp_path / "log")
    log.append(EVENTS)
    return stored(log, BUSY, request.param)


def _falsify(of: Timeline) -> None:
    """Make the values of all snapshots wrong, so that whoever goes on from one can be seen."""
    store = snapshots_of(of)
    for snapshot in store.all():
        path = store.folder / snapshot.file
        about = {"eventsource": pl.read_parquet_metadata(path)["eventsource"]}
        wrong = pl.read_parquet(path).with_columns(pl.col("payments") + 1_000_000)
        wrong.write_parquet(path, metadata=about)


def _is_used(of: Timeline, when: str | None = None, **view: object) -> bool:
    found = of.as_of(when, **view)["payments"].max()
    return isinstance(found, int) and found >= 1_000_000


def test_a_snapshot_near_the_moment_is_gone_on_from(timeline: Timeline) -> None:
    """As_of at its moment, after it and now begins with the snapshot; before it, and on request, without."""
    timeline.snapshot(LATE)
    _falsify(timeline)
    assert _is_used(timeline, LATE)
    assert _is_used(timeline, "2024-01-01T09:57:00")
    assert _is_used(timeline)
    assert not _is_used(timeline, BEFORE)
    assert not _is_used(timeline, LATE, snapshots=False)


def test_a_tail_is_merged_into_a_snapshot(timeline: Timeline) -> None:
    """A snapshot helps after more events came, late ones among them; the answers are those of all events."""
    timeline.snapshot()
    more = busy_events(3, 30, start=600)
    late = [event | {"occurred_at": BEFORE} for event in busy_events(4, 3, start=700)]
    timeline.log.append([*more, *late])
    expected = fresh([*EVENTS, *more, *late], BUSY)
    assert_answers(timeline, expected)
    _falsify(timeline)
    assert _is_used(timeline)
    shutil.rmtree(snapshots_of(timeline).folder)
    assert_answers(timeline, expected)


def test_a_view_uses_no_snapshot_that_saw_more(timeline: Timeline) -> None:
    """Positions from ``upto`` on, and what was recorded after ``known_at``, may not be in what is gone on from."""
    timeline.snapshot(LATE)
    _falsify(timeline)
    assert _is_used(timeline, LATE, upto=600)
    assert not _is_used(timeline, LATE, upto=599)
    assert _is_used(timeline, LATE, known_at="2024-12-31")
    assert not _is_used(timeline, LATE, known_at=BEFORE)


def test_clocks_that_later_records_moved_are_not_gone_on_from(tmp_path: Path) -> None:
    """In the order of recording a snapshot never answers with ``known_at``."""
    plan = replace(BUSY, order="recorded_at")
    found = stored(Log(tmp_path / "log"), plan)
    found.log.append(EVENTS)
    found.snapshot()
    _falsify(found)
    assert _is_used(found)
    assert not _is_used(found, known_at="2024-12-31")


def test_a_kind_of_value_that_is_not_known_yet_decides_no_dtype(tmp_path: Path) -> None:
    """A snapshot of texts and numbers does not answer for a moment that knew numbers only."""
    plan = Plan.from_dict(
        {"name": "Kinds", "fields": [{"name": "n", "op": "latest", "events": ["Changed"], "of": "n"}]}
    )
    changed = {"stream": "a", "type": "Changed"}
    events = [
        {**changed, "event_id": "1", "occurred_at": "2024-01-01", "data": {"n": 1}},
        {**changed, "event_id": "2", "occurred_at": "2024-01-03", "data": {"n": "one"}},
    ]
    found = stored(Log(tmp_path / "log"), plan)
    found.log.append(events)
    found.snapshot("2024-01-01")
    assert found.as_of("2024-01-01", known_at="2024-01-02").rows() == [("a", 1)]
    assert found.as_of("2024-01-01").rows() == [("a", "1")]


def test_verify_finds_what_is_wrong(timeline: Timeline) -> None:
    """A snapshot whose contents were changed gives other answers, and verify says which it is."""
    for moment in (BEFORE, LATE):
        timeline.snapshot(moment)
    assert timeline.verify()["same"].to_list() == [True, True]
    kept = snapshots_of(timeline).all()
    _falsify(timeline)
    again = snapshots_of(timeline).all()
    assert again == kept
    assert timeline.verify()["same"].to_list() == [False, False]
    assert timeline.verify().columns == ["moment", "position", "same", "reason"]
    assert set(timeline.verify()["reason"]) == {"the states at its moment differ"}


def test_a_changed_model_finds_no_old_snapshot(timeline: Timeline) -> None:
    """Snapshots belong to one plan: another rule, order or key is another plan."""
    timeline.snapshot()
    _falsify(timeline)
    for plan in (
        replace(BUSY, rules=BUSY.rules[:-1]),
        replace(BUSY, deleted=()),
        replace(BUSY, order="recorded_at"),
        replace(BUSY, key={"Paid": "v"}),
    ):
        other = stored(timeline.log, plan)
        assert other.snapshots().is_empty()
        assert not _is_used(other)
    assert stored(timeline.log, BUSY).snapshots().height == 1


def test_another_log_at_the_same_path_finds_no_old_snapshot(timeline: Timeline) -> None:
    """A log made anew, with the old caches beside it, answers from its own events."""
    timeline.snapshot()
    shutil.rmtree(Path(timeline.log.path) / "events")
    anew = Log(timeline.log.path)
    anew.append(EVENTS[:500])
    assert stored(anew, BUSY).snapshots().is_empty()
    assert_answers(stored(anew, BUSY), fresh(EVENTS[:500], BUSY))


def test_a_log_that_was_put_back_finds_no_old_snapshot(tmp_path: Path) -> None:
    """It has the identity, and later as many events, but not the same ones."""
    log = Log(tmp_path / "log")
    log.append([event("Paid", f"e{n}", at="2024-01-01", x=1) for n in range(50)])
    shutil.copytree(log.path, tmp_path / "backup")
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x"),))
    log.append([event("Paid", f"e{n}", at="2024-01-02", x=1) for n in range(50)])
    Timeline(log, plan).snapshot()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    again = Timeline(Log(log.path), plan)
    again.log.append([event("Paid", f"e{n}", at="2024-01-02", x=100) for n in range(60)])
    assert again.as_of()["sum"].sum() == again.as_of(snapshots=False)["sum"].sum() == 50 + 6000


def test_events_that_came_again_with_other_payloads_are_believed(tmp_path: Path) -> None:
    """A log was put back, and then pulled a mended export: the same ids, and as many; 24,000 stand in files."""
    log = Log(tmp_path / "log")
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x"),))

    def export(start: int, amount: int) -> list[dict[str, Any]]:
        return [event("Paid", f"e{n}", at="2024-01-02", x=amount) for n in range(start, start + 12_000)]

    log.append(export(0, 1))
    shutil.copytree(log.path, tmp_path / "backup")
    log.append(export(12_000, 999))
    Timeline(log, plan).snapshot()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    Log(log.path).append(export(12_000, 2))
    again = Timeline(Log(log.path), plan)
    assert again.as_of()["sum"].sum() == again.as_of(snapshots=False)["sum"].sum() == 36_000
    assert again.history()["sum"].sum() == 36_000


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"events": 0},
        {"events": "many"},
        {"every": "banana"},
        {"every": "0d"},
        {"every": "1h"},
        {"every": 5},
        {"every": "1mo", "keep": 0},
        {"every": "1mo", "keep": 2.5},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    """Where it is made, not at the first question."""
    with pytest.raises(ModelError):
        SnapshotPolicy(**wrong)


@pytest.mark.parametrize("wrong", [{"snapshots": "1mo"}, {"snapshots": True}, {"tz": "Nowhere"}])
def test_a_timeline_refuses_at_once_what_no_question_could_use(wrong: dict[str, Any]) -> None:
    """Not at the first question."""
    with pytest.raises(EventsourceError):
        Timeline(MemoryLog([]), BUSY, **wrong)


def test_a_snapshot_taken_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """There is one of a moment and a position, so that others are not pruned for its copies."""
    timeline = stored(Log(tmp_path / "log"), BUSY)
    timeline.log.append(EVENTS)
    for moment in ("2024-01-03", "2024-01-02", "2024-01-03", None, None):
        timeline.snapshot(moment)
    assert timeline.snapshots().height == 3
    assert timeline.prune(keep=3) == 0
    for keep in (-1, "x"):
        with pytest.raises(ModelError):
            timeline.prune(keep)
    assert timeline.snapshots().height == 3


def test_fewer_are_kept_at_once_where_a_policy_says_so(tmp_path: Path) -> None:
    """Though none is due."""
    timeline = stored(Log(tmp_path / "log"), BUSY)
    timeline.log.append(EVENTS)
    for moment in ("2024-01-01", "2024-01-02", "2024-01-03"):
        timeline.snapshot(moment)
    assert timeline.take_due(SnapshotPolicy(events=10**9, keep=2)) == []
    assert timeline.snapshots().height == 2


@pytest.mark.parametrize("moment", [None, "2024-01-01"])
def test_there_is_no_snapshot_of_no_events(tmp_path: Path, moment: str | None) -> None:
    """It would help no question."""
    with pytest.raises(FoldError, match="no events"):
        Timeline(Log(tmp_path / "log"), BUSY).snapshot(moment)


def test_a_snapshot_that_was_taken_just_now_stays(tmp_path: Path) -> None:
    """An older one of a later moment does not push it out: the next question would take it again."""
    log = Log(tmp_path / "log")
    log.append([event("Paid", "a", at="2024-01-01", x=1)])
    timeline = Timeline(log, Plan("M", (Rule(name="n", op="count", events=("Paid",)),)))
    timeline.snapshot("2099-01-01")
    log.append([event("Paid", "a", at="2024-01-02", x=1) for _ in range(20)])
    policy = SnapshotPolicy(events=10, keep=1)
    assert [len(timeline.take_due(policy)) for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PAR1", b"PAR1" + bytes(500) + b"PAR1"])
def test_a_damaged_snapshot_is_none(timeline: Timeline, content: bytes) -> None:
    """Garbage in the place of a snapshot, or a part of one, changes no answer and goes with the next pruning."""
    timeline.snapshot(LATE)
    timeline.snapshot()
    store = snapshots_of(timeline)
    whole = [store.folder / snapshot.file for snapshot in store.all()]
    whole[0].write_bytes(content)
    os.truncate(whole[1], whole[1].stat().st_size - 7)
    assert timeline.snapshots().is_empty()
    assert_answers(timeline, fresh(EVENTS, BUSY))
    timeline.prune(keep=5)
    assert list(snapshots_of(timeline).folder.iterdir()) == []


def test_the_contents_of_a_snapshot_may_be_damaged_too(timeline: Timeline) -> None:
    """Where only its end can be read, it does not help."""
    timeline.snapshot(LATE)
    path = snapshots_of(timeline).folder / snapshots_of(timeline).all()[0].file
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 3] = bytes(len(content) // 3 - 4)
    path.write_bytes(content)
    assert timeline.as_of(LATE).equals(timeline.as_of(LATE, snapshots=False))


def test_pruning_keeps_the_latest(timeline: Timeline) -> None:
    """The newest moments stay; what a writer that died left goes when it is old; none is kept on request."""
    for hour in (5, 1, 3, 2, 4):
        timeline.snapshot(f"2024-01-01T0{hour}:00:00")
    abandoned, written = (snapshots_of(timeline).folder / f"{name}.snapshot.tmp" for name in "ab")
    for path in (abandoned, written):
        path.write_bytes(b"half")
    os.utime(abandoned, (time.time() - 7200,) * 2)
    assert timeline.prune(keep=2) == 3
    assert [moment.hour for moment in timeline.snapshots()["moment"]] == [4, 5]
    assert not abandoned.exists()
    assert written.exists()
    assert timeline.prune() == 2
    assert timeline.snapshots().is_empty()


def test_a_policy_by_events_takes_one_when_enough_came(tmp_path: Path) -> None:
    """Asked after every arrival: a snapshot per so many events, and only the newest are kept."""
    found = stored(Log(tmp_path / "log"), BUSY, policy=SnapshotPolicy(events=100, keep=2))
    taken = set()
    for start in range(0, 600, 50):
        found.log.append(EVENTS[start : start + 50])
        found.as_of()
        taken |= set(found.snapshots()["position"])
        assert found.snapshots().height <= 2
    assert taken == {100, 200, 300, 400, 500, 600}
    assert_answers(found, fresh(EVENTS, BUSY))


def test_a_snapshot_of_an_early_moment_does_not_stand_for_all_events(tmp_path: Path) -> None:
    """Though it was taken at the head: who asks for the states of now would fold nearly all events again."""
    found = stored(Log(tmp_path / "log"), BUSY)
    found.log.append(EVENTS[:100])
    found.snapshot("2000-01-01")
    policy = SnapshotPolicy(events=100)
    assert [snapshot.is_complete for snapshot in found.take_due(policy)] == [True]
    assert found.take_due(policy) == []


def test_a_policy_by_time_takes_one_at_each_end(tmp_path: Path) -> None:
    """The last instants of the newest steps that are over, in the zone of the timeline, and each only once."""
    found = Timeline(
        Log(tmp_path / "log"), BUSY, tz="Europe/Warsaw", snapshots=SnapshotPolicy(every="1mo", keep=3)
    )
    found.log.append(
        [event | {"occurred_at": f"2024-{month:02}-15"} for month, event in enumerate(busy_events(8, 7), start=1)]
    )
    for _ in range(2):
        found.as_of()
    ends = [datetime(2024, month, day, 21, 59, 59, 999999, UTC) for month, day in ((4, 30), (5, 31), (6, 30))]
    assert found.snapshots()["moment"].to_list() == ends
    files = {snapshot.file for snapshot in snapshots_of(found).all()}
    found.as_of("2024-05-31")
    assert {snapshot.file for snapshot in snapshots_of(found).all()} == files


def test_policies_of_both_kinds_come_to_rest(tmp_path: Path) -> None:
    """Without new events no question takes a snapshot that the next one takes again."""
    policy = SnapshotPolicy(events=3, every="1mo", keep=2)
    found = stored(Log(tmp_path / "log"), BUSY, policy=policy)
    found.log.append(
        [event | {"occurred_at": f"2024-{month:02}-15"} for month, event in enumerate(busy_events(8, 7), start=1)]
    )
    assert found.take_due(policy)
    assert found.take_due(policy) == []
    assert found.snapshots().height == 2


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    """No events, states whose dtype only all values tell, a log in memory: clear errors."""
    found = stored(Log(tmp_path / "log"), BUSY)
    with pytest.raises(FoldError, match="no events"):
        found.snapshot()
    untyped = Plan.from_dict({"name": "Empty", "fields": []})
    with pytest.raises(LogError, match="in memory"):
        Timeline(MemoryLog([]), untyped).snapshot()


def test_a_sum_beyond_64_bits_is_refused_from_a_snapshot_too(tmp_path: Path) -> None:
    """Even that of an entity which does not exist any more, as without a snapshot."""
    total = {"name": "n", "op": "total", "events": ["Added"], "of": "n"}
    plan = Plan.from_dict({"name": "Sums", "created": ["Added"], "deleted": ["Gone"], "fields": [total]})
    found = stored(Log(tmp_path / "log"), plan)
    kinds = [("a", "Added", 2**62), ("a", "Added", 2**62), ("b", "Added", 1), ("a", "Gone", 0)]
    found.log.append(
        [
            {
                "event_id": f"{n}",
                "stream": stream,
                "type": kind,
                "occurred_at": f"2024-01-0{n + 1}",
                "data": {"n": of},
            }
            for n, (stream, kind, of) in enumerate(kinds)
        ]
    )
    found.snapshot()
    for used in (True, False):
        with pytest.raises(FoldError, match="64 bits"):
            found.as_of(snapshots=used)


def test_a_full_disk_leaves_no_half_snapshot(tmp_path: Path) -> None:
    """When it cannot be written the error says so, no file stays, and later it works."""
    Log(tmp_path / "log").append(EVENTS)
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL, str(tmp_path / "log")],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    said, counts = told.rsplit("\n", 2)[:2]
    assert "the snapshot cannot be written" in said
    assert "File too large" in said
    assert counts == f"0 {fresh(EVENTS, BUSY).entities().len()}"
    assert [path.suffix for path in (tmp_path / "log" / "snapshots").glob("*/*")] == [".snapshot"]


@pytest.mark.parametrize(("cached_bytes", "is_cached"), [(10**9, True), (0, False)])
def test_the_states_read_last_stay_in_memory_unless_they_are_large(
    tmp_path: Path, cached_bytes: int, *, is_cached: bool
) -> None:
    """Content that changes without the file's time is only seen where the file is read again."""
    log = Log(tmp_path / "log")
    log.append(EVENTS)
    timeline = stored(log, BUSY, thresholds=Thresholds(cached_bytes=cached_bytes))
    expected = fresh(EVENTS, BUSY)
    for moment in (LATE, "2024-01-01T05:00:00", LATE):
        timeline.snapshot(moment)
        assert timeline.as_of(moment).equals(expected.as_of(moment))
    store = snapshots_of(timeline)
    times = {path: path.stat() for path in store.folder.glob("*.snapshot")}
    _falsify(timeline)
    for path, before in times.items():
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _is_used(timeline, LATE) == (not is_cached)
    timeline.prune()
    assert timeline.as_of(LATE).equals(expected.as_of(LATE))


@pytest.mark.parametrize("tz", ["UTC", "Europe/Warsaw", "America/New_York"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_policy_takes_steps_at_the_ends_of_the_calendar(tmp_path: Path, at: str, tz: str) -> None:
    """An event that stands for ever, or from the begin of time, changes and hinders no answer."""
    log = Log(tmp_path / "log")
    log.append([*EVENTS, EVENTS[0] | {"event_id": "end", "occurred_at": at}])
    plain = Timeline(log, BUSY, tz=tz)
    for every in ("1mo", "700d"):
        kept = Timeline(log, BUSY, tz=tz, snapshots=SnapshotPolicy(every=every, keep=2))
        for when in (LATE, "2024-06-30", "9999-12-31", "0001-01-01", None):
            assert kept.as_of(when).equals(plain.as_of(when, snapshots=False))
    alone = Log(tmp_path / "alone")
    alone.append([EVENTS[0] | {"occurred_at": at}])
    assert (
        Timeline(alone, BUSY, tz=tz, snapshots=SnapshotPolicy(every="1w"))
        .as_of()
        .equals(Timeline(alone, BUSY).as_of())
    )
