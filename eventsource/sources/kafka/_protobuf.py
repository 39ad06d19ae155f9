"""Protobuf: the schema's text becomes classes of messages, and a message becomes JSON.

A registry of Confluent gives schemas compiled. Others give their text, which protoc compiles (grpcio-tools).
"""

import base64
import binascii
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, dual_schema_id_deserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import SerializationContext
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from eventsource.errors import SourceError
from eventsource.sources.kafka._references import references_of

__all__ = ["protobuf_decoder"]

_FILE: Final = "schema.proto"
_WELL_KNOWN: Final = "google.protobuf."


def protobuf_decoder(client: SchemaRegistryClient, number: int) -> Callable[[bytes, SerializationContext], Any]:
    """Return a function that decodes messages of one schema.

    Raises:
        ValueError: the schema cannot be compiled.
        SourceError: protoc is needed and not installed.
    """
    file = _file_of(client, client.get_schema(number))
    decoders: dict[tuple[int, ...], ProtobufDeserializer] = {}

    def decode(raw: bytes, context: SerializationContext) -> Any:
        schema = SchemaId("PROTOBUF")
        dual_schema_id_deserializer(raw, context, schema)
        path = tuple(schema.message_indexes or (0,))  # a schema may define several messages, one within another
        if path not in decoders:
            descriptor = list(file.message_types_by_name.values())[path[0]]
            for index in path[1:]:
                descriptor = descriptor.nested_types[index]
            decoders[path] = ProtobufDeserializer(GetMessageClass(descriptor), {"use.deprecated.format": False})
        return _plain(decoders[path](raw, context))

    return decode


def _file_of(client: SchemaRegistryClient, schema: Schema) -> Any:
    """Return the descriptor of a schema's file, with those that it refers to."""
    texts = {**references_of(client, schema), _FILE: str(schema.schema_str)}
    pool = DescriptorPool()
    compiled = _compiled(schema) if len(texts) == 1 else None
    files = [compiled] if compiled is not None else _compile(texts)
    for each in files:
        pool.Add(each)
    return pool.FindFileByName(files[-1].name)


def _compiled(schema: Schema) -> descriptor_pb2.FileDescriptorProto | None:
    """Return a schema that the registry gave compiled; None if it is a text."""
    try:
        return descriptor_pb2.FileDescriptorProto.FromString(
            base64.b64decode(str(schema.schema_str), validate=True)
        )
    except (binascii.Error, ValueError, DecodeError):
        return None


def _compile(texts: Mapping[str, str]) -> list[descriptor_pb2.FileDescriptorProto]:
    """Return compiled files, each after those that it imports."""
    try:
        from grpc_tools import _proto, protoc  # noqa: PLC0415 - only for registries that give texts
    except ImportError as error:
        raise SourceError(
            "the registry gives Protobuf schemas as texts, which need protoc", hint="pip install grpcio-tools"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = Path(folder, name).resolve()
            if not path.is_relative_to(Path(folder).resolve()):
                raise ValueError(f"a schema of the registry imports {name!r}: expected a relative path")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        out = Path(folder, "descriptors")
        include = [f"-I{folder}", f"-I{Path(_proto.__file__).parent if _proto.__file__ else _proto.__path__[0]}"]
        arguments = ["protoc", *include, "--include_imports", f"--descriptor_set_out={out}", f"{folder}/{_FILE}"]
        if protoc.main(arguments) != 0:
            raise ValueError("protoc cannot compile the schema")
        return list(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)


def _plain(message: Message) -> Any:
    """Return a message as JSON has it. Unlike Protobuf's own JSON, integers of 64 bits stay numbers."""
    descriptor: Descriptor = message.DESCRIPTOR
    if descriptor.full_name.startswith(_WELL_KNOWN):  # times, durations, wrappers: they have texts of their own
        return MessageToDict(message)
    found: dict[str, Any] = {}
    for field in descriptor.fields:
        if field.has_presence and not message.HasField(field.name):
            continue  # absent: a message, an optional field, or another member of a oneof
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"]
            found[field.name] = {str(key): _value(inner, each) for key, each in value.items()}
        elif field.is_repeated:
            found[field.name] = [_value(field, each) for each in value]
        else:
            found[field.name] = _value(field, value)
    return found


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return _plain(value)
    if field.enum_type is not None:
        name = field.enum_type.values_by_number.get(value)
        return value if name is None else name.name
    return value
