"""The connection to a server, and errors that a user can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kurrentdbclient import KurrentDBClient
from kurrentdbclient.exceptions import (
    AccessDeniedError,
    DiscoveryFailedError,
    GrpcDeadlineExceededError,
    KurrentDBClientError,
    NotFoundError,
    SSLError,
    StreamIsDeletedError,
    UnauthenticatedError,
)

from eventsource.errors import SourceError, StoreError
from eventsource.messages import first_line
from eventsource.redaction import harmless_cause

__all__ = ["connected"]

_HINTS: Final = (
    (SSLError, "the server may not use TLS: ?Tls=false; or name its certificate: ?Tls=true&TlsCaFile=ca.pem"),
    (UnauthenticatedError, "check user and password: kurrentdb://user:password@host:2113"),
    (AccessDeniedError, "the user needs the right to read what the URL names ($all needs a right of its own)"),
    (DiscoveryFailedError, "check the hosts; for a single node leave +discover out"),
    (GrpcDeadlineExceededError, "check host and port; a slow server needs a larger timeout="),
)
_ANY_HINT: Final = "check host and port, whether the server runs, and Tls=true or Tls=false; nothing was lost"


@contextmanager
def connected(uri: str, what: str) -> Iterator[KurrentDBClient]:
    """Open a client.

    Args:
        uri: where the server is.
        what: what is read there, for errors.

    Raises:
        SourceError: the URI is wrong, or there is no such stream.
        StoreError: the server is unavailable, or refuses.
    """
    try:
        client = KurrentDBClient(uri)
    except (ValueError, TypeError, OSError) as error:
        raise SourceError(
            f"the client of KurrentDB refuses the URL: {first_line(error)}",
            hint="such as kurrentdb://user:password@host:2113, or kurrentdb://host:2113?Tls=false without TLS",
        ) from harmless_cause(error)
    except KurrentDBClientError as error:
        raise _unavailable(what, error) from harmless_cause(error)
    try:
        yield client
    except StreamIsDeletedError as error:
        raise SourceError(
            f"{what} was deleted forever: it has a tombstone, and its events cannot be read as a stream",
            hint="leave the stream out to read all streams: $all still has what was not scavenged",
        ) from harmless_cause(error)
    except NotFoundError as error:
        raise SourceError(
            f"{what} does not exist, or was deleted", hint="check the name; without one all streams are read"
        ) from harmless_cause(error)
    except KurrentDBClientError as error:
        raise _unavailable(what, error) from harmless_cause(error)
    finally:
        client.close()


def _unavailable(what: str, error: KurrentDBClientError) -> StoreError:
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), _ANY_HINT)
    return StoreError(f"{what}: {type(error).__name__}: {first_line(error)}", hint=hint)
