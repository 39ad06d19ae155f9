"""Read models after an erasure: the next refresh rebuilds them, and no file of the database has the values."""

from pathlib import Path

import pytest

import eventsource as es
from tests.log.erasurekit import Person, moved, people_log, traces
from tests.readmodel.readmodelkit import assert_equal, sql


@pytest.mark.parametrize("hash_ids", [False, True])
def test_a_refresh_after_an_erasure_rebuilds_the_tables(tmp_path: Path, url: str, *, hash_ids: bool) -> None:
    """`lag` says so before; the log is not taken for another one."""
    log = people_log(tmp_path / "log")
    model = es.ReadModel(es.Timeline(log, Person), url, history=True)
    model.refresh()
    log.append([moved(300, "ada-0"), moved(301, "ada-1")])
    model.refresh()
    assert sql(url, "SELECT count(*) FROM person_history WHERE email LIKE 'SECRET-ada-0-%'") != [(0,)]
    log.erase(stream="ada-0", reason="request", hash_ids=hash_ids)
    assert str(model.lag()) == "at position 205; a refresh rebuilds it: events were erased from the log"
    again = es.ReadModel(es.Timeline(es.Log(tmp_path / "log"), Person), url, history=True)
    assert again.refresh().rebuilt == "events were erased from the log"
    assert sql(url, "SELECT count(*) FROM person_history WHERE email LIKE 'SECRET-ada-0-%'") == [(0,)]
    assert sql(url, "SELECT count(*) FROM person WHERE email LIKE 'SECRET-ada-1-%'") == [(1,)]
    assert_equal(again, url)
    assert str(again.lag()) == "at position 205, up to date"
    assert again.refresh().rebuilt == ""


def test_the_file_of_sqlite_has_no_trace(tmp_path: Path) -> None:
    """Neither in free pages nor in the write-ahead log."""
    log = people_log(tmp_path / "log")
    url = f"sqlite:///{tmp_path}/db/people.db"
    (tmp_path / "db").mkdir()
    model = es.ReadModel(es.Timeline(log, Person), url, history=True)
    model.refresh()
    log.append([moved(300, "ada-0")])
    model.refresh()
    assert traces(tmp_path / "db", "SECRET-ada-0") != []
    log.erase(stream="ada-0", reason="request")
    model.refresh()
    assert traces(tmp_path / "db", "SECRET-ada-0") == []
    assert traces(tmp_path / "db", "SECRET-ada-1") != []
