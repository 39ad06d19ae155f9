"""Snapshots and indexes of a log that someone hands over: what files say is never a path, and no raw error."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

from eventsource import Log
from eventsource.checksums import checksum
from eventsource.snapshots import SnapshotPolicy
from eventsource.timeline import Timeline
from tests.conformance.stored import BUSY, assert_answers, index_of, reference, snapshots_of, stored_timeline
from tests.index.indexkit import SMALL as SMALL_INDEX
from tests.index.indexkit import output_of, run
from tests.snapshots.snapshotkit import EVENTS, LATE, rewrite

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning"),
    pytest.mark.filterwarnings("ignore::eventsource.errors.DerivedFileWarning"),
]


def forged(timeline: Timeline, **changes: Any) -> None:
    """Change the metadata of all snapshots, under new and right checksums; None removes a member."""
    store = snapshots_of(timeline)
    for snapshot in store.all():
        path = store.folder / snapshot.file
        plain = json.loads(pl.read_parquet_metadata(path)["eventsource"]) | changes
        plain = {name: value for name, value in plain.items() if value is not None}
        rewrite(path, pl.read_parquet(path), {"eventsource": json.dumps(plain)})


def test_no_snapshot_deletes_a_file_elsewhere(tmp_path: Path) -> None:
    """Its metadata name a file outside of the log: neither a question under a policy nor pruning deletes it."""
    Log(tmp_path / "log").append(EVENTS)
    policy = SnapshotPolicy(every="1d", events=10, keep=1)
    timeline = stored_timeline(Log(tmp_path / "log"), BUSY, policy=policy)
    timeline.snapshot(LATE)
    timeline.snapshot()
    victim = tmp_path / "victim.txt"
    victim.write_text("precious")
    for name in ("../../../victim.txt", str(victim)):
        forged(timeline, file=name)
        fresh = stored_timeline(Log(tmp_path / "log"), BUSY, policy=policy)
        assert_answers(fresh, reference(EVENTS, BUSY))
        fresh.snapshot()
        fresh.snapshot(LATE)
        fresh.prune(keep=1)
        fresh.prune()
        assert victim.read_text() == "precious"
        timeline.snapshot(LATE)


@pytest.mark.parametrize("name", ["../../../victim.parquet", "/etc/passwd", "..", "", ".", "a/b", "\0"])
def test_no_manifest_leads_to_another_folder(tmp_path: Path, name: str) -> None:
    """A manifest with a right checksum names files that its folder does not list: it counts as absent."""
    Log(tmp_path / "log").append(EVENTS)
    pl.DataFrame({"entity": ["victim"]}).write_parquet(tmp_path / "victim.parquet")
    timeline = stored_timeline(Log(tmp_path / "log"), BUSY, SMALL_INDEX)
    timeline.as_of()
    manifest = index_of(timeline).folder / "manifest.json"
    plain = json.loads(manifest.read_bytes())
    del plain["checksum"]
    for kind in ("runs", "parts"):
        for each in plain[kind]:
            each["file"] = name
    text = json.dumps(plain, sort_keys=True)
    manifest.write_text(json.dumps(plain | {"checksum": checksum(text.encode())}))
    fresh = stored_timeline(Log(tmp_path / "log"), BUSY, SMALL_INDEX)
    assert_answers(fresh, reference(EVENTS, BUSY))
    assert (tmp_path / "victim.parquet").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": None},
        {"columns": []},
        {"columns": 5},
        {"position": "x"},
        {"position": 1e999},
        {"moment": "2024-01-01T09:55:00"},
        {"moment": None},
        {"log_mark": "x"},
        {"log_mark": "a b c"},
        {"last_recorded_at": "soon"},
        {"entities": -1},
    ],
)
def test_metadata_of_another_form_raise_nothing(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Such a snapshot is not used; the answer is that of all events."""
    Log(tmp_path / "log").append(EVENTS)
    timeline = stored_timeline(Log(tmp_path / "log"), BUSY)
    timeline.snapshot(LATE)
    forged(timeline, **changes)
    fresh = stored_timeline(Log(tmp_path / "log"), BUSY)
    assert_answers(fresh, reference(EVENTS, BUSY))
    fresh.snapshots()
    fresh.verify()
    fresh.prune()


def test_states_without_a_column_raise_nothing(tmp_path: Path) -> None:
    """Nor are states with a column of another kind."""
    Log(tmp_path / "log").append(EVENTS)
    timeline = stored_timeline(Log(tmp_path / "log"), BUSY)
    timeline.snapshot(LATE)
    store = snapshots_of(timeline)
    [snapshot] = store.all()
    path = store.folder / snapshot.file
    states, metadata = pl.read_parquet(path), {"eventsource": pl.read_parquet_metadata(path)["eventsource"]}
    for changed in (states.drop("payments"), states.drop("entity"), states.select("entity")):
        path = rewrite(path, changed, metadata)
        assert_answers(stored_timeline(Log(tmp_path / "log"), BUSY), reference(EVENTS, BUSY))


READ_ONLY = """
import filelock, os, sys, warnings  # filelock while the libraries of root can be read
from tests.index.indexkit import SMALL
from tests.conformance.stored import BUSY, stored_timeline
from eventsource import Log
from eventsource.errors import DerivedFileWarning
from eventsource.snapshots import SnapshotPolicy
if os.geteuid() == 0:
    os.setuid(65534)  # permissions do not bind root
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", DerivedFileWarning)
    timeline = stored_timeline(Log(sys.argv[1]), BUSY, SMALL, policy=SnapshotPolicy(events=10))
    height = timeline.as_of().height
    assert timeline.as_of().height == height
said = [str(each.message) for each in caught if each.category is DerivedFileWarning]
print(height, sum("no index can be kept" in text for text in said))
"""


@pytest.mark.parametrize("cache", ["cache", "missing/cache"])
def test_a_read_only_log_with_a_read_only_cache_is_answered_in_memory(cache: str) -> None:
    """There is one warning; without the right to write, the question was refused before."""
    with TemporaryDirectory() as open_folder:
        _ask_read_only(Path(open_folder), cache)


def _ask_read_only(folder: Path, cache: str) -> None:
    Log(folder / "log").append(EVENTS)
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o555)
    (folder / "log").chmod(0o555)
    folder.chmod(0o555)
    said = output_of(run(READ_ONLY, folder / "log", XDG_CACHE_HOME=str(folder / cache)))
    folder.chmod(0o755)
    (folder / "log").chmod(0o755)
    assert said.split() == [str(reference(EVENTS, BUSY).as_of().height), "1"]
