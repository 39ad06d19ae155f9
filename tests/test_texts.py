"""Texts with lone surrogates, which nothing can store, are refused where they come in."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import EventsourceError
from eventsource.texts import is_text
from tests.check.test_check import event

pytestmark = pytest.mark.hostile

LONE = "a\ud800b"


class Some(es.Model):
    """A model."""

    n = es.count("A")


@pytest.fixture
def log(tmp_path: Path) -> es.Log:
    """A log with one event."""
    log = es.Log(tmp_path / "log")
    log.append([event(1, type="A")])
    return log


def test_what_is_a_text() -> None:
    """Whatever UTF-8 can encode."""
    assert all(map(is_text, ("", "a", "é", "\0", "😀")))
    assert not any(map(is_text, (LONE, os.fsdecode(b"caf\xe9"), b"a", 5, None)))


DOES: list[Callable[[es.Log], object]] = [
    lambda log: log.append([event(2, data={"a": LONE})]),
    lambda log: log.append([event(2, data={LONE: 1})]),
    lambda log: log.append([event(2, metadata={"a": LONE})]),
    lambda log: log.append([event(2, stream=LONE)]),
    lambda log: log.append([event(2, type=LONE)]),
    lambda log: log.erase(event_ids=[LONE], reason="asked for"),
    lambda log: log.erase(stream=LONE, reason="asked for"),
    lambda log: log.erase(stream="a", reason=LONE),
    lambda log: es.Timeline(log, Some).as_of(entity=LONE),
    lambda log: es.Timeline(log, Some).history(entity=["a", LONE]),
    lambda log: es.Timeline(log, Some).explain(LONE),
    lambda log: es.Timeline(log, Some).replay(LONE),
    lambda log: es.Log(f"{log.path}/{LONE}").append([event(1)]),
    lambda log: es.EventStore(f"sqlite:///{log.path}.db").append(LONE, [{"type": "A"}]),
    lambda log: es.EventStore(f"sqlite:///{log.path}.db").append("a", [{"type": LONE}]),
]


@pytest.mark.parametrize("number", range(len(DOES)))
def test_texts_that_cannot_be_stored_are_refused(log: es.Log, number: int) -> None:
    """By an error of this package, which says so; nothing is written."""
    with pytest.raises(EventsourceError):
        DOES[number](log)
    assert log.head == 1


def test_a_file_whose_name_is_not_utf_8(log: es.Log, tmp_path: Path) -> None:
    """Old archives have such files: the error names it, in words that a terminal can show."""
    folder = tmp_path / "raw"
    folder.mkdir()
    file = os.fsencode(folder) + b"/caf\xe9.jsonl"
    try:
        with open(file, "wb") as raw:  # noqa: PTH123 - a name in bytes
            raw.write(b'{"event_id": "2", "stream": "a", "type": "A", "occurred_at": "2024-01-01"}\n')
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    with pytest.raises(EventsourceError, match=r"caf\\udce9\.jsonl': UTF-8 cannot encode the name") as raised:
        log.pull(es.source(folder))
    str(raised.value).encode()
