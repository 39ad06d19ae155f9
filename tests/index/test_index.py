"""The index: derived, disposable, never stale."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

import eventsource as es
from eventsource import demo
from eventsource.demo.models import Customer
from eventsource.errors import DerivedFileWarning
from eventsource.index import Sizes
from eventsource.timeline import Tuning
from tests.conformance.stored import index_of

EVENTS = demo.events(customers=60)
SMALL = Sizes(in_memory=0, max_run=400, part=100, max_sort=250)

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")  # half a log


@pytest.fixture
def asked(tmp_path: Path) -> tuple[es.Log, es.Timeline]:
    """A log with half of the events, and a timeline that keeps its index on disk."""
    log = es.Log(str(tmp_path / "log"))
    log.append(EVENTS.head(EVENTS.height // 2))
    return log, es.Timeline(log, Customer, tuning=Tuning(index=SMALL))


def _fresh(events: pl.DataFrame, tmp_path: Path) -> es.Timeline:
    shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
    log = es.Log(str(tmp_path / "fresh"))
    log.append(events)
    return es.Timeline(log, Customer)


def _expected(events: pl.DataFrame, tmp_path: Path) -> pl.DataFrame:
    return _fresh(events, tmp_path).as_of("2024-06-30")


def test_questions_see_new_events(asked: tuple[es.Log, es.Timeline], tmp_path: Path) -> None:
    """A question first adds the events that the index lacks, late events among them."""
    log, timeline = asked
    for start in range(EVENTS.height // 2, EVENTS.height, 50):
        log.append(EVENTS.slice(start, 50))
        timeline.as_of()
    fresh = _fresh(EVENTS, tmp_path)
    assert timeline.as_of("2024-06-30").equals(fresh.as_of("2024-06-30"))
    assert timeline.history().equals(fresh.history())
    assert timeline.changes("premium").equals(fresh.changes("premium"))
    assert timeline.entities().equals(fresh.entities())


def test_files_stay_few(asked: tuple[es.Log, es.Timeline]) -> None:
    """Runs are merged, parts split, and files that no manifest names are removed."""
    log, timeline = asked
    files = index_of(timeline).files
    for start in range(EVENTS.height // 2, EVENTS.height, 20):
        log.append(EVENTS.slice(start, 20))
        timeline.as_of()
    manifest = files.manifest()
    rows = sum(run.rows for run in manifest.runs)
    assert sum(part.rows for part in manifest.parts) <= rows
    assert len(manifest.runs) <= 12
    assert len(manifest.parts) >= rows / (2 * SMALL.part) - 1
    kept = len(list(files.folder.iterdir()))
    assert kept <= 2 * (len(manifest.file_names) + 2)


def test_a_new_member_or_kind_of_value_rewrites_no_part(tmp_path: Path) -> None:
    """Parts that lack a column stay as they are; answers have the dtype of all events."""
    log = es.Log(str(tmp_path / "log"))
    plan = es.Plan.from_dict(
        {
            "fields": [
                {"name": "size", "op": "latest", "events": ["Sized"], "of": "size"},
                {"name": "colour", "op": "latest", "events": ["Painted"], "of": "colour"},
            ]
        }
    )
    timeline = es.Timeline(log, plan, tuning=Tuning(index=Sizes(in_memory=0, part=50)))
    log.append([_event(n, "Sized", {"size": n}) for n in range(300)])
    assert timeline.as_of()["size"].dtype == pl.Int64
    before = {part.file for part in index_of(timeline).files.manifest().parts}
    log.append([_event(300, "Sized", {"size": "XL"}), _event(301, "Painted", {"colour": "red"})])
    states = timeline.as_of()
    assert states["size"].to_list().count("XL") == 1
    assert states["size"].dtype == states["colour"].dtype == pl.String
    assert {part.file for part in index_of(timeline).files.manifest().parts} == before


def _event(number: int, kind: str, data: dict[str, object]) -> dict[str, object]:
    at = f"2024-01-01T{number // 60:02}:{number % 60:02}:00Z"
    return {"event_id": f"e{number}", "stream": f"s{number % 90}", "type": kind, "occurred_at": at, "data": data}


def test_deleting_or_damaging_files_changes_no_answer(asked: tuple[es.Log, es.Timeline], tmp_path: Path) -> None:
    """Without the index, or with files that are not Parquet, the answer is the same."""
    _, timeline = asked
    expected = timeline.as_of("2024-06-30")
    for path in index_of(timeline).folder.glob("*.parquet"):
        path.write_bytes(b"garbage")
    with pytest.warns(DerivedFileWarning, match="the index is built again"):
        assert timeline.as_of("2024-06-30").equals(expected)
    shutil.rmtree(index_of(timeline).folder)
    assert timeline.as_of("2024-06-30").equals(expected)


def test_another_log_at_the_same_path_has_another_index(asked: tuple[es.Log, es.Timeline], tmp_path: Path) -> None:
    """A log that was deleted and created again, with its old index beside it, answers from its own events."""
    log, timeline = asked
    timeline.as_of()
    shutil.rmtree(tmp_path / "log" / "events")
    new_log = es.Log(log.path)
    new_log.append(EVENTS.tail(log_size := EVENTS.height // 2))
    again = es.Timeline(new_log, Customer, tuning=Tuning(index=SMALL))
    assert again.as_of("2024-06-30").equals(_expected(EVENTS.tail(log_size), tmp_path))


def test_compaction_by_another_tool_changes_no_answer(tmp_path: Path) -> None:
    """Delta's OPTIMIZE leaves rows in any order; the clocks of streams go by position all the same."""
    log = es.Log(str(tmp_path / "log"))
    plan = es.Plan.from_dict(
        {"order": "recorded_at", "fields": [{"name": "size", "op": "latest", "events": ["Sized"], "of": "size"}]}
    )
    for number in range(40):
        skewed = f"2024-01-{1 + 7 * number % 28:02}T00:00:00Z"
        log.append([_event(number, "Sized", {"size": number}) | {"stream": "s", "recorded_at": skewed}])
    known = "2024-01-12"
    before = es.Timeline(log, plan)
    expected = before.history(), before.changes("size"), before.changes("size", known_at=known)
    DeltaTable(tmp_path / "log" / "events").optimize.compact()
    again = es.Log(log.path)
    assert not again.scan().collect()["position"].is_sorted()
    for sizes in (Sizes(in_memory=0), Sizes()):
        after = es.Timeline(again, plan, tuning=Tuning(index=sizes))
        found = after.history(), after.changes("size"), after.changes("size", known_at=known)
        assert all(one.equals(other) for one, other in zip(expected, found, strict=True))


def test_upto_pins_an_answer(asked: tuple[es.Log, es.Timeline]) -> None:
    """Events from the position on change no answer, whichever files are read."""
    log, timeline = asked
    pinned = log.head
    before = timeline.as_of("2024-06-30", upto=pinned)
    log.append(EVENTS.tail(EVENTS.height // 2))
    timeline.as_of()
    assert timeline.as_of("2024-06-30", upto=pinned).equals(before)
