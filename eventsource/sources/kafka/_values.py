"""Keys and values of messages: JSON as it is; what a schema registry encoded, through Confluent's deserialisers.

The first bytes of an encoded value name its schema::

    00          00 00 00 11        …
    magic byte  id of the schema   Avro, Protobuf or JSON, as the registry says
"""

from typing import TYPE_CHECKING, Final

from eventsource.sources.kafka._lines import text_of
from eventsource.sources.kafka._received import SCHEMA_BYTES, Received, Undecodable
from eventsource.sources.kafka._settings import Settings

if TYPE_CHECKING:
    from eventsource.sources.kafka._registry import Registry

__all__ = ["Values"]

_MAGIC: Final = b"\0"


class Values:
    """Reads keys and values.

    Args:
        settings: with the schema registry, if there is one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry: Registry | None = None

    @property
    def has_registry(self) -> bool:
        """Whether a schema registry was named."""
        return bool(self._settings.registry)

    def close(self) -> None:
        """Close the connection to the registry; it is opened again when it is needed."""
        registry, self._registry = self._registry, None
        if registry is not None:
            registry.close()

    def key(self, message: Received) -> str | Undecodable | None:
        """Return the key of a message as a text; None if it has none; or why it cannot be decoded."""
        raw = message.key()
        found = None
        if self.has_registry and isinstance(raw, bytes) and raw.startswith(_MAGIC) and len(raw) > SCHEMA_BYTES:
            found = self._open().key(raw)
        return text_of(raw) if found is None else found

    def value(self, message: Received) -> bytes | str:
        """Return the value of a message as JSON, or a text that says why it cannot be read."""
        raw = message.value() or b""
        if raw.startswith(b"{"):
            return raw
        if raw.startswith(_MAGIC) and len(raw) > SCHEMA_BYTES:
            if self.has_registry:
                return self._open().value(raw)
            number = int.from_bytes(raw[1:SCHEMA_BYTES], "big")
            return f"encoded with schema {number} of a registry: name it, such as ?schema.registry.url=http://host:8081"
        if raw.lstrip().startswith(b"{"):
            return raw.lstrip()
        headers = message.headers() or []
        return raw if any(name == "ce_specversion" for name, _ in headers) else "not a JSON object"

    def _open(self) -> "Registry":
        if self._registry is None:
            from eventsource.sources.kafka._registry import Registry  # noqa: PLC0415 - needs more libraries

            self._registry = Registry(self._settings)
        return self._registry
