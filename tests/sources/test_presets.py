"""Known formats: recognised by themselves or named, with a small file of each, made up after its documentation."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import SourceError
from eventsource.sources import PRESETS
from tests.sources.sourcekit import all_of, ids, read, write

SAMPLES: dict[str, tuple[dict[str, Any], tuple[str, str, str, str, dict[str, Any]]]] = {
    "cloudtrail": (
        {
            "eventVersion": "1.08",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/ada"},
            "eventTime": "2024-01-01T10:00:00Z",
            "eventSource": "s3.amazonaws.com",
            "eventName": "PutObject",
            "eventID": "e-1",
            "requestParameters": {"bucketName": "b"},
        },
        (
            "e-1",
            "arn:aws:iam::1:user/ada",
            "PutObject",
            "2024-01-01T10:00:00",
            {"requestParameters": {"bucketName": "b"}},
        ),
    ),
    "kubernetes": (
        {
            "kind": "Event",
            "auditID": "a-1",
            "stage": "ResponseComplete",
            "requestURI": "/api/v1/namespaces/shop/pods/web",
            "verb": "delete",
            "objectRef": {"resource": "pods", "namespace": "shop", "name": "web"},
            "requestReceivedTimestamp": "2024-01-01T10:00:00.000001Z",
            "stageTimestamp": "2024-01-01T10:00:00.5Z",
        },
        (
            "a-1:ResponseComplete",
            "pods/shop/web",
            "delete",
            "2024-01-01T10:00:00.500000",
            {"stage": "ResponseComplete"},
        ),
    ),
    "stripe": (
        {
            "id": "evt_1",
            "object": "event",
            "api_version": "2024-04-10",
            "created": 1704103200,
            "type": "invoice.paid",
            "data": {"object": {"id": "in_1", "amount_paid": 1999}},
        },
        ("evt_1", "in_1", "invoice.paid", "2024-01-01T10:00:00", {"id": "in_1", "amount_paid": 1999}),
    ),
    "github": (
        {
            "id": "42",
            "type": "PushEvent",
            "actor": {"login": "ada"},
            "repo": {"id": 1, "name": "acme/shop"},
            "payload": {"size": 2},
            "public": True,
            "created_at": "2024-01-01T10:00:00Z",
        },
        ("42", "acme/shop", "PushEvent", "2024-01-01T10:00:00", {"size": 2}),
    ),
    "ga4": (
        {
            "event_date": "20240101",
            "event_timestamp": "1704103200000000",
            "event_name": "page_view",
            "event_params": [{"key": "page", "value": {"string_value": "/"}}],
            "user_pseudo_id": "u.1",
        },
        ("", "u.1", "page_view", "2024-01-01T10:00:00", {"event_date": "20240101"}),
    ),
    "mixpanel": (
        {
            "event": "Sign Up",
            "properties": {"time": 1704103200, "distinct_id": "u1", "$insert_id": "i1", "plan": "x"},
        },
        ("i1", "u1", "Sign Up", "2024-01-01T10:00:00", {"plan": "x"}),
    ),
    "amplitude": (
        {
            "uuid": "x-1",
            "amplitude_id": 7,
            "user_id": None,
            "device_id": "d1",
            "event_type": "click",
            "event_time": "2024-01-01 10:00:00.000000",
            "server_upload_time": "2024-01-01 10:05:00.000000",
            "event_properties": {"b": 1},
        },
        ("x-1", "d1", "click", "2024-01-01T10:00:00", {"b": 1}),
    ),
    "posthog": (
        {
            "uuid": "p-1",
            "event": "$pageview",
            "distinct_id": "u1",
            "properties": {"$browser": "F"},
            "timestamp": "2024-01-01T10:00:00Z",
            "created_at": "2024-01-01T10:00:01Z",
        },
        ("p-1", "u1", "$pageview", "2024-01-01T10:00:00", {"$browser": "F"}),
    ),
    "segment": (
        {
            "type": "track",
            "event": "Bought",
            "messageId": "m1",
            "userId": None,
            "anonymousId": "a1",
            "properties": {"sku": "s"},
            "originalTimestamp": "2024-01-01T11:00:00Z",
            "sentAt": "2024-01-01T11:00:05Z",
            "receivedAt": "2024-01-01T10:00:05Z",
        },
        ("m1", "a1", "Bought", "2024-01-01T10:00:00", {"sku": "s"}),
    ),
    "cloudevents": (
        {
            "specversion": "1.0",
            "id": "1",
            "source": "/s",
            "type": "T",
            "time": "2024-01-01T10:00:00Z",
            "data": {"a": 1},
        },
        ("/s#1", "/s", "T", "2024-01-01T10:00:00", {"a": 1}),
    ),
    "debezium": (
        {
            "key": {"payload": {"id": 5}},
            "value": {
                "schema": {"type": "struct"},
                "payload": {
                    "before": {"id": 5, "total": 1},
                    "after": {"id": 5, "total": 2},
                    "source": {"schema": "public", "table": "orders", "lsn": 77, "ts_ms": 1704103200000},
                    "op": "u",
                    "ts_ms": 1704103201000,
                },
            },
        },
        (
            "public.orders/5@77:u",
            "public.orders/5",
            "public.orders.updated",
            "2024-01-01T10:00:00",
            {"id": 5, "total": 2},
        ),
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("is_named", [True, False])
def test_a_line_of_a_known_format(tmp_path: Path, name: str, *, is_named: bool) -> None:
    """By its name or by itself: id, stream, type, time, and the payload has at least these members."""
    line, (event_id, stream, kind, time, payload) = SAMPLES[name]
    path = write(tmp_path / "a.jsonl", json.dumps(line).encode())
    batch = read(path, preset=name if is_named else None)
    (event,) = batch.events.to_dicts()
    assert event["event_id"] == (event_id or event["event_id"])
    assert (event["stream"], event["type"], event["occurred_at"].isoformat()) == (stream, kind, f"{time}+00:00")
    assert json.loads(event["data"]).items() >= payload.items()


def test_every_preset_has_a_sample() -> None:
    """Those that are read from files of their own are tested below."""
    assert set(SAMPLES) | {"snowplow", "xes", "ocel"} == set(PRESETS)
    with pytest.raises(SourceError, match="unknown preset"):
        es.source("a.jsonl", preset="strip")


def test_a_mapping_beside_a_preset_takes_precedence(tmp_path: Path) -> None:
    """Only a part of the mapping is given; the rest is that of the format."""
    line = SAMPLES["segment"][0] | {"context": {"groupId": "g1"}}
    path = write(tmp_path / "a.jsonl", json.dumps(line).encode())
    for preset in (None, "segment"):
        (event,) = read(
            path, stream="context.groupId", constants={"type": "Call"}, preset=preset
        ).events.to_dicts()
        assert (event["event_id"], event["stream"], event["type"]) == ("m1", "g1", "Call")


def test_the_records_of_a_cloudtrail_file(tmp_path: Path) -> None:
    """They are an array in an object."""
    line = SAMPLES["cloudtrail"][0]
    (tmp_path / "a.json").write_text(json.dumps({"Records": [line, line | {"eventID": "e-2"}]}))
    assert ids(read(tmp_path / "a.json", preset="cloudtrail", records="Records")) == ["e-1", "e-2"]


def test_debezium_without_wrappings(tmp_path: Path) -> None:
    """Created, deleted and snapshot rows; a row without a known key needs a stream, and says so.

    MySQL has no schemas: tables of two databases are different tables.
    """
    source = {"db": "shop", "table": "orders", "file": "bin.1", "pos": 4, "ts_ms": 1704103200000}
    lines = [
        {"before": None, "after": {"id": 1, "n": 2}, "source": source, "op": "c", "ts_ms": 1},
        {"before": {"id": 1, "n": 2}, "after": None, "source": source | {"pos": 9}, "op": "d", "ts_ms": 1},
        {"before": None, "after": {"no": 1}, "source": source, "op": "r", "ts_ms": 1},
    ]
    batch = read(write(tmp_path / "a.jsonl", *(json.dumps(line).encode() for line in lines)))
    assert ids(batch) == ["shop.orders/1@bin.1:4:c", "shop.orders/1@bin.1:9:d"]
    assert batch.events["type"].to_list() == ["shop.orders.created", "shop.orders.deleted"]
    assert [json.loads(data) for data in batch.events["data"]] == [{"id": 1, "n": 2}] * 2
    assert batch.rejected["reason"].to_list() == ["event_id is missing"]


def test_snowplow_as_tsv(tmp_path: Path) -> None:
    """131 columns without a header."""
    columns = PRESETS["snowplow"].reader["columns"]
    assert len(columns) == 131
    cells = dict.fromkeys(columns, "") | {
        "event_id": "s-1",
        "event_name": "page_view",
        "domain_userid": "u1",
        "derived_tstamp": "2024-01-01 10:00:00.000",
        "collector_tstamp": "2024-01-01 10:00:01.000",
        "contexts": '{"schema":"iglu:x","data":[]}',
    }
    (tmp_path / "a.tsv").write_text("\t".join(cells.values()) + "\n")
    (event,) = read(tmp_path / "a.tsv", preset="snowplow").events.to_dicts()
    assert (event["event_id"], event["stream"], event["type"]) == ("s-1", "u1", "page_view")
    assert (event["recorded_at"] - event["occurred_at"]).total_seconds() == 1


XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/" xes.version="1849.2016">
  <global scope="event"><string key="concept:name" value="none"/></global>
  <trace>
    <string key="concept:name" value="case 7"/><string key="region" value="EU"/>
    <event><string key="concept:name" value="Sent"/><date key="time:timestamp" value="2024-01-01T11:00:00+01:00"/>
      <float key="cost" value="1.50"/><boolean key="ok" value="true"/></event>
    <event><string key="concept:name" value="Paid"/>
      <date key="time:timestamp" value="2024-01-02T10:00:00Z"/></event>
  </trace>
  <trace><event><string key="concept:name" value="Sent"/></event></trace>
</log>
"""


