"""A puller: a process that pulls again and again until it is killed."""

import time
from collections.abc import Mapping
from typing import Any

import eventsource as es
from eventsource.errors import StoreError

__all__ = ["pull"]


def pull(where: str, options: Mapping[str, Any], path: str, dropped: Any, has_begun: Any) -> None:
    """Pull until the process is killed; a system that is away is tried again.

    Args:
        where: the first argument of `eventsource.source`.
        options: its other arguments.
        path: the log.
        dropped: the shared number of events that were read again, and dropped by their ids.
        has_begun: the event that is set before the first pull.
    """
    log, source = es.Log(path), es.source(where, **options)
    has_begun.set()
    while True:
        try:
            dropped.value += log.pull(source).duplicates
        except StoreError:
            time.sleep(0.1)
