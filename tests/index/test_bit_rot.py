"""Bit rot: whichever bit of a derived file changes, no answer does, and no error of another library appears."""

import os
import random
import shutil
import warnings
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

from eventsource import Log
from eventsource.errors import DerivedFileWarning
from eventsource.fold import Events
from eventsource.index import Index, Sizes
from tests.conformance.stored import ALWAYS, BUSY, busy_events, index_of, reference, stored_timeline
from tests.hostile import effort
from tests.index.indexkit import log_with

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning"),
]

KINDS = ("manifest.json", "run-*.parquet", "part-*.parquet", "part-*.entities", "clocks-*.parquet", "*.snapshot")
PLAN = replace(BUSY, order="recorded_at")
SIZES = Sizes(in_memory=0, max_run=150, part=60, max_sort=120)
EVENTS = busy_events(5, 420)
SEEN = 400
MOMENT = "2024-01-01T05:00:00"

Answers = list[pl.DataFrame]


def ask(path: Path) -> Answers:
    """Return the answers of a process that just began; between them the log grows, so that files are merged."""
    timeline = stored_timeline(Log(path), PLAN, SIZES, thresholds=ALWAYS)
    first = [timeline.as_of(MOMENT), timeline.as_of(), timeline.touched(0, SEEN).to_frame(), timeline.history()]
    timeline.snapshots()
    Log(path).append(EVENTS[SEEN:])
    return [*first, timeline.as_of(), timeline.touched(0, len(EVENTS)).to_frame(), timeline.as_of(MOMENT)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with an index of all kinds of files, and two snapshots."""
    path = tmp_path_factory.mktemp("sound") / "log"
    timeline = stored_timeline(log_with(path, EVENTS[:SEEN]), PLAN, SIZES)
    timeline.snapshot(MOMENT)
    timeline.snapshot("2024-01-01T03:00:00")
    return path


@pytest.fixture(scope="module")
def expected() -> Answers:
    """What all events answer, without any file."""
    early, late = reference(EVENTS[:SEEN], PLAN), reference(EVENTS, PLAN)
    return [
        *(early.as_of(MOMENT), early.as_of(), early.touched(0, SEEN).to_frame(), early.history()),
        *(late.as_of(), late.touched(0, len(EVENTS)).to_frame(), late.as_of(MOMENT)),
    ]


def derived(log: Path, kind: str) -> list[Path]:
    """Return the derived files of a kind."""
    return sorted(path for folder in ("index", "snapshots") for path in (log / folder).rglob(kind))


def flip(file: Path, chance: random.Random) -> None:
    """Flip one bit of a file; half of the time its time of change stays the same, as with a bad disk."""
    before, content = file.stat(), bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)
    if chance.random() < 0.5:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::eventsource.errors.DerivedFileWarning")
def test_a_flipped_bit_changes_no_answer(kind: str, sound: Path, expected: Answers, tmp_path: Path) -> None:
    """Wherever it is."""
    chance = random.Random(kind)
    for number in range(effort(3, 40)):
        path = tmp_path / str(number)
        shutil.copytree(sound, path)
        files = derived(path, kind)
        assert files
        for file in files if number % 3 == 2 else [chance.choice(files)]:
            flip(file, chance)
        for found, answer in zip(ask(path), expected, strict=True):
            assert found.equals(answer), (kind, number)
        shutil.rmtree(path)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_said_once(kind: str, sound: Path, expected: Answers, tmp_path: Path) -> None:
    """The warning names the file. Later questions and processes find an index that has been built again."""
    shutil.copytree(sound, tmp_path / "log")
    for file in derived(tmp_path / "log", kind):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
        file.write_bytes(content)
    with pytest.warns(DerivedFileWarning, match="is damaged") as said:
        answers = ask(tmp_path / "log")
    assert all(found.equals(answer) for found, answer in zip(answers, expected, strict=True))
    texts = [str(each.message) for each in said if each.category is DerivedFileWarning]
    assert len(texts) == len(set(texts)) <= len(derived(sound, kind))
    if kind != "*.snapshot":
        with warnings.catch_warnings():
            warnings.simplefilter("error", DerivedFileWarning)
            stored_timeline(Log(tmp_path / "log"), PLAN, SIZES).as_of(snapshots=False)


def test_a_bit_that_changes_in_a_running_process_changes_no_answer(sound: Path, tmp_path: Path) -> None:
    """Files are checked again when their size or times have changed."""
    shutil.copytree(sound, tmp_path / "log")
    timeline = stored_timeline(Log(tmp_path / "log"), PLAN, SIZES)
    before = timeline.as_of(snapshots=False)
    for file in index_of(timeline).folder.glob("part-*.parquet"):
        flip(file, random.Random(file.name))
    with pytest.warns(DerivedFileWarning, match="the index is built again"):
        assert timeline.as_of(snapshots=False).equals(before)


def test_any_error_of_reading_counts_as_damage(
    sound: Path, expected: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that comes after the checksum was found to be right, such as that of a disk."""
    shutil.copytree(sound, tmp_path / "log")
    index = Index(Log(tmp_path / "log"), PLAN, sizes=SIZES)
    damaged = next(index.folder.glob("part-*.parquet"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:100] + bytes(len(content) - 104) + content[-4:])
    monkeypatch.setattr("eventsource.index._files.check_content", lambda _: None)

    def read(events: Events) -> int:
        monkeypatch.undo()
        return events.clustered.in_order.collect().height

    def count() -> int:
        for attempt in index.views():
            with attempt as view:
                found = sum(view.map(read))
        return found

    with pytest.warns(DerivedFileWarning, match="is damaged"):
        assert count() > 0
    assert stored_timeline(Log(tmp_path / "log"), PLAN, SIZES).as_of(snapshots=False).equals(expected[1])


@pytest.mark.filterwarnings("ignore::eventsource.errors.DerivedFileWarning")
def test_a_panic_counts_as_damage(sound: Path, expected: Answers, tmp_path: Path) -> None:
    """At some flipped bits Polars panics, with what Python does not count as an `Exception`."""
    shutil.copytree(sound, tmp_path / "log")
    index = Index(Log(tmp_path / "log"), PLAN, sizes=SIZES)
    attempts = 0
    for attempt in index.views():
        with attempt as view:
            attempts += 1
            if attempts == 1:
                view.map(lambda events: events.clustered.in_order.collect())
                flip(next(index.folder.glob("part-*.parquet")), random.Random(1))
                raise pl.exceptions.PanicException("index out of bounds")
            found = sum(view.map(lambda events: events.clustered.in_order.collect().height))
    assert attempts == 2
    assert found > 0
    assert stored_timeline(Log(tmp_path / "log"), PLAN, SIZES).as_of(snapshots=False).equals(expected[1])
