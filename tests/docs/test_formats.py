"""The page about on-disk formats describes what is really written."""

import json
import re
import sqlite3
from pathlib import Path

import pytest
from deltalake import DeltaTable

import eventsource as es
from docs._generate import version_of
from eventsource.index import Index, Sizes
from eventsource.timeline import Tuning
from tests.docs.examples import DOCS

PAGE = (DOCS / "formats.md").read_text(encoding="utf-8")


class Member(es.Model, created="MemberJoined", order="recorded_at", ignored="*"):
    """A member of the gym, in the order of recording: such an index has all kinds of files."""

    city = es.latest("MemberJoined", of="address.city")


@pytest.fixture
def log(tmp_path: Path) -> es.Log:
    """The log of the gym."""
    log = es.Log(tmp_path / "log")
    log.pull(es.source(str(DOCS / "gym" / "raw" / "gym.jsonl")))
    return log


def test_application_transactions_are_described(log: es.Log) -> None:
    """The page names every application transaction that a pull commits."""
    actions = [
        json.loads(line)
        for file in (Path(log.path) / "events" / "_delta_log").glob("*.json")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    for name in {action["txn"]["appId"] for action in actions if "txn" in action}:
        key = name.rpartition("#")[2] if "#" in name else name
        described = key if "#" in name else re.sub(r"^(eventsource:pulls:).*", r"\1", name)
        assert f"`{described}" in PAGE, name


def test_tables_have_the_columns_of_the_schemas(log: es.Log) -> None:
    """The Delta tables hold the columns that the page generates from the schemas."""
    from eventsource.event import REJECTED, STORED  # noqa: PLC0415 - only here

    assert [field.name for field in DeltaTable(f"{log.path}/events").schema().fields] == STORED.names()
    rejected = [field.name for field in DeltaTable(f"{log.path}/rejected").schema().fields]
    assert rejected == [*REJECTED.names(), "rejected_at"]


def test_the_files_of_an_index_are_described(log: es.Log) -> None:
    """The page names every kind of file of an index; its manifest has the version of the page."""
    sizes = Sizes(in_memory=0, max_run=10, part=10)
    timeline = es.Timeline(log, Member, tuning=Tuning(index=sizes))
    timeline.as_of()
    index = Index(log, timeline.plan, sizes=sizes)
    manifest = json.loads((index.folder / "manifest.json").read_bytes())
    assert manifest["version"] == version_of("index")
    for file in index.folder.iterdir():
        assert re.sub(r"-[0-9a-f]{16}-[0-9a-f]{8}", "-…", file.name) in PAGE, file.name


def test_snapshots_are_described(log: es.Log) -> None:
    """A snapshot's file is where the page says, under a name of the form of the page."""
    es.Timeline(log, Member).snapshot("2024-06-30")
    (file,) = (Path(log.path) / "snapshots").rglob("*.snapshot")
    assert re.fullmatch(r"\d+-\d{8}T\d{6}-[0-9a-f]{8}-[0-9a-f]{8}\.snapshot", file.name)
    assert "`<position>-<moment>-<checksums>.snapshot`" in PAGE
    assert version_of("snapshots") > 0


def test_the_record_of_a_read_model_is_described(log: es.Log, tmp_path: Path) -> None:
    """The page names every column of the table of records."""
    es.ReadModel(es.Timeline(log, Member), f"sqlite:///{tmp_path}/members.db").refresh()
    with sqlite3.connect(tmp_path / "members.db") as database:
        rows = database.execute("SELECT name FROM pragma_table_info('eventsource_readmodels')").fetchall()
    assert rows
    for (name,) in rows:
        assert f"`{name}`" in PAGE, name
