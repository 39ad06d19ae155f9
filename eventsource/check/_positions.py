"""One pass over all events in order of position: are positions dense, are payloads objects, and a sample."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
import polars as pl

from eventsource.log import Log

__all__ = ["OrderedPass", "chunks_in_order", "sort_by_position"]

_CHUNK: Final = 250_000
"""Positions that are read at once."""

_OBJECT: Final = msgspec.json.Decoder(msgspec.defstruct("AnyObject", []))


class OrderedPass:
    """What one pass in order of position finds.

    Args:
        steps: event type → n: every n-th event of the type goes into the sample.
    """

    def __init__(self, steps: Mapping[str, int]) -> None:
        self._steps, self._counts = steps, Counter[str]()
        self._next = 0
        self.rows = 0
        self.sample: list[pl.DataFrame] = []
        self.jumps = 0
        self.first_jump: tuple[int, int] | None = None
        """The position that was found, and the one that was expected."""
        self.invalid_payloads = 0
        self.first_invalid_payload: tuple[int, str] | None = None
        """The position, and what is wrong with the payload."""

    def add(self, chunk: pl.DataFrame) -> None:
        """Add the next events: ``position``, ``type``, ``data``."""
        self._check_positions(chunk["position"])
        self._check_payloads(chunk)
        self.rows += chunk.height
        self.sample.append(self._sampled(chunk.select("type", "data")))

    def _sampled(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return every n-th event of each type, counted from the first chunk on.

        Example, with n = 2 and one event of the type before::

            type    A  A  A  A
            number  1  2  3  4      events of the type before this one
            n       2  2  2  2
            taken      x     x      number is a multiple of n
        """
        before = pl.DataFrame(
            [(name, self._counts[name], self._steps.get(name, 1)) for name in events["type"].unique()],
            schema={"type": pl.String, "seen": pl.Int64, "step": pl.Int64},
            orient="row",
        )
        number = pl.int_range(pl.len()).over("type") + pl.col("seen")
        found = events.join(before, on="type", maintain_order="left").filter(number % pl.col("step") == 0)
        self._counts.update(dict(events["type"].value_counts().iter_rows()))
        return found.select("type", "data")

    def _check_positions(self, positions: pl.Series) -> None:
        """Count positions that are not one more than the position before.

        Example: the positions 3, 4, 6 after 2 are expected to be 3, 4, 5: there is one jump, to 6.
        """
        expected = pl.Series([self._next]).append(positions.head(-1) + 1)
        is_wrong = positions != expected.head(positions.len())
        if is_wrong.any():
            row = is_wrong.arg_max() or 0
            self.first_jump = self.first_jump or (positions[row], expected[row])
            self.jumps += int(is_wrong.sum())
        if positions.len():
            self._next = positions[-1] + 1

    def _check_payloads(self, chunk: pl.DataFrame) -> None:
        for row, text in enumerate(chunk["data"]):
            try:
                _OBJECT.decode(text)
            except (msgspec.DecodeError, TypeError, RecursionError) as error:
                self.invalid_payloads += 1
                self.first_invalid_payload = self.first_invalid_payload or (chunk["position"][row], str(error))


def chunks_in_order(log: Log, events: pl.LazyFrame, head: int, rows: int) -> Iterator[pl.DataFrame]:
    """Yield ``position``, ``type``, ``data`` of all events in order of position, a range of positions at a time.

    Args:
        log: knows which files hold a range of positions below ``head``.
        events: all rows that exist. Rows at and above ``head``, which a sound log does not have, are found in it.
        head: how many events the log should have.
        rows: how many rows exist.
    """
    position, ends = pl.col("position"), range(_CHUNK, max(head, rows), _CHUNK)
    for start, stop in zip([0, *ends], [*ends, None], strict=True):
        if stop is not None and stop <= head:
            part = log.scan(start=start, upto=stop)
        else:
            part = events.filter(position >= start if stop is None else position.is_between(start, stop - 1))
        yield sort_by_position(part.select("position", "type", "data").collect())


def sort_by_position(events: pl.DataFrame) -> pl.DataFrame:
    """Return events in order of position; only another tool's rewriting leaves them in another order."""
    return events if events["position"].is_sorted() else events.sort("position", maintain_order=True)
