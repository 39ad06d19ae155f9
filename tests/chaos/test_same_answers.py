"""The three questions have the same answers, whichever system the same events were written into."""

import json
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

import eventsource as es
from eventsource.testing import MemoryLog
from tests.chaos.appends import Append, Event
from tests.chaos.systems import SYSTEMS
from tests.services._table import SERVICES


class Customer(es.Model):
    """A customer with a plan."""

    premium = es.flag(on="PremiumBought", off="PremiumCancelled")
    city = es.latest("Joined", "Moved", of="city")
    paid = es.total("PremiumBought", of="price")


_LIVES: Final[dict[str, list[tuple[str, str, dict[str, Any]]]]] = {
    "ann": [
        ("Joined", "2024-01-01T10:00:00Z", {"city": "Århus"}),
        ("PremiumBought", "2024-02-01T10:00:00Z", {"price": 10}),
        ("Moved", "2024-05-01T10:00:00Z", {"city": "Ghent"}),
        ("PremiumCancelled", "2024-06-15T10:00:00Z", {}),
    ],
    "ben": [
        ("Joined", "2024-03-01T00:30:00+02:00", {"city": "Bern"}),
        ("PremiumBought", "2024-06-30T23:59:59.999999Z", {"price": 25}),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SYSTEMS))
def test_the_three_questions_have_the_same_answers(name: str, tmp_path: Path) -> None:
    """What was it on that date, which event made it so, and what changed in a period."""
    if name in SERVICES and not SERVICES[name].is_installed():
        pytest.skip(f"{name} is not installed: python -m tests.services install {name}")
    system = SYSTEMS[name]()(tmp_path)
    try:
        append = system.appender(system.where, 0)
        for each in _appends():
            append(each)
        append.flush()
        log = es.Log(tmp_path / "log")
        log.pull(es.source(system.where, **{**system.options, **({"delay": 0.0} if system.settle else {})}))
    finally:
        system.close()
    assert _answers(es.Timeline(log, Customer)) == _answers(es.Timeline(MemoryLog(_facts()), Customer))


def _answers(timeline: es.Timeline) -> list[list[dict[str, Any]]]:
    found = [
        timeline.as_of("2024-06-14").sort("entity"),
        timeline.as_of("2024-06-30").sort("entity"),
        _comparable(timeline.explain("ann", "2024-06-30")),
        _comparable(timeline.changes("premium", since="2024-02-01", until="2024-06-30")),
    ]
    assert all(frame.height for frame in found)
    return [frame.to_dicts() for frame in found]


def _comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out what each system counts or records in its own way."""
    return frame.drop("position", "version", "recorded_at", strict=False)


def _appends() -> list[Append]:
    return [
        Append(stream, 0, tuple(Event(_id(stream, number), *_written(each)) for number, each in enumerate(life)))
        for stream, life in _LIVES.items()
    ]


def _written(event: tuple[str, str, dict[str, Any]]) -> tuple[str, str, str]:
    kind, at, data = event
    return kind, at, json.dumps(data)


def _facts() -> list[dict[str, Any]]:
    return [
        {"event_id": _id(stream, number), "stream": stream, "type": kind, "occurred_at": at, "data": data}
        for stream, life in _LIVES.items()
        for number, (kind, at, data) in enumerate(life)
    ]


def _id(stream: str, number: int) -> str:
    return f"{sum(stream.encode()):08}-0000-4000-8000-{number:012}"
