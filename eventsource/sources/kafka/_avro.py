"""Avro: Confluent's deserialiser, or for a schema that contains itself the reader of fastavro in Python.

The reader in C follows such a value down without a limit. A message of a few kilobytes would end the process::

    schema   record Node: {"next": null or Node}
    value    02 02 02 02 … 02 00       each byte is one Node deeper

The reader in Python raises `RecursionError`, and the message is rejected.
"""

import io
import json
from collections.abc import Callable
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import SerializationContext
from fastavro import parse_schema
from fastavro._read_py import schemaless_reader

from eventsource.sources.kafka._received import SCHEMA_BYTES
from eventsource.sources.kafka._references import references_of

__all__ = ["avro_decoder"]


def avro_decoder(client: SchemaRegistryClient, number: int) -> Callable[[bytes, SerializationContext], Any]:
    """Return a function that decodes messages of one schema.

    Raises:
        ValueError: the schema is not one of Avro.
    """
    schema = client.get_schema(number)
    texts = [*dict.fromkeys(references_of(client, schema).values()), str(schema.schema_str)]
    if not any(_contains_itself(json.loads(text), ()) for text in texts):
        decode: Callable[[bytes, SerializationContext], Any] = AvroDeserializer(client)
        return decode
    named: dict[str, Any] = {}
    *_, parsed = [parse_schema(json.loads(text), named_schemas=named) for text in texts]
    return lambda raw, _: schemaless_reader(io.BytesIO(raw[SCHEMA_BYTES:]), parsed)


def _contains_itself(schema: Any, around: tuple[str, ...]) -> bool:
    """Return whether a part of a schema names a record around it.

    Args:
        schema: the part: the name of a type, a list of alternatives, or an object.
        around: the names of the records around it, without their namespaces.
    """
    if isinstance(schema, str):
        return schema.rpartition(".")[2] in around
    if isinstance(schema, list):
        return any(_contains_itself(each, around) for each in schema)
    if not isinstance(schema, dict):
        return False
    inside = (
        (*around, str(schema["name"]).rpartition(".")[2]) if "name" in schema and "fields" in schema else around
    )
    fields = [field.get("type") for field in schema.get("fields", ())]
    parts = [schema.get("type"), schema.get("items"), schema.get("values"), *fields]
    return any(_contains_itself(part, inside) for part in parts)
