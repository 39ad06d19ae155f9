"""Events as lines of JSON in a file, in the order of arrival, with what goes wrong on their way."""

import gzip
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import cycle, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from eventsource.atomic_write import atomic_write
from eventsource.demo import _events
from eventsource.demo._business import DAY, HOUR, RATES, Settings
from eventsource.demo._draws import Draws, Floats
from eventsource.errors import SourceError
from eventsource.moment import Moment

__all__ = ["FAULTS", "write"]

_KIND: Final = pl.Enum(["events", "duplicates", "conflicts", "broken"])
_PER_CUSTOMERS: Final = 5_000  # faults and conflicts: some in every log, and more for each so many customers
_LINE: Final = (
    '{{"event_id":"{}","stream":"customer-{}","version":{},"type":"{}",'
    '"occurred_at":"{}Z","recorded_at":"{}Z","data":{}{}}}'  # the last: the metadata, or nothing
)

_NOT_UTF8: Final = "\ue000"  # in place of two bytes that no text can hold
FAULTS: Final[dict[str, Callable[[str], str]]] = {
    "truncated": lambda line: line[: line.index('"data"') + 9],
    "no type": lambda line: re.sub(r'"type":"\w+",', "", line),
    "impossible date": lambda line: re.sub(r'("occurred_at":")[0-9-]{10}', r"\g<1>2024-02-30", line),
    "not UTF-8": lambda line: line.replace('"data":{', f'"data":{{"{_NOT_UTF8}":0,', 1),
    "an array": lambda line: f"[{line}]",
}
"""What is wrong with a broken line → what makes it so of a good one."""

_ROW_GROUP: Final = 50_000
_PIECE: Final = 2_000  # lines that are joined in the cache of the processor
_GZIP_LEVEL: Final = 3  # the highest that does not dominate the time


