"""A schema registry: the schemas of encoded keys and values, and Confluent's deserialisers for them.

The registry says which kind of schema a number names. Avro and Protobuf become JSON; a value with a JSON Schema is
JSON already, is checked by its schema, and stays verbatim.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from eventsource.errors import EventsourceError, SourceError, StoreError
from eventsource.messages import first_line
from eventsource.redaction import harmless_cause
from eventsource.sources.kafka._received import SCHEMA_BYTES, Undecodable
from eventsource.sources.kafka._settings import Settings

__all__ = ["Registry"]

_NOT_FOUND: Final = 404
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_check_json: Final = msgspec.json.Decoder(msgspec.Raw).decode

_T = TypeVar("_T")
_Decode = Callable[[bytes, SerializationContext], Any]


class Registry:
    """A schema registry.

    Args:
        settings: its address and options, and the topic.

    Raises:
        SourceError: an option is wrong.
    """

    def __init__(self, settings: Settings) -> None:
        self._address = str(settings.registry.get("url", ""))
        self._values = SerializationContext(settings.topic, MessageField.VALUE)
        self._keys = SerializationContext(settings.topic, MessageField.KEY)
        self._decoders: dict[int, _Decode | Undecodable] = {}
        try:
            self._client = SchemaRegistryClient.new_client(dict(settings.registry))
        except (ValueError, TypeError) as error:
            raise SourceError(
                f"the schema registry: {first_line(error)}", hint="such as ?schema.registry.url=http://host:8081"
            ) from harmless_cause(error)

    def close(self) -> None:
        """Close the connection."""
        with self._client:
            pass

    def value(self, raw: bytes) -> bytes | str:
        """Return a value as JSON, or a text that says why it cannot be decoded.

        Raises:
            StoreError: the registry is unavailable.
        """
        found = self._decode(raw, self._values)
        if isinstance(found, Undecodable):
            return found.reason
        if isinstance(found, bytes):
            return found
        if not isinstance(found, Mapping):
            return "not a JSON object"
        try:
            return _encode(found)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return f"a value cannot be written as JSON: {first_line(error)}"

    def key(self, raw: bytes) -> str | Undecodable | None:
        """Return a key as a text: a text as it is, anything else as JSON.

        Returns:
            The text; None if the registry does not know the number that would be that of the schema, so that the
            bytes are a key of another kind; `Undecodable` if they do not fit the schema.

        Raises:
            StoreError: the registry is unavailable.
        """
        found = self._decode(raw, self._keys)
        if isinstance(found, Undecodable):
            return None if found.is_unknown else found
        try:
            if isinstance(found, bytes):
                found = msgspec.json.decode(found)
            return found if isinstance(found, str) else _encode(found).decode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return Undecodable(f"a key cannot be written as JSON: {first_line(error)}")

    def _decode(self, raw: bytes, context: SerializationContext) -> Any:
        """Return what some bytes say, or `Undecodable`."""
        number = int.from_bytes(raw[1:SCHEMA_BYTES], "big")
        if number not in self._decoders:
            self._decoders[number] = self._guarded(number, lambda: self._new_decoder(number))
        decode = self._decoders[number]
        return decode if isinstance(decode, Undecodable) else self._guarded(number, lambda: decode(raw, context))

    def _guarded(self, number: int, call: Callable[[], _T]) -> _T | Undecodable:
        """Return what a call of the client gives, or `Undecodable` if the schema or the bytes are to blame.

        Raises:
            StoreError: the registry is unavailable.
            SourceError: a package is missing.
        """
        try:
            return call()
        except EventsourceError:
            raise
        except SchemaRegistryError as error:
            if error.http_status_code != _NOT_FOUND:
                raise self._unavailable(error) from harmless_cause(error)
            return Undecodable(f"the registry has no schema {number}", is_unknown=True)
        except Exception as error:  # noqa: BLE001 - see the next lines
            # The parsers of three formats raise what they like for bytes that do not fit. The client is built on
            # httpx or httpx2, as its version is: their errors have no base in common.
            if isinstance(error, OSError) or type(error).__module__.startswith("http"):
                raise self._unavailable(error) from harmless_cause(error)
            return Undecodable(f"schema {number} does not fit: {first_line(error)}")

    def _new_decoder(self, number: int) -> _Decode:
        kind = self._client.get_schema(number).schema_type
        return _KINDS[str(kind)](self._client, number)

    def _unavailable(self, error: Exception) -> StoreError:
        hint = "check schema.registry.url, and whether the registry runs"
        if isinstance(error, SchemaRegistryError) and error.http_status_code in (401, 403):
            hint = "name user and password: ?schema.registry.basic.auth.user.info=user:password"
        return StoreError(f"the schema registry at {self._address}: {first_line(error)}", hint=hint)


def _avro(client: SchemaRegistryClient, number: int) -> _Decode:
    from eventsource.sources.kafka._avro import avro_decoder  # noqa: PLC0415 - only where it is used

    return avro_decoder(client, number)


def _json_schema(client: SchemaRegistryClient, _: int) -> _Decode:
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer  # noqa: PLC0415 - only where it is used

    check = JSONDeserializer(None, schema_registry_client=client)

    def decode(raw: bytes, context: SerializationContext) -> bytes:
        check(raw, context)
        return bytes(_check_json(raw[SCHEMA_BYTES:]))

    return decode


def _protobuf(client: SchemaRegistryClient, number: int) -> _Decode:
    from eventsource.sources.kafka._protobuf import protobuf_decoder  # noqa: PLC0415 - only where it is used

    return protobuf_decoder(client, number)


_KINDS: Final[Mapping[str, Callable[[SchemaRegistryClient, int], _Decode]]] = {
    "AVRO": _avro,
    "JSON": _json_schema,
    "PROTOBUF": _protobuf,
}
