"""What the tests of erasures share: a log full of secrets, and a search for them in every file."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

import eventsource as es
from eventsource.index import Sizes
from eventsource.timeline import Tuning

SMALL = Tuning(index=Sizes(in_memory=0, max_run=300, part=60, max_sort=120))


class Person(es.Model):
    """What a log of people answers."""

    email = es.latest("Joined", "Moved", of="email")
    moves = es.count("Moved")
    cities = es.distinct("Moved", of="city")


def moved(number: int, person: str, **more: Any) -> dict[str, Any]:
    """Return an event with a secret of a person in its payload and in its metadata."""
    secret = f"SECRET-{person}-{number}"
    return {
        "event_id": f"e{number}",
        "stream": person,
        "type": "Joined" if number < 10 else "Moved",
        "occurred_at": f"2024-01-{1 + number % 28:02}T00:00:00Z",
        "data": {"email": f"{secret}@mail", "city": secret},
        "metadata": {"ip": secret},
        **more,
    }


def people_log(path: Path, events: int = 200, people: int = 5) -> es.Log:
    """Return a log of several commits: events of ``ada-0`` and others, corrections, conflicts, rejected lines."""
    log = es.Log(path)
    rows = [moved(number, f"ada-{number % people}") for number in range(events)]
    for begin in range(0, events, 50):
        log.append(rows[begin : begin + 50])
    correction = {"event_id": "e0", "data": {"email": "SECRET-ada-0-corrected"}, "reason": "SECRET-ada-0-reason"}
    log.append(
        [
            _desk("k0", "$corrected", correction),
            _desk("k1", "$corrected", {"event_id": "e1", "data": {"email": "SECRET-ada-1-corrected"}}),
            _desk("k2", "$retracted", {"event_id": "e10", "reason": "SECRET-ada-0-retracted"}),
        ]
    )
    log.append([moved(5, "ada-0", data={"email": "SECRET-ada-0-conflict"}), moved(6, "ada-1", data={"a": 1})])
    raw = path.parent / "raw.jsonl"
    lines = [
        json.dumps({**moved(900, "ada-0"), "occurred_at": "SECRET-ada-0-time"}),
        '{"event_id": "e901", "stream": "ada-0", "data": {"email": "SECRET-ada-0-cut',
        '{"event_id": "e902", "stream": "ada-1", "data": {"email": "SECRET-ada-1-cut',
        '{"event_id": "e903", "stream": "ada-01", "data": {"email": "SECRET-other-cut',
    ]
    raw.write_text("\n".join([*lines, ""]))
    log.pull(es.source(raw))
    return log


def _desk(name: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": name, "stream": "desk", "type": kind, "occurred_at": "2024-02-01", "data": data}


def derive(log: es.Log) -> es.Timeline:
    """Ask questions, so that the log has an index and snapshots; return the timeline."""
    people = es.Timeline(log, Person, tuning=SMALL)
    people.as_of()
    people.snapshot("2024-01-15")
    people.history()
    return people


def traces(folder: Path, secret: str) -> list[str]:
    """Return the files in a folder that contain a text, in their bytes or in the values that they compress."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and any(secret.encode() in content for content in _contents(path))
    )


def _contents(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    yield path.name.encode()
    if content[:4] == b"PAR1":
        yield repr(pq.read_metadata(path).to_dict()).encode()
        for column in pl.read_parquet(path):
            yield repr(_plain(column)).encode()
    elif content[:15] == b"SQLite format 3":
        with sqlite3.connect(path) as database:
            yield "\n".join(database.iterdump()).encode()


def _plain(column: pl.Series) -> list[Any]:
    values = column.to_list()
    return [value.decode(errors="replace") if isinstance(value, bytes) else value for value in values]
