"""Each kind of raw log in docs/samples is pulled by the command that the page shows; pandas reads the same events.

The answers are checked, too: how many events each entity had at a moment.
"""

import json
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner

import eventsource as es
from eventsource.cli import app
from eventsource.sources import PRESETS
from tests.docs.examples import DOCS, commands_in, console_blocks
from tests.sources.sourcekit import read

PAGE = DOCS / "recipes" / "known_logs.md"
COMMANDS = {
    words[words.index("--log") + 1].removeprefix("logs/"): words[1:]
    for block in console_blocks(PAGE)
    for words in (command.words for command in commands_in(block))
    if words[1] == "pull"
}
COLUMNS = ["stream", "type", "at"]


def _events(frame: Any, stream: Any, kind: Any, at: Any) -> Any:
    """Return the events that pandas found: entity, type and instant, each a column or a constant."""
    found = pd.DataFrame({"stream": stream, "type": kind, "at": at}, index=frame.index)
    found["at"] = pd.to_datetime(found["at"], utc=True).dt.as_unit("us")
    return found.dropna(subset=["at"]).astype({"stream": str, "type": str})


def _lines(name: str) -> Any:
    return pd.json_normalize([json.loads(line) for line in Path(name).read_text().splitlines()])


def _first(*columns: Any) -> Any:
    """Return the first value that is there, of each row."""
    found, *others = columns
    for other in others:
        found = found.where(found.notna(), other)
    return found


def _cases() -> Any:
    table = pd.read_csv("samples/cases.csv")
    return _events(table, table["case"], table["activity"], table["timestamp"])


def _index() -> Any:
    table = pd.read_csv("samples/index.csv", index_col=0)
    return _events(table, table["user"], table["action"], table["when"])


def _orders() -> Any:
    table = pd.read_csv("samples/orders.csv", skipinitialspace=True)
    times = {"OrderDate": "Ordered", "ShippedDate": "Shipped", "PaidDate": "Paid"}
    long = table.melt("Customer", list(times))
    return _events(long, long["Customer"], long["variable"].map(times), pd.to_datetime(long["value"]))


def _local(times: Any) -> Any:
    return times.dt.tz_localize("Europe/Berlin")


def _verkauf() -> Any:
    table = pd.read_csv("samples/verkauf.csv", sep=";", encoding="cp1252")
    return _events(
        table, table["Kunde"], table["Art"], _local(pd.to_datetime(table["Zeit"], format="%d.%m.%Y %H:%M"))
    )


def _machine() -> Any:
    table = pd.read_csv("samples/machine.csv")
    return _events(table, table["machine"], table["signal"], _local(pd.to_datetime(table["ts"], unit="s")))


def _ships() -> Any:
    table = pd.read_csv("samples/ships.csv")
    return _events(table, table["ship"], table["event"], pd.to_datetime(table["day"].astype(str), format="%Y%m%d"))


def _meetings() -> Any:
    table = pd.read_csv("samples/meetings.csv")
    long = table.assign(people=table["people"].str.split("; ")).explode("people").reset_index()
    return _events(long, long["people"], long["what"], long["when"])


def _one_line() -> Any:
    table = pd.read_json("samples/one_line.json", dtype=False)
    return _events(table, table["stream"], table["type"], table["occurred_at"])


def _records() -> Any:
    table = pd.json_normalize(json.loads(Path("samples/records.json").read_text()), "Records")
    return _events(table, table["device"], table["kind"], table["at"])


def _earthquakes() -> Any:
    table = pd.json_normalize(json.loads(Path("samples/earthquakes.geojson").read_text()), "features")
    return _events(
        table, table["properties.net"], "Earthquake", pd.to_datetime(table["properties.time"], unit="ms")
    )


def _cloudevents() -> Any:
    table = _lines("samples/cloudevents.jsonl")
    return _events(table, table["subject"], table["type"], table["time"])


def _cloudtrail() -> Any:
    table = pd.json_normalize(json.loads(Path("samples/cloudtrail.json").read_text()), "Records")
    return _events(table, table["userIdentity.arn"], table["eventName"], table["eventTime"])


def _kubernetes() -> Any:
    table = _lines("samples/kubernetes.jsonl")
    parts = [table[f"objectRef.{name}"] for name in ("resource", "namespace", "name")]
    return _events(table, parts[0] + "/" + parts[1] + "/" + parts[2], table["verb"], table["stageTimestamp"])


