"""What the tests of snapshots share: a log of busy events, and snapshots whose use can be seen."""

from pathlib import Path

import polars as pl

from eventsource.checksums import checksum, name_by_content
from eventsource.index import Sizes
from eventsource.snapshots._store import footer_of
from eventsource.timeline import Timeline
from tests.conformance.stored import busy_events, snapshots_of

EVENTS = busy_events(2, 600)
SMALL = Sizes(in_memory=0, max_run=200, part=50, max_sort=100)
BEFORE = "2024-01-01T02:00:00"
LATE = "2024-01-01T09:55:00"


def falsify(timeline: Timeline) -> None:
    """Make the values of all snapshots wrong, so that an answer shows whether it started from one."""
    store = snapshots_of(timeline)
    for snapshot in store.all():
        path = store.folder / snapshot.file
        metadata = {"eventsource": pl.read_parquet_metadata(path)["eventsource"]}
        wrong = pl.read_parquet(path).with_columns(pl.col("payments") + 1_000_000)
        rewrite(path, wrong, metadata)


def rewrite(path: Path, states: pl.DataFrame, metadata: dict[str, str]) -> Path:
    """Replace a snapshot by one with other content and the checksums of that; return its path."""
    path.unlink()
    draft = path.with_name("draft")
    states.write_parquet(draft, metadata=metadata)
    position, moment, *_ = path.stem.split("-")
    return name_by_content(draft, path.with_stem(f"{position}-{moment}-{checksum(footer_of(draft))}"))


def is_used(timeline: Timeline, when: str | None = None, **view: object) -> bool:
    """Say whether an answer started from a falsified snapshot."""
    payments = timeline.as_of(when, **view)["payments"].max()  # type: ignore[arg-type]  # known_at, upto …
    return isinstance(payments, int) and payments >= 1_000_000
