"""A log that someone hands over has links, or commits that name files elsewhere: nothing there is changed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import LogError
from eventsource.snapshots import SnapshotPolicy
from tests.conformance.stored import BUSY, busy_events, index_of, reference, snapshots_of, stored_timeline
from tests.index.indexkit import SMALL

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning"),
    pytest.mark.filterwarnings("ignore::eventsource.errors.DerivedFileWarning"),
]

EVENTS = busy_events(1, 120)
POLICY = SnapshotPolicy(every="1d", events=10, keep=1)


def ask(path: Path) -> None:
    """Ask and prune, with an index and snapshots in files."""
    timeline = stored_timeline(es.Log(path), BUSY, SMALL, policy=POLICY)
    events = es.Log(path).scan().collect().height
    assert timeline.as_of(upto=events).height == reference(EVENTS[:events], BUSY).as_of().height
    timeline.snapshot()
    timeline.prune(keep=1)


def append(path: Path) -> None:
    """Append events that the log lacks."""
    es.Log(path).append(EVENTS[100:])


def tidy(path: Path) -> None:
    """Remove what no version needs."""
    es.Log(path).tidy()
    es.Log(path).tidy(hours=0)


def erase(path: Path) -> None:
    """Erase the first event."""
    es.Log(path).erase(event_ids=[str(EVENTS[0]["event_id"])], reason="asked for")


ALL = (ask, append, tidy, erase)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with an index and a snapshot."""
    path = tmp_path_factory.mktemp("sound") / "log"
    log = es.Log(path)
    for start in range(0, 100, 50):
        log.append(EVENTS[start : start + 50])
    timeline = stored_timeline(log, BUSY, SMALL)
    timeline.as_of()
    timeline.snapshot()
    return path


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the user: with files and a folder that have not been changed for long."""
    folder = tmp_path / "victim"
    (folder / "folder").mkdir(parents=True)
    for name in ("folder/precious.txt", "a.txt", "b.parquet"):
        (folder / name).write_text("precious")
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (0, 0))
    return folder


def content(folder: Path) -> dict[Path, bytes | None]:
    """Return the files and folders in a folder."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def copy_of(sound: Path, folder: Path) -> Path:
    """Return a log of one's own."""
    return Path(shutil.copytree(sound, folder / "log"))


def link(place: Path, target: Path) -> None:
    """Put a link in place of a file or a folder."""
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(target)


def index_folder(log: Path) -> Path:
    return index_of(stored_timeline(es.Log(log), BUSY, SMALL)).folder


def snapshot_folder(log: Path) -> Path:
    return snapshots_of(stored_timeline(es.Log(log), BUSY, SMALL)).folder


NEEDLESS: list[tuple[str, Callable[[Path], Path], str]] = [
    ("index", lambda log: log / "index", ""),
    ("snapshots", lambda log: log / "snapshots", ""),
    ("an index", index_folder, ""),
    ("snapshots of a model", snapshot_folder, ""),
    ("the lock of an index", lambda log: index_folder(log) / "lock", "a.txt"),
    ("a manifest", lambda log: index_folder(log) / "manifest.json", "a.txt"),
    ("locks", lambda log: log / "locks", ""),
    ("a lock", lambda log: log / "locks" / "events-0", "new.txt"),
    ("a folder of files", lambda log: log / "events" / "more", ""),
]


@pytest.mark.parametrize(("place", "target"), [each[1:] for each in NEEDLESS], ids=[each[0] for each in NEEDLESS])
def test_links_in_place_of_derived_files_are_not_followed(
    sound: Path, victim: Path, tmp_path: Path, place: Callable[[Path], Path], target: str
) -> None:
    """Everything works without them; where they lead nothing is written, emptied or removed."""
    log = copy_of(sound, tmp_path)
    link(place(log), victim / target)
    before = content(victim)
    for does in ALL:
        does(log)
        assert content(victim) == before


@pytest.mark.parametrize("name", ["events", "events/_delta_log", "rejected", "rejected/_delta_log", "erasures"])
def test_links_in_place_of_a_log_are_refused(sound: Path, victim: Path, tmp_path: Path, name: str) -> None:
    """Also where they lead to a folder of that kind."""
    log = copy_of(sound, tmp_path)
    if (log / name).exists():
        shutil.copytree(log / name, victim, dirs_exist_ok=True)
    link(log / name, victim)
    before = content(victim)
    for does in ALL:
        with pytest.raises(LogError, match=f"{name} is a link"):
            does(log)
        assert content(victim) == before


def test_a_log_may_be_reached_through_a_link(sound: Path, tmp_path: Path) -> None:
    """That is the user's own."""
    copy_of(sound, tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "log")
    for does in ALL:
        does(tmp_path / "linked")


def test_a_file_of_the_log_that_is_a_link_is_refused(sound: Path, victim: Path, tmp_path: Path) -> None:
    """Though it leads to events."""
    log = copy_of(sound, tmp_path)
    file = Path(es.Log(log).data_files()[0].path)
    shutil.move(file, victim / "events.parquet")
    file.symlink_to(victim / "events.parquet")
    with pytest.raises(LogError, match=f"{file.name} is a link"):
        es.Log(log).scan()
    with pytest.raises(LogError, match=f"{file.name} is a link"):
        append(log)


@pytest.mark.parametrize(
    "name", ["../../victim/b.parquet", "%2e%2e/%2e%2e/victim/b.parquet", "{victim}/b.parquet"]
)
def test_no_removal_in_a_commit_removes_a_file_elsewhere(
    sound: Path, victim: Path, tmp_path: Path, name: str
) -> None:
    """A commit says that it removed a file long ago, so that `tidy` might delete it: it is not in the folder."""
    log = copy_of(sound, tmp_path)
    newest = max((log / "events" / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    removal = {"path": name.format(victim=victim), "dataChange": True, "deletionTimestamp": 1000, "size": 8}
    lines = [*(action for action in actions if "txn" in action), {"remove": removal}]
    forged = newest.with_name(f"{int(newest.stem) + 1:020}.json")
    forged.write_text("\n".join(map(json.dumps, [{"commitInfo": {"timestamp": 0}}, *lines])))
    before = content(victim)
    for does in (tidy, erase):
        does(log)
        assert content(victim) == before
