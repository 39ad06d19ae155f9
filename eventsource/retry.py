"""Trying again after a failure, with pauses that grow and are random, so that competitors spread out.

tenacity does the work. It is imported at the first failure: most attempts succeed, and its import takes longer
than many of them.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tenacity.wait import wait_base

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
    from tenacity import RetryCallState, Retrying

    wait = _pauses(first, longest, jitter)
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = failures
    return wait(state)


def retry(attempt: Callable[[], T], *, on: type[Exception], attempts: int, first: float, longest: float) -> T:
    """Call ``attempt`` until it succeeds, and return its result.

    Args:
        attempt: what to try.
        on: the error after which another attempt makes sense; other errors are raised at once.
        attempts: how many attempts there are, at least 2; the error of the last one is raised.
        first: see `pause_before_retry`.
        longest: see `pause_before_retry`.
    """
    try:
        return attempt()
    except on:
        time.sleep(pause_before_retry(1, first=first, longest=longest))

    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

    others = Retrying(
        retry=retry_if_exception_type(on),
        stop=stop_after_attempt(attempts - 1),
        wait=_pauses(2 * first, longest),
        reraise=True,
    )
    return others(attempt)


def _pauses(first: float, longest: float, jitter: float = 1.0) -> "wait_base":
    """Return the pauses after each failure: a part that is fixed, and one that is random."""
    from tenacity import wait_exponential, wait_random_exponential

    fixed = wait_exponential(multiplier=first * (1 - jitter), max=longest * (1 - jitter))
    return fixed + wait_random_exponential(multiplier=first * jitter, max=longest * jitter)
