"""Following a log: a service that stops at a signal and retries after temporary failures."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource import service as services
from eventsource.atomic_write import atomic_write
from eventsource.errors import DatabaseError, MomentError, ReadModelError
from eventsource.readmodel import ReadModel, Refreshed, Status
from eventsource.service import Service, _pause, seconds_of
from tests.readmodel.readmodelkit import Shop, run, shop_log, sql, visits
from tests.services.postgresql import Server

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

SERVICE = """
import sys, warnings
warnings.simplefilter("ignore")
from tests.readmodel.readmodelkit import Shop
import eventsource as es
model = es.ReadModel(es.Timeline(es.Log(sys.argv[1]), Shop), sys.argv[2], table="shops")
model.follow(0.05, health=sys.argv[3], tell=lambda status: print(status.state, status, flush=True))
print("ended", flush=True)
"""


def wait_for(there: Callable[[], Any]) -> Any:
    for _ in range(300):
        if found := there():
            return found
        time.sleep(0.05)
    raise TimeoutError


def status_in(health: Path) -> dict[str, Any]:
    return json.loads(health.read_text()) if health.exists() else {"position": None, "state": None}


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for one test, which stops it."""
    server = Server()
    yield server
    server.remove()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service(tmp_path: Path, number: signal.Signals) -> None:
    """New events get into the table; a signal ends the service, and the health file says so."""
    log, url, health = shop_log(tmp_path), f"sqlite:///{tmp_path}/x.db", tmp_path / "health.json"
    with run(SERVICE, log.path, url, health) as service:
        wait_for(lambda: status_in(health)["position"] == 20)
        log.append(visits(1000, 30, 20))
        wait_for(lambda: status_in(health)["position"] == 50)
        assert status_in(health)["lag"] == {"events": 0, "seconds": 0.0}
        assert status_in(health)["pid"] == service.pid
        service.send_signal(number)
        out, err = service.communicate(timeout=30)
    assert (service.returncode, err) == (0, "")
    assert out.splitlines()[-2:] == ["stopped stopped", "ended"]
    assert (status_in(health)["state"], status_in(health)["position"]) == ("stopped", 50)
    assert [path.name for path in tmp_path.glob(".*.tmp")] == []


