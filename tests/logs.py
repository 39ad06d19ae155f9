"""The log on disk behind a timeline, for tests that append to it."""

from eventsource.log import Log
from eventsource.timeline import Timeline

__all__ = ["log_of"]


def log_of(timeline: Timeline) -> Log:
    """Return the log of a timeline, which must be one on disk."""
    assert isinstance(timeline.log, Log)
    return timeline.log
