"""What the URL of a topic says: ``kafka://user:password@host:9092,host2:9092/topic?security.protocol=SASL_SSL``.

Options of librdkafka come from four places; the first one that has an option counts::

    the query of the URL           ?sasl.mechanism=SCRAM-SHA-512
    user and password of the URL   sasl.username, sasl.password; then SASL_SSL and PLAIN are the defaults
    the environment                EVENTSOURCE_KAFKA_SASL_PASSWORD      is sasl.password
    a file                         ?config=client.properties            lines such as sasl.password=…

Options that begin with ``schema.registry.`` are those of the registry's client. ``allow_gaps=true`` is an argument
of the source.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from eventsource.errors import SourceError

__all__ = ["Settings", "settings_of"]

_VARIABLE: Final = "EVENTSOURCE_KAFKA_"
_REGISTRY: Final = "schema.registry."
_EXAMPLE: Final = "kafka://host:9092/topic"


@dataclass(frozen=True)
class Settings:
    """Where a topic is, and how to reach it. Secrets are not shown.

    Args:
        servers: hosts with ports, separated by commas.
        topic: the topic.
        client: options of librdkafka.
        registry: options of the schema registry's client; empty: there is none.
        allow_gaps: whether the URL allows gaps.
    """

    servers: str
    topic: str
    client: Mapping[str, str] = field(repr=False)
    registry: Mapping[str, Any] = field(repr=False)
    allow_gaps: bool = False


def settings_of(url: str) -> Settings:
    """Return the settings in a URL, the environment, and the file that the URL names.

    Raises:
        SourceError: the URL names no host or no topic, or the file cannot be read.
    """
    parts = urlsplit(url)
    user, at, servers = parts.netloc.rpartition("@")
    topic = unquote(parts.path.strip("/"))
    if not servers or not topic or "/" in topic:
        raise SourceError(f"expected the URL of a topic, got {url!r}", hint=f"such as {_EXAMPLE}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    allow_gaps = query.pop("allow_gaps", "false").lower() in ("", "1", "true", "yes")
    file = _from_file(query.pop("config")) if "config" in query else {}
    options = {**file, **_from_environment(), **(_from_user(user) if at else {}), **query}
    if "sasl.username" in options:
        options = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", **options}
    registry = {
        name.removeprefix(_REGISTRY): value for name, value in options.items() if name.startswith(_REGISTRY)
    }
    client = {name: value for name, value in options.items() if not name.startswith(_REGISTRY)}
    return Settings(_with_port(servers), topic, client, registry, allow_gaps)


def _with_port(servers: str) -> str:
    return ",".join(each if ":" in each else f"{each}:9092" for each in servers.split(","))


def _from_user(text: str) -> dict[str, str]:
    user, _, password = text.partition(":")
    return (
        {"sasl.username": unquote(user), "sasl.password": unquote(password)}
        if password
        else {"sasl.username": user}
    )


def _from_environment() -> dict[str, str]:
    names = [name for name in os.environ if name.startswith(_VARIABLE)]
    return {name.removeprefix(_VARIABLE).lower().replace("_", "."): os.environ[name] for name in names}


def _from_file(path: str) -> dict[str, str]:
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SourceError(
            f"the options of librdkafka in {path} cannot be read: {error.strerror}",
            hint="check the path after ?config= in the URL",
        ) from error
    pairs = (line.partition("=") for line in map(str.strip, lines) if line and not line.startswith(("#", "!")))
    return {name.strip(): value.strip() for name, _, value in pairs}