def test_xes(tmp_path: Path) -> None:
    """Traces are streams; an event without a time is rejected; numbers stay as they are written."""
    (tmp_path / "a.xes").write_text(XES)
    batch = read(tmp_path / "a.xes")
    assert ids(batch) == ["case 7:0", "case 7:1"]
    assert batch.events["stream"].unique().to_list() == ["case 7"]
    assert batch.events["data"][0] == '{"trace":{"region":"EU"},"cost":1.50,"ok":true}'
    assert batch.rejected.select("line", "reason").rows() == [(3, "occurred_at (time:timestamp) is missing")]
    assert all_of(es.source(str(tmp_path / "a.xes")), dict(batch.checkpoint)).events.height == 0


@pytest.mark.parametrize(
    "text",
    [
        XES[:300],
        "no XML at all",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 20}">' for n in range(8))
        + "]><log><trace><event>&i;</event></trace></log>",
    ],
)
def test_damaged_or_hostile_xml_is_a_rejected_file(tmp_path: Path, text: str) -> None:
    """Cut off, no XML, or entities that would expand to gigabytes."""
    (tmp_path / "a.xes").write_text(text)
    batch = read(tmp_path / "a.xes")
    assert "not XML" in batch.rejected["reason"][-1]


EVENTS = [
    {
        "id": "e1",
        "type": "Pay",
        "time": "2024-01-01T10:00:00Z",
        "attributes": [{"name": "amount", "value": "5"}],
        "relationships": [{"objectId": "o1", "qualifier": "order"}, {"objectId": "c1", "qualifier": "customer"}],
    },
    {"id": "e2", "type": "Audit", "time": "2024-01-02T10:00:00Z", "attributes": [], "relationships": []},
]
OBJECTS = [
    {"id": "o1", "type": "Order", "attributes": [{"name": "price", "time": "2024-01-01T08:00:00Z", "value": "7"}]},
    {"id": "c1", "type": "Customer"},
]