def write(
    path: str | Path,
    *,
    customers: int = 400,
    seed: int = 7,
    since: Moment = "2023-01-01",
    until: Moment = "2024-12-31",
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, int]:
    """Write the business's log as JSON Lines, in the order of arrival.

    A million customers are about 24 million lines. Memory stays bounded. While the function works, the disk needs
    room for about six times the compressed file.

    A customer's life spans the whole period, and a file is ordered by time. So the lines of some customers at a
    time are written to disk in the order of time, and then one slice of time after the other is read from all::

        customers      1 to 10,000     slice 1 | slice 2 | slice 3
        customers 10,001 to 20,000     slice 1 | slice 2 | slice 3
                                          |
                                       sorted: the first lines of the file

    Args:
        path: a file that ends in ``.jsonl`` or ``.jsonl.gz``; it is replaced.
        customers: how many sign up in the period.
        seed: another seed gives another business.
        since: the first day (UTC).
        until: the last day (UTC), inclusive; what is recorded later is not in the file.
        progress: called with the share that is done, from 0 to 1.

    Returns:
        How many lines of each kind there are: ``events``, once each; ``duplicates``, which repeat an earlier line
        word by word; ``conflicts``, its ``event_id`` with another payload; ``broken`` ones, which cannot be read.
        And how many of the events are ``late``: recorded a day or more after they occurred.

    Raises:
        SourceError: there are no customers, the period is shorter than a day, or ``path`` has another suffix.
    """
    settings, path = Settings.of(customers, seed, since, until), Path(path)
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        hint = "name a file that ends in .jsonl or .jsonl.gz"
        raise SourceError(f"expected a name for JSON Lines, got {path}", hint=hint)
    counts = Counter(dict.fromkeys([*_KIND.categories, "late"], 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=path.parent) as name:
        for last, events in _events.all_events(settings):
            lines = _arriving_lines(events, settings)
            counts.update(dict(lines["kind"].value_counts().iter_rows()), late=int(lines["late"].sum()))
            ordered, part = lines.sort("arrived"), Path(name, f"{last:012}.parquet")
            ordered.write_parquet(part, compression="uncompressed", row_group_size=_ROW_GROUP)
            progress(last / settings.customers / 2)
        _write_file(_sorted_lines(Path(name), settings, progress), path)
    return dict(counts)


def _arriving_lines(events: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return all lines about some customers, in no order.

    The columns are ``arrived`` (milliseconds), ``customer``, ``version``, ``kind``, ``late`` (whether it is an
    event that was recorded a day or more after it occurred) and ``line``.
    """
    draws, customers = Draws(settings.seed, events["customer"][0], "noise"), events["customer"].n_unique()
    times = pl.col("occurred", "recorded").cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3f")
    metadata = (pl.lit(',"metadata":') + pl.col("metadata")).fill_null("")
    identity = ("event_id", "customer", "version", "type", "occurred_at", "recorded_at", "data")
    lines = events.with_columns(times.name.suffix("_at")).select(
        *("customer", "version", "type"),
        arrived="recorded",
        kind=pl.lit("events", _KIND),
        late=pl.col("recorded") - pl.col("occurred") >= DAY,
        line=pl.format(_LINE, *identity, metadata),
    )
    others = lines.filter(pl.col("customer") != _events.HERO)
    more = customers // _PER_CUSTOMERS
    repeated = others.filter(pl.Series(draws.chance(others.height, RATES["repeated"])))
    repeated = _again(repeated, "duplicates", 3 * HOUR * draws.exponential(repeated.height), settings.until)
    conflicts = _some(others.filter(pl.col("type") == "PurchaseMade"), draws, 1 + 4 * (1 + more))
    conflicts = conflicts.with_columns(pl.col("line").str.replace(r'"quantity":\d+', '"quantity":99'))
    conflicts = _again(conflicts, "conflicts", DAY * (1 + 2 * draws.uniform(conflicts.height)), settings.until)
    broken = _some(others, draws, len(FAULTS) * (2 + more))
    faults = zip(cycle(FAULTS.values()), broken["line"], strict=False)
    spoilt = pl.Series("line", [spoil(line) for spoil, line in faults], pl.String())
    # The sender notices, and the good line follows at once.
    broken = broken.with_columns(spoilt, pl.col("arrived") - 1, kind=pl.lit("broken", _KIND), late=False)
    return pl.concat([lines, repeated, conflicts, broken]).drop("type")


def _again(lines: pl.DataFrame, kind: str, delay: Floats, until: int) -> pl.DataFrame:
    """Return the lines as they arrive again after a delay, within the period."""
    arrived = (lines["arrived"] + pl.Series(delay.astype(np.int64))).clip(upper_bound=until - 1)
    return lines.with_columns(arrived, kind=pl.lit(kind, _KIND), late=False)


def _some(lines: pl.DataFrame, draws: Draws, count: int) -> pl.DataFrame:
    """Return up to ``count`` different lines, in their order."""
    return lines[np.unique((draws.uniform(count) * lines.height).astype(np.int64))] if lines.height else lines


def _sorted_lines(folder: Path, settings: Settings, progress: Callable[[float], None]) -> Iterator[bytes]:
    """Yield all lines in the order of the file, many at a time."""
    lines, slices = pl.scan_parquet(folder), 1 + settings.customers // _events.AT_ONCE
    edges = np.linspace(settings.since, settings.until, slices + 1).astype(np.int64).tolist()
    for number, (start, end) in enumerate(pairwise(edges), 1):
        slice_ = lines.filter(pl.col("arrived").is_between(start, end, closed="left"))
        for some in slice_.sort("arrived", "customer", "version", "kind").collect().iter_slices(_PIECE):
            yield some["line"].str.join("\n").cast(pl.Binary).item() + b"\n"
        progress(0.5 + number / slices / 2)


def _write_file(pieces: Iterator[bytes], path: Path) -> None:
    """Write lines to a file, which replaces that of an earlier run."""
    with atomic_write(path) as draft, draft.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) if path.suffix == ".gz" else nullcontext(raw)
        with packed as out:
            for piece in pieces:
                out.write(piece.replace(_NOT_UTF8.encode(), b"\xff\xfe"))
