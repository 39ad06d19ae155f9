"""Avro: Confluent's deserialiser, or for a schema that contains itself the reader of fastavro in Python.

The reader in C follows such a value down without a limit. A message of a few kilobytes would end the process::

    schema   record Node: {"next": null or Node}
    value    02 02 02 02 … 02 00       each byte is one Node deeper

The reader in Python raises `RecursionError`, and the message is rejected.
"""

import io
import json
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import SerializationContext
from fastavro import parse_schema
from fastavro._read_py import schemaless_reader

__all__ = ["avro_decoder"]

_HEADER: Final = 5
"""Bytes of the magic byte and of the number of the schema."""


def avro_decoder(client: SchemaRegistryClient, number: int) -> Callable[[bytes, SerializationContext], Any]:
    """Return a function that decodes messages of one schema.

    Raises:
        ValueError: the schema is not one of Avro.
    """
    texts = _with_references(client, client.get_schema(number))
    if not any(_contains_itself(json.loads(text), ()) for text in texts):
        decode: Callable[[bytes, SerializationContext], Any] = AvroDeserializer(client)
        return decode
    named: dict[str, Any] = {}
    *_, schema = [parse_schema(json.loads(text), named_schemas=named) for text in texts]
    return lambda raw, _: schemaless_reader(io.BytesIO(raw[_HEADER:]), schema)


def _with_references(client: SchemaRegistryClient, schema: Schema) -> list[str]:
    """Return the texts of a schema and those that it refers to, each after those that it needs."""
    found: list[str] = []
    for reference in schema.references or []:
        other = client.get_version(str(reference.subject), int(reference.version or 1)).schema
        found += [text for text in _with_references(client, other) if text not in found]
    return [*found, str(schema.schema_str)]


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
