"""Work on several parts of an index at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["in_threads"]

_WORKERS: Final = 2  # each part is read and folded by all threads of Polars; a second worker fills the gaps

T = TypeVar("T")


def in_threads(call: Callable[[int], T], numbers: Sequence[int]) -> list[T]:
    """Call a function with each number, in threads where there are several; return the results in order."""
    if len(numbers) == 1:
        return [call(numbers[0])]
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(call, numbers))
