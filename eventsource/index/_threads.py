"""Work on several parts of an index at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["in_threads", "one_behind"]

_WORKERS: Final = 2  # each part is read and folded by all threads of Polars; a second worker fills the gaps

T = TypeVar("T")


def in_threads(call: Callable[[int], T], numbers: Sequence[int]) -> list[T]:
    """Call a function with each number, in threads where there are several; return the results in order."""
    if len(numbers) == 1:
        return [call(numbers[0])]
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(call, numbers))


def one_behind(calls: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Yield what calls return, in order. Each call runs in a thread while ``calls`` prepares the next one.

    Only one runs at a time, so at most two calls have their data in memory.
    """
    with ThreadPoolExecutor(1) as pool:
        pending = None
        for call in calls:
            done = () if pending is None else (pending.result(),)
            pending = pool.submit(call)
            del call  # what it needs is in memory only until it is done
            yield from done
        if pending is not None:
            yield pending.result()