def _stripe() -> Any:
    table = _lines("samples/stripe.jsonl")
    return _events(table, table["data.object.id"], table["type"], pd.to_datetime(table["created"], unit="s"))


def _github() -> Any:
    table = _lines("samples/github.jsonl")
    return _events(table, table["repo.name"], table["type"], table["created_at"])


def _ga4() -> Any:
    table = _lines("samples/ga4.jsonl")
    at = pd.to_datetime(table["event_timestamp"].astype("int64"), unit="us")
    return _events(table, table["user_pseudo_id"], table["event_name"], at)


def _mixpanel() -> Any:
    table = _lines("samples/mixpanel.jsonl")
    at = pd.to_datetime(table["properties.time"], unit="s")
    return _events(table, table["properties.distinct_id"], table["event"], at)


def _amplitude() -> Any:
    table = _lines("samples/amplitude.jsonl")
    return _events(table, _first(table["user_id"], table["device_id"]), table["event_type"], table["event_time"])


def _posthog() -> Any:
    table = _lines("samples/posthog.jsonl")
    return _events(table, table["distinct_id"], table["event"], table["timestamp"])


def _segment(stream: str = "userId", other: str = "anonymousId", kind: str | None = None) -> Any:
    table = _lines("samples/segment.jsonl")
    made, sent, received = (
        pd.to_datetime(table[name], utc=True) for name in ("originalTimestamp", "sentAt", "receivedAt")
    )
    given = pd.to_datetime(table["timestamp"], utc=True)
    at = _first(given, received - (sent - made), sent)
    return _events(table, _first(table[stream], table[other]), kind or _first(table["event"], table["type"]), at)


def _calls() -> Any:
    return _segment("anonymousId", "userId", "Call")


OPERATIONS = {"c": "created", "u": "updated", "d": "deleted", "r": "read"}


def _debezium() -> Any:
    table = _lines("samples/debezium.jsonl")
    key = _first(table["after.id"], table["before.id"]).astype(int).astype(str)
    kind = "shop.orders." + table["op"].map(OPERATIONS)
    return _events(table, "shop.orders/" + key, kind, pd.to_datetime(table["source.ts_ms"], unit="ms"))


def _debezium_kafka() -> Any:
    table = _lines("samples/debezium_kafka.jsonl")
    kind = "public.customers." + table["value.payload.op"].map(OPERATIONS)
    at = pd.to_datetime(table["value.payload.source.ts_ms"], unit="ms")
    return _events(table, "public.customers/" + table["key.payload.customer"], kind, at)


def _snowplow() -> Any:
    names = PRESETS["snowplow"].reader["columns"]
    table = pd.read_csv("samples/snowplow.tsv", sep="\t", names=names, quoting=3)
    return _events(table, table["domain_userid"], table["event_name"], table["derived_tstamp"])


_XES = {"x": "http://www.xes-standard.org/"}


def _xes_value(element: ET.Element, key: str) -> str | None:
    return cast("ET.Element", element.find(f"*[@key='{key}']")).get("value")


