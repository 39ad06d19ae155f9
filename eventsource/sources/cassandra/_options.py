"""What is asked of a source beside its mapping; see `eventsource.sources.cassandra.open_source`."""

from msgspec import Struct

__all__ = ["Options"]


class Options(Struct, frozen=True):
    """The options.

    Args:
        delay: how many seconds a pull stays behind now.
        batch: about how many events one commit has.
        timeout: seconds after which a request fails.
        allow_gaps: whether events after a missing one are read: of Akka's journal only.
    """

    delay: float
    batch: int
    timeout: float
    allow_gaps: bool = False
