"""Connections to Cassandra: what a URL says, and errors that a user can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    InvalidRequest,
    Unauthorized,
    Unavailable,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import DCAwareRoundRobinPolicy, RoundRobinPolicy

from eventsource.errors import SourceError, StoreError
from eventsource.messages import first_line
from eventsource.redaction import harmless_cause

__all__ = ["Place", "connected", "place_of", "store_error"]

_PORT: Final = 9042


@dataclass(frozen=True)
class Place:
    """Where tables are: ``cassandra://user:password@h1,h2:9042/keyspace?table=events&dc=dc1``."""

    hosts: tuple[str, ...]
    port: int
    keyspace: str
    table: str
    dc: str | None
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        return f"Place({','.join(self.hosts)}:{self.port}/{self.keyspace}.{self.table})"


def place_of(url: str, table: str | None = None) -> Place:
    """Return where a URL points.

    Raises:
        SourceError: the URL names no keyspace, or a name has other characters than letters, digits and ``_``.
    """
    parts = urlsplit(url)
    login, _, servers = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query))
    keyspace, name = parts.path.strip("/"), table or query.get("table", "events")
    if not servers or not all(each.isidentifier() and each.isascii() for each in (keyspace, name)):
        raise SourceError(
            f"expected hosts, a keyspace and perhaps a table, got {url!r}",
            hint="such as cassandra://host:9042/shop?table=events",
        )
    hosts, ports = zip(*(each.partition(":")[::2] for each in servers.split(",")), strict=True)
    port = next((int(each) for each in ports if each.isdigit()), _PORT)
    user, _, password = login.partition(":")
    return Place(hosts, port, keyspace, name, query.get("dc"), unquote(user) or None, unquote(password) or None)


@contextmanager
def connected(place: Place, timeout: float = 30.0) -> Iterator[Any]:
    """Open a session in the keyspace of a place, which reads and writes at ``LOCAL_QUORUM``.

    Raises:
        StoreError: the cluster is unavailable or refuses; the keyspace or a table does not exist.
    """
    policy = RoundRobinPolicy() if place.dc is None else DCAwareRoundRobinPolicy(place.dc)
    profile = ExecutionProfile(
        load_balancing_policy=policy,
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=timeout,
    )
    login = PlainTextAuthProvider(place.user, place.password) if place.user else None
    cluster = Cluster(
        list(place.hosts),
        port=place.port,
        auth_provider=login,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=timeout,
        control_connection_timeout=timeout,
    )
    try:
        yield cluster.connect(place.keyspace)
    except (DriverException, NoHostAvailable) as error:
        raise store_error(place, error) from harmless_cause(error)
    finally:
        cluster.shutdown()


def store_error(place: Place, error: Exception) -> StoreError:
    """Return the error of a driver with what to do about it."""
    text = first_line(error)
    causes = getattr(error, "errors", None)  # of hosts: a dict, or a list of their names
    text = next((str(each) for each in causes.values()), text) if isinstance(causes, dict) else text
    hint = "check hosts and port, and whether the nodes run; nothing was lost"
    if (
        isinstance(error, AuthenticationFailed | Unauthorized)
        or "AuthenticationFailed" in text
        or "credentials" in text
    ):
        hint = "check user, password and rights: cassandra://user:password@host:9042/keyspace"
    elif isinstance(error, InvalidRequest) and "table" in text and "keyspace" not in text.lower():
        hint = "create the tables: eventsource.store.cassandra.CassandraStore(url).init()"
    elif "keyspace" in text.lower():
        hint = f"create the keyspace {place.keyspace}, or check its name"
    elif isinstance(error, Unavailable):
        hint = "too few nodes answer for LOCAL_QUORUM: try again when they are back"
    return StoreError(f"{place!r}: {text}", hint=hint)