def _ocel_json(path: Path) -> Path:
    path.write_text(
        json.dumps({"objectTypes": [], "eventTypes": [], "events": EVENTS, "objects": OBJECTS}, indent=1)
    )
    return path


def _ocel_xml(path: Path) -> Path:
    path.write_text("""<log><events>
      <event id="e1" type="Pay" time="2024-01-01T10:00:00Z">
        <attributes><attribute name="amount">5</attribute></attributes>
        <objects><relationship object-id="o1" qualifier="order"/>
          <relationship object-id="c1" qualifier="customer"/></objects>
      </event>
      <event id="e2" type="Audit" time="2024-01-02T10:00:00Z"><attributes/><objects/></event></events>
      <objects><object id="o1" type="Order"><attributes>
        <attribute name="price" time="2024-01-01T08:00:00Z">7</attribute></attributes></object>
        <object id="c1" type="Customer"/></objects></log>""")
    return path


def _ocel_sqlite(path: Path) -> Path:
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE event_map_type (ocel_type TEXT, ocel_type_map TEXT);
            CREATE TABLE object_map_type (ocel_type TEXT, ocel_type_map TEXT);
            CREATE TABLE event_object (ocel_event_id TEXT, ocel_object_id TEXT, ocel_qualifier TEXT);
            CREATE TABLE "event_Pay" (ocel_id TEXT, ocel_time TEXT, amount TEXT);
            CREATE TABLE "event_Audit" (ocel_id TEXT, ocel_time TEXT);
            CREATE TABLE "object_Order" (ocel_id TEXT, ocel_time TEXT, ocel_changed_field TEXT, price TEXT);
            INSERT INTO event_map_type VALUES ('Pay', 'Pay'), ('Audit', 'Audit');
            INSERT INTO object_map_type VALUES ('Order', 'Order');
            INSERT INTO event_object VALUES ('e1', 'o1', 'order'), ('e1', 'c1', 'customer');
            INSERT INTO "event_Pay" VALUES ('e1', '2024-01-01T10:00:00Z', '5');
            INSERT INTO "event_Audit" VALUES ('e2', '2024-01-02T10:00:00Z');
            INSERT INTO "object_Order" VALUES ('o1', '2024-01-01T08:00:00Z', NULL, '7');
        """)
    database.close()
    return path


@pytest.mark.parametrize(
    ("name", "make"), [("a.jsonocel", _ocel_json), ("a.xmlocel", _ocel_xml), ("a.sqlite", _ocel_sqlite)]
)
def test_ocel(tmp_path: Path, name: str, make: Any) -> None:
    """The three kinds of files give the same events: one per object of an event, one per change of an object."""
    batch = read(make(tmp_path / name))
    assert batch.rejected.height == 0
    found = batch.events.sort("event_id").select("event_id", "stream", "type", pl.col("data"))
    assert found.rows() == [
        ("e1:c1:customer", "c1", "Pay", '{"amount":"5","event":"e1","qualifier":"customer"}'),
        ("e1:o1:order", "o1", "Pay", '{"amount":"5","event":"e1","qualifier":"order"}'),
        ("e2:e2", "e2", "Audit", '{"event":"e2"}'),
        ("o1:2024-01-01T08:00:00Z", "o1", "Order:changed", '{"price":"7"}'),
    ]


def test_a_database_that_is_not_ocel(tmp_path: Path) -> None:
    """Is a rejected file, with the reason."""
    sqlite3.connect(tmp_path / "a.sqlite").execute("CREATE TABLE t (a)").connection.close()
    assert "not OCEL" in read(tmp_path / "a.sqlite").rejected["reason"].item()
