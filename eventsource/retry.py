"""Trying again after a failure, with pauses that grow and are random, so that competitors spread out."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["pause_before_retry", "retry"]

T = TypeVar("T")


def pause_before_retry(failures: int, *, first: float, longest: float, jitter: float = 1.0) -> float:
    """Return the seconds to wait after some failures in a row (exponential back-off).

    Args:
        failures: how many attempts have failed, at least 1.
        first: the longest pause after the first failure; it doubles with each further one.
        longest: no pause is longer than this.
        jitter: the share of the pause that is random; 1 means anything between 0 and the whole pause.
    """
    limit = min(first * 2.0 ** min(failures - 1, 64), longest)
    return random.uniform(limit * (1 - jitter), limit)  # noqa: S311 - back-off, not a secret


def retry(attempt: Callable[[], T], *, on: type[Exception], attempts: int, first: float, longest: float) -> T:
    """Call ``attempt`` until it succeeds, and return its result.

    Args:
        attempt: what to try.
        on: the error after which another attempt makes sense; other errors are raised at once.
        attempts: how many attempts there are; the error of the last one is raised.
        first: see `pause_before_retry`.
        longest: see `pause_before_retry`.
    """
    for failures in range(1, attempts):
        try:
            return attempt()
        except on:
            time.sleep(pause_before_retry(failures, first=first, longest=longest))
    return attempt()
