"""The schemas of a registry that a schema refers to."""

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

__all__ = ["references_of"]


def references_of(client: SchemaRegistryClient, schema: Schema) -> dict[str, str]:
    """Return name → text of all schemas that a schema refers to, each after those that it needs."""
    found: dict[str, str] = {}
    seen: set[str] = set()

    def add(needed_by: Schema) -> None:
        for reference in needed_by.references or []:
            name = str(reference.name)
            if name not in seen:
                seen.add(name)
                other = client.get_version(str(reference.subject), int(reference.version or 1)).schema
                add(other)
                found[name] = str(other.schema_str)

    add(schema)
    return found