def test_a_supervisor_sees_the_service_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The health file exists before the first round, and says which round is running in which process."""
    health = tmp_path / "health.json"
    written: list[Any] = []
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), f"sqlite:///{tmp_path}/x.db")

    def refresh() -> Refreshed:
        found = status_in(health)
        assert (found["state"], found["pid"]) == ("refreshing", os.getpid())
        if len(written) > 3:
            signal.raise_signal(signal.SIGTERM)
        return model.refresh()

    @contextmanager
    def write(file: Path, *, is_private: bool) -> Iterator[Path]:
        with atomic_write(file, is_private=is_private) as draft:
            yield draft
            written.append(json.loads(draft.read_text())["state"])

    monkeypatch.setattr(services, "atomic_write", write)
    rounds: list[Status] = []
    Service.of(0.01, None, health, rounds.append).run(refresh, model.lag)
    assert written == ["starting", "refreshing", "following", "refreshing", "following", "stopped"]
    assert [status.state for status in rounds] == ["following", "following", "stopped"]


def test_a_health_file_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """The error has the folder, and nothing is done."""
    log = shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(ReadModelError, match=rf"the folder {tmp_path}/no does not exist\n.*mkdir -p"):
        model.follow(health=tmp_path / "no" / "health.json")
    assert not (tmp_path / "x.db").exists()


@pytest.mark.slow
def test_a_service_survives_a_restart_of_the_database(server: Server, tmp_path: Path) -> None:
    """While the database is down, the service retries with growing pauses; then it catches up."""
    log, url, health = shop_log(tmp_path), server.database(), tmp_path / "health.json"
    with run(SERVICE, log.path, url, health) as service:
        wait_for(lambda: status_in(health)["position"] == 20)
        server.stop()
        away = wait_for(lambda: status_in(health)["state"] == "retrying" and status_in(health))
        assert "connection" in away["last_error"]
        assert away["position"] == 20
        wait_for(lambda: status_in(health)["failures"] >= 2)
        log.append(visits(1000, 30, 20))
        server.start()
        back = wait_for(lambda: status_in(health)["position"] == 50 and status_in(health))
        assert (back["state"], back["failures"], back["lag"]["events"]) == ("following", 0, 0)
        service.terminate()
        out, _ = service.communicate(timeout=30)
    assert service.returncode == 0
    assert "attempt 2 in " in out
    assert sql(url, "SELECT position FROM eventsource_readmodels") == [(50,)]


def test_the_service_gives_up_after_retries(tmp_path: Path) -> None:
    """It raises the last error, and the health file says so."""
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), f"sqlite:///{tmp_path}/nowhere/x.db")
    found: list[Status] = []
    with pytest.raises(DatabaseError, match="unable to open"):
        model.follow(0.01, retries=1, health=tmp_path / "health.json", tell=found.append)
    assert [status.state for status in found] == ["retrying", "failed"]
    assert status_in(tmp_path / "health.json")["state"] == "failed"


def test_a_permanent_error_ends_the_service(tmp_path: Path) -> None:
    """A table of another owner ends the service at once; signal handlers are restored."""
    url, before = f"sqlite:///{tmp_path}/x.db", signal.getsignal(signal.SIGTERM)
    sql(url, "CREATE TABLE shop (x INTEGER)")
    with pytest.raises(ReadModelError, match="does not belong to this read model"):
        ReadModel(es.Timeline(shop_log(tmp_path), Shop), url).follow(0.01)
    assert signal.getsignal(signal.SIGTERM) is before


def test_pauses_grow_and_vary() -> None:
    """The pause doubles from failure to failure, up to a minute, at random by half of it."""
    for failures, longest in ((1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (10_000, 60.0)):
        pauses = {_pause(failures) for _ in range(50)}
        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 40


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("5m", 300), ("1.5h", 5400), (2, 2)])
def test_durations(text: Any, seconds: float) -> None:
    """A duration is a number of seconds, or a text with a unit."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5 weeks", "-1s", 0, -3, float("nan"), float("inf"), "soon"])
def test_other_texts_are_not_durations(text: Any) -> None:
    """Neither are zero, negative numbers, NaN and infinity."""
    with pytest.raises(MomentError, match="expected a duration"):
        seconds_of(text)


def test_an_event_that_cannot_be_folded_does_not_end_the_service(tmp_path: Path) -> None:
    """The table keeps its position, the health file names the event, and a correction is all that it needs."""
    log = es.Log(tmp_path / "log")
    paid = {"stream": "a", "type": "Paid", "occurred_at": "2024-01-01"}
    log.append([{**paid, "event_id": "good", "data": {"amount": 1}}])

    class Payer(es.Model):
        total = es.total("Paid", of="amount")

    table = es.ReadModel(es.Timeline(log, Payer), f"sqlite:///{tmp_path}/read.db")
    table.refresh()
    log.append([{**paid, "event_id": "bad", "data": {"amount": "1,5"}}])
    health, states = tmp_path / "health.json", list[str]()

    def tell(status: Status) -> None:
        states.append(status.state)
        if status.state == "held":
            found = json.loads(health.read_text(encoding="utf-8"))
            assert "event 'bad'" in found["last_error"]
            assert "eventsource correct bad" in found["last_error"]
            assert found["failures"] == 0
            assert table.lag().position == 1
            log.correct("bad", data={"amount": 1.5}, reason="a comma")
        if status.state == "following":
            os.kill(os.getpid(), signal.SIGTERM)

    table.follow(0.05, retries=0, health=health, tell=tell)
    assert states == ["held", "following", "stopped"]
    assert table.lag().events == 0