def _claims() -> Any:
    rows = [
        [
            _xes_value(trace, "concept:name"),
            *(_xes_value(event, key) for key in ("concept:name", "time:timestamp")),
        ]
        for trace in ET.parse("samples/claims.xes").getroot().findall("x:trace", _XES)  # noqa: S314 - our own file
        for event in trace.findall("x:event", _XES)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return _events(table, table["stream"], table["type"], pd.to_datetime(table["at"], format="ISO8601", utc=True))


def _ocel() -> Any:
    content = json.loads(Path("samples/ocel.jsonocel").read_text())
    links = pd.json_normalize(content["events"], "relationships", ["type", "time"])
    changes = pd.json_normalize(content["objects"][:1], "attributes", ["id", "type"], record_prefix="of.")
    rows = pd.concat(
        [
            links[["objectId", "type", "time"]].set_axis(COLUMNS, axis=1),
            changes.assign(type=changes["type"] + ":changed")[["id", "type", "of.time"]].set_axis(COLUMNS, axis=1),
        ],
        ignore_index=True,
    )
    return _events(rows, rows["stream"], rows["type"], rows["at"])


KINDS: dict[str, Callable[[], Any]] = {
    "cases": _cases,
    "index": _index,
    "orders": _orders,
    "verkauf": _verkauf,
    "machine": _machine,
    "ships": _ships,
    "meetings": _meetings,
    "one_line": _one_line,
    "records": _records,
    "earthquakes": _earthquakes,
    "cloudevents": _cloudevents,
    "cloudtrail": _cloudtrail,
    "kubernetes": _kubernetes,
    "stripe": _stripe,
    "github": _github,
    "ga4": _ga4,
    "mixpanel": _mixpanel,
    "amplitude": _amplitude,
    "posthog": _posthog,
    "segment": _segment,
    "calls": _calls,
    "debezium": _debezium,
    "debezium_kafka": _debezium_kafka,
    "snowplow": _snowplow,
    "claims": _claims,
    "ocel_json": _ocel,
    "ocel_xml": _ocel,
    "ocel_sqlite": _ocel,
}


def _pull(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> es.Log:
    """Run the command of the page; all lines must be taken."""
    shutil.copytree(DOCS / "samples", folder / "samples")
    with closing(sqlite3.connect(folder / "samples" / "ocel.sqlite")) as database:
        database.executescript((folder / "samples" / "ocel.sql").read_text())
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, COMMANDS[name], prog_name="eventsource")
    assert result.exit_code == 0, result.output
    return es.Log(folder / "logs" / name)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_pulled_by_one_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entity, type and time of each event, and the events of each entity up to a moment, are those of pandas."""
    log = _pull(name, tmp_path, monkeypatch)
    expected = KINDS[name]()
    found = log.scan().select("stream", "type", pl.col("occurred_at").alias("at")).collect()
    wanted = pl.from_pandas(expected.reset_index(drop=True)).cast(found.schema)
    assert found.sort(COLUMNS).rows() == wanted.sort(COLUMNS).rows()

    class Entity(es.Model):
        events = es.count(*sorted(set(found["type"])))

    moment = expected["at"].sort_values().iloc[len(expected) // 2]
    counts = expected[expected["at"] <= moment].groupby("stream").size().sort_index()
    answer = es.Timeline(log, Entity).as_of(moment.to_pydatetime()).sort("entity")
    assert dict(answer.select("entity", "events").iter_rows()) == counts.to_dict()


def test_every_command_of_the_page_has_its_kind() -> None:
    """And every known format, and every sample."""
    assert set(COMMANDS) == set(KINDS)
    used = {Path(words[1]).name for words in COMMANDS.values()} | {"ocel.sql"}
    assert used - {"ocel.sqlite"} == {path.name for path in (DOCS / "samples").iterdir()}
    shown = " ".join(word for words in COMMANDS.values() for word in words)
    assert all(re.search(name, shown.replace("claims.xes", "xes")) for name in PRESETS)


def test_sums_of_decimal_commas_are_those_of_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points separate thousands: 1.000 is a thousand."""
    log = _pull("verkauf", tmp_path, monkeypatch)

    class Customer(es.Model):
        total = es.total("Verkauf", "Gutschrift", of="Betrag", dtype=pl.Decimal(18, 2))

    table = pd.read_csv("samples/verkauf.csv", sep=";", encoding="cp1252", decimal=",", thousands=".")
    sums = table.groupby("Kunde")["Betrag"].sum().round(2)
    found = es.Timeline(log, Customer).as_of().select("entity", pl.col("total").cast(pl.Float64))
    assert dict(found.iter_rows()) == sums.to_dict()


@pytest.mark.parametrize(
    ("name", "preset", "hours"),
    [
        ("amplitude.jsonl", None, [20, 21, 22]),
        ("amplitude.jsonl", "amplitude", [20, 21, 22]),
        ("snowplow.tsv", "snowplow", [10, 10, 10]),
    ],
)
def test_exports_in_utc_do_not_take_the_zone_of_the_project(
    name: str, preset: str | None, hours: list[int]
) -> None:
    """Their times name no zone, but they are UTC; in bulk by their name, or recognised line by line."""
    batch = read(DOCS / "samples" / name, preset=preset, tz="America/New_York")
    assert batch.events["occurred_at"].dt.hour().to_list() == hours
    assert not any("New_York" in note for note in batch.notes)
