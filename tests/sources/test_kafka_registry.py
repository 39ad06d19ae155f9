"""Values that a schema registry encoded, through a real registry and Confluent's own serialisers."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from eventsource.errors import StoreError
from tests.services.apicurio import Apicurio
from tests.services.kafka import Kafka
from tests.sources.kafkakit import AT, Topic, read

pytestmark = pytest.mark.xdist_group("kafka")  # so that one worker has the broker, and the registry too

_AVRO = {
    "type": "record",
    "name": "Paid",
    "fields": [
        {"name": "order", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "number", "type": "long"},
        {"name": "raw", "type": ["null", "bytes"]},
    ],
}
_PAID = {
    "order": "o-1",
    "at": datetime(2024, 1, 2, tzinfo=UTC),
    "price": Decimal("12.30"),
    "number": 7,
    "raw": None,
}
_PROTO = """syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "money.proto";
message Other { string unused = 1; }
message Order {
  enum Kind { NONE = 0; PAID = 1; }
  message Line { string sku = 1; repeated int64 numbers = 2; }
  string id = 1;
  Kind kind = 2;
  google.protobuf.Timestamp at = 3;
  repeated Line lines = 4;
  map<string, int64> counts = 5;
  optional string note = 6;
  Money price = 7;
}
"""
_MONEY = """syntax = "proto3";
package shop;
message Money { int64 cents = 1; }
"""


@pytest.fixture
def topic(kafka: Kafka) -> Topic:
    """An empty topic."""
    return Topic(kafka)


@pytest.fixture
def client(apicurio: Apicurio) -> Iterator[SchemaRegistryClient]:
    """A client of the registry."""
    with SchemaRegistryClient.new_client({"url": apicurio.url}) as client:
        yield client


@pytest.fixture
def query(apicurio: Apicurio) -> str:
    """What the URL of a topic needs to say."""
    return f"?schema.registry.url={apicurio.url}"


def encode(topic: Topic, serializer: Callable[..., Any], value: Any, field: Any = MessageField.VALUE) -> bytes:
    """Return an encoded value or key."""
    return bytes(serializer(value, SerializationContext(topic.name, field)))


def test_avro_keeps_times_decimals_and_large_integers(
    topic: Topic, client: SchemaRegistryClient, query: str
) -> None:
    """Two versions of a schema in one topic, each value by the schema that it was written with; keys too."""
    value = {**_PAID, "number": 2**60 + 1}
    first = AvroSerializer(client, json.dumps(_AVRO))
    fields = [*_AVRO["fields"], {"name": "note", "type": "string", "default": ""}]
    second = AvroSerializer(client, json.dumps({**_AVRO, "fields": fields}))
    key = encode(topic, AvroSerializer(client, '"string"'), "o-1", MessageField.KEY)
    topic.produce(encode(topic, first, {**value, "raw": b"\xff"}), key=key)
    topic.produce(encode(topic, second, {**value, "raw": None, "note": "ä"}), key=key)
    batch = read(topic.source(query, constants={"type": "Paid"}, occurred_at="at"))
    assert batch.rejected.is_empty()
    assert list(batch.events["stream"]) == ["o-1", "o-1"]
    assert batch.events["occurred_at"][0] == datetime(2024, 1, 2, tzinfo=UTC)
    data = [json.loads(text, parse_float=str) for text in batch.events["data"]]
    assert data[0] == {"order": "o-1", "price": "12.30", "number": 2**60 + 1, "raw": "/w=="}
    assert data[1]["note"] == "ä"


def test_json_with_a_schema_stays_verbatim(topic: Topic, client: SchemaRegistryClient, query: str) -> None:
    """It is checked by its schema, and rejected if it does not fit."""
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Paid", "type": "object"}
    schema["properties"] = {"price": {"type": "number"}}  # type: ignore[assignment]
    serializer = JSONSerializer(json.dumps(schema), client)
    good = encode(topic, serializer, {"type": "Paid", "data": {"price": 5}})
    topic.produce(good[:5] + b'{"type": "Paid", "data": {"price": 1.10}}')
    topic.produce(good[:5] + b'{"type": "Paid", "price": "much"}')
    batch = read(topic.source(query))
    assert list(batch.events["data"]) == ['{"price": 1.10}']
    assert "does not fit" in batch.rejected["reason"][0]


def test_protobuf_becomes_json(topic: Topic, client: SchemaRegistryClient, query: str) -> None:
    """Nested messages, lists, maps, enumerations, times and integers of 64 bits; absent members stay absent."""
    money, schema = f"money-{topic.name}", f"{topic.name}-value"
    client.register_schema(money, Schema(_MONEY, "PROTOBUF"))
    reference = SchemaReference("money.proto", money, 1)
    number = client.register_schema(schema, Schema(_PROTO, "PROTOBUF", [reference]))
    header = b"\0" + number.to_bytes(4, "big") + b"\x02\x02"  # the second message of the file
    order = b"\x0a\x03o-1\x10\x01\x1a\x06\x08\x80\x92\xb8\xc3\x05"  # id, kind, at
    line = b"\x22\x08\x0a\x01a\x12\x03\x01\x80\x02"  # a line with sku and numbers
    counts, price = b"\x2a\x05\x0a\x01x\x10\x07", b"\x3a\x03\x08\xe7\x07"
    topic.produce(header + order + line + counts + price, key="o-1")
    batch = read(topic.source(query, type="kind"))
    assert batch.rejected.is_empty(), batch.rejected["reason"].to_list()
    (row,) = batch.events.to_dicts()
    assert (row["stream"], row["type"]) == ("o-1", "PAID")
    data = json.loads(row["data"])
    assert data["lines"] == [{"sku": "a", "numbers": [1, 256]}]
    assert (data["counts"], data["price"], "note" in data) == ({"x": 7}, {"cents": 999}, False)
    assert data["at"].startswith("2017-")


def test_an_unknown_schema_rejects_only_its_messages(topic: Topic, query: str) -> None:
    """The reason names the schema; plain values in the same topic are read."""
    topic.produce(b"\0\0\x0f\xff\xff...")
    topic.produce({"type": "T"}, timestamp=AT)
    batch = read(topic.source(query))
    assert batch.events.height == 1
    assert batch.rejected["reason"][0] == "the registry has no schema 1048575"


@pytest.mark.hostile
def test_a_key_that_does_not_fit_becomes_no_stream(topic: Topic, client: SchemaRegistryClient, query: str) -> None:
    """Its message, or tombstone, is rejected with the reason, which must not become the key."""
    key = encode(topic, AvroSerializer(client, json.dumps(_AVRO)), _PAID, MessageField.KEY)
    topic.produce({"type": "T"}, key=key[:9])
    topic.produce(None, key=key[:9])
    topic.produce({"type": "T"}, key=b"\0\0\x0f\xff\xff\0\0\x07")  # a number of 8 bytes: no schema is meant
    batch = read(topic.source(query))
    assert len(batch.rejected) == 2
    assert all("its key: schema" in reason and "does not fit" in reason for reason in batch.rejected["reason"])
    assert batch.events.height == 1
    assert "schema" not in batch.events["stream"][0]


@pytest.mark.hostile
@pytest.mark.parametrize("schema", ['"string"', '"bytes"', '{"type": "array", "items": "string"}'])
def test_an_encoded_value_without_members_is_rejected(
    topic: Topic, client: SchemaRegistryClient, query: str, schema: str
) -> None:
    """The reason says so; it is not the value itself."""
    value: dict[str, Any] = {'"string"': "secret", '"bytes"': b"secret"}
    topic.produce(encode(topic, AvroSerializer(client, schema), value.get(schema, ["secret"])))
    topic.produce({"type": "T"})
    batch = read(topic.source(query))
    assert (batch.events.height, batch.rejected.height) == (1, 1)
    assert "secret" not in batch.rejected["reason"][0]


@pytest.mark.hostile
def test_bytes_and_schemas_that_break_parsers_reject_only_their_messages(
    topic: Topic, client: SchemaRegistryClient, query: str
) -> None:
    """Values that are cut off, nested without end, or whose schema cannot be compiled do not stop the pull."""
    nested = {"type": "record", "name": "N", "fields": [{"name": "n", "type": ["null", "N"]}]}
    deep = encode(topic, AvroSerializer(client, json.dumps(nested)), {"n": {"n": None}})
    topic.produce(deep)
    topic.produce(deep[:5] + b"\x02" * 100_000 + b"\0")
    paid = encode(topic, AvroSerializer(client, json.dumps(_AVRO)), _PAID)
    for end in range(6, len(paid)):
        topic.produce(paid[:end])
    number = client.register_schema(
        f"{topic.name}-proto", Schema(_PROTO.replace("Money price", "Gone price"), "PROTOBUF")
    )
    topic.produce(b"\0" + number.to_bytes(4, "big") + b"\x02\x02\x0a\x03o-1")
    topic.produce({"type": "T"})
    batch = read(topic.source(query, constants={"type": "T"}))
    assert [json.loads(text) for text in batch.events["data"]] == [{"n": {"n": None}}, {"type": "T"}]
    assert batch.rejected.height == len(paid) - 6 + 2
    assert batch.rejected["reason"].str.contains("does not fit|cannot be written").all()


def test_a_registry_that_is_away_stops_the_pull(topic: Topic) -> None:
    """Its messages are not rejected: they can be read as soon as it is back. Its password is not shown."""
    topic.produce(b"\0\0\0\0\1...")
    with pytest.raises(StoreError, match="whether the registry runs") as raised:
        read(topic.source("?schema.registry.url=http://u:s3cret@127.0.0.1:9"))
    assert "s3cret" not in str(raised.value)
