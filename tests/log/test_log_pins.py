"""Pins: a process that reads a log up to a position, whatever is appended meanwhile."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import LogError
from eventsource.index import Sizes
from eventsource.log import PINS, Pin, read_pins, write_pins


class Customer(es.Model, ignored="*"):
    """A customer with a name."""

    name = es.latest("Named", of="name")


def event(number: int, name: str) -> dict[str, object]:
    """Return an event, a day after the one before."""
    at = datetime(2024, 1, 1 + number, tzinfo=UTC)
    return {
        "event_id": f"e{number}",
        "stream": f"c{number % 2}",
        "type": "Named",
        "occurred_at": at,
        "recorded_at": at,
        "data": {"name": name},
    }


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty file of pins that the environment names."""
    file = tmp_path / "pins.json"
    write_pins(file, {})
    monkeypatch.setenv(PINS, str(file))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a log of three events, written without pins."""
    es.Log(tmp_path / "log").append([event(number, f"n{number}") for number in range(3)])
    return tmp_path / "log"


def test_a_log_that_is_opened_is_pinned_at_its_end(folder: Path, pins: Path) -> None:
    """Events that come later, also from this process, change no answer; a new object has the same pin."""
    log = es.Log(folder)
    assert read_pins(pins)[str(folder)] == log.pin
    timeline = es.Timeline(log, Customer)
    before, text = timeline.as_of(), repr(log)
    appended = es.Log(folder).append([event(3, "later"), event(4, "later")])
    assert appended.appended == 2
    for again in (log, es.Log(folder)):
        assert (again.head, len(again), again.scan().collect().height) == (3, 3, 3)
        assert again.scan(corrected=True, upto=5).collect().height == 3
        assert repr(again) == text
        assert es.Timeline(again, Customer).as_of().equals(before)
    assert timeline.as_of().equals(before)
    assert timeline.history(upto=99).equals(timeline.history())


def test_a_given_pin_counts_and_an_index_ahead_of_it_stays_valid(
    folder: Path, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of the index hold all events; a pinned question sees those before its pin."""
    tuning = es.timeline.Tuning(index=Sizes(in_memory=0))
    monkeypatch.delenv(PINS)
    ahead = es.Timeline(es.Log(folder), Customer, tuning=tuning)
    ahead.snapshot()
    expected = ahead.as_of(upto=1)
    monkeypatch.setenv(PINS, str(pins))
    write_pins(pins, {str(folder): Pin(1, datetime(2024, 1, 2, tzinfo=UTC))})
    pinned = es.Timeline(es.Log(folder), Customer, tuning=tuning)
    assert pinned.as_of().equals(expected)
    assert pinned.entities().to_list() == ["c0"]
    monkeypatch.delenv(PINS)
    assert es.Timeline(es.Log(folder), Customer).as_of().height == 2


def test_a_log_that_the_process_fills_is_not_pinned(tmp_path: Path, pins: Path) -> None:
    """A log that was empty when it was opened belongs to the notebook."""
    log = es.Log(tmp_path / "own")
    log.append([event(0, "a")])
    log.append([event(1, "b")])
    assert es.Log(tmp_path / "own").head == 2
    assert read_pins(pins) == {str(tmp_path / "own"): None}


def test_a_link_names_the_same_log(folder: Path, pins: Path, tmp_path: Path) -> None:
    """A pin belongs to the folder, however it is named."""
    write_pins(pins, {str(folder): Pin(2, datetime(2024, 1, 9, tzinfo=UTC))})
    (tmp_path / "link").symlink_to(folder)
    assert es.Log(tmp_path / "link").head == 2


@pytest.mark.parametrize("content", ["", "[]", '{"/log": 3}', '{"/log": {"position": 1, "at": "today"}}'])
def test_a_file_that_is_not_one_of_pins(content: str, folder: Path, pins: Path) -> None:
    """It is an error: an answer that is silently not pinned would be a wrong one."""
    pins.write_text(content)
    with pytest.raises(LogError, match="expected a file of pins"):
        es.Log(folder)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "5",
        '{"/log": 5}',
        '{"/log": {"position": 1}}',
        '{"/log": {"position": -1, "at": "2024-01-01T00:00:00Z"}}',
        '{"/log": {"position": 1e400, "at": "2024-01-01T00:00:00Z"}}',
        '{"/log": {"position": 1, "at": "2024-01-01T00:00:00"}}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_file_that_holds_no_pins_is_refused(folder: Path, pins: Path, text: str) -> None:
    """The error names the file and the variable, whatever the file holds."""
    pins.write_text(text, errors="surrogateescape")
    with pytest.raises(LogError, match=f"expected a file of pins, got {pins}"):
        es.Log(folder)
