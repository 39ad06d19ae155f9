"""A project whose model has personal fields, and a notebook that tries hard to show them."""

from datetime import UTC, datetime
from pathlib import Path

import eventsource as es
from tests.report.conftest import write_notebook

NAMES = [
    "Jan Kowalski",
    'Zoë "Zo" O\'Hara',
    "Ann <b> & Söhne",
    "Łukasz Nowak",
    "Maria Lopez",
    "Tom Ray",
    "Ida Berg",
]
CITIES = ["Kraków", "Kraków", "Kraków", "Kraków", "Kraków", "Gdynia", "Gdynia"]
CORRECTED = "Maria Oldname"
IDS = [f"person-{number}" for number in range(len(NAMES))]

MODEL = """
import polars as pl
import eventsource as es
from eventsource import charts, report
from eventsource.board import Board, Field, Figure
from eventsource.sentences import say

class Person(es.Model, created="Joined", ignored="*", pii_ids=True):
    name = es.latest("Joined", "Renamed", of="name", label="Name", pii=True)
    city = es.latest("Joined", of="address.city", label="Home", pii="pseudonym")
    salary = es.latest("Joined", of="salary", pii=True, format="money PLN")
    shout = es.derive(pl.col("name").str.to_uppercase())
    visits = es.count("Visited", label="Visits")
    premium = es.flag(on="Joined", off="Left", label="Premium plan")
"""
OPEN = """
log = es.Log("log")
people = es.Timeline(log, Person)
states = people.as_of("2024-06-30")
"""
CITY_TABLE = 'states.group_by("city").agg(n=pl.len(), visits=pl.col("visits").sum()).sort("n", descending=True)'


def make_log(folder: Path) -> es.Log:
    """Write the log: seven people, one whose name was corrected."""
    log = es.Log(folder / "log")
    joined = [
        {
            "event_id": f"e{number}",
            "stream": who,
            "type": "Joined",
            "occurred_at": datetime(2024, 1, 10 + number, tzinfo=UTC),
            "recorded_at": datetime(2024, 1, 11 + number, tzinfo=UTC),
            "data": {
                "name": CORRECTED if number == 4 else NAMES[number],
                "address": {"city": CITIES[number]},
                "salary": 817263 + number,
                "note": "secret payload",
            },
        }
        for number, who in enumerate(IDS)
    ]
    log.append(joined)
    log.correct("e4", data={**joined[4]["data"], "name": NAMES[4]}, reason="misspelt")  # type: ignore[dict-item]  # a mapping
    return log


def make_project(folder: Path, *cells: str, audience: str, tags: dict[int, list[str]] | None = None) -> Path:
    """Write log, notebook and definition; return the definition."""
    make_log(folder)
    write_notebook(
        folder,
        "# People",
        MODEL,
        OPEN,
        *cells,
        parameters='who: str = "person-3"',
        tags=tags or {},
        name="people.ipynb",
    )
    (folder / "reports").mkdir(exist_ok=True)
    definition = folder / "reports" / "people.toml"
    definition.write_text(
        'title = "People, {who}"\nnotebook = "../people.ipynb"\nlog = "../log"\nheadline = "people"\n'
        f"{audience}\n"
        '[parameters.who]\ntype = "entity"\ndefault = "person-3"\nlabel = "who"\n'
        '[fields.visits]\nlabel = "Visits so far"\n'
    )
    return definition
