"""The progress callback: what a long task reports to."""

from collections.abc import Callable

__all__ = ["Progress", "no_progress"]

Progress = Callable[[str, int, int], None]
"""Called during a long task with its phase, how much of it is done, and how much there is in all."""


def no_progress(_phase: str, _done: int, _total: int) -> None:
    """Report nothing."""
