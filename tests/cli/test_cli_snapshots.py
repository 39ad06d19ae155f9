"""Snapshots on the command line."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
from typer.testing import Result

Run = Callable[..., Result]


def test_snapshots_are_taken_listed_checked_and_removed(pulled: Run) -> None:
    """A snapshot per moment named; ``--list`` shows them, ``--keep`` removes the older, ``--verify`` compares."""
    pulled("snapshot", "2024-01-31", "2024-02-29")
    pulled("snapshot")
    assert len(pulled("snapshot", "--list").stdout.splitlines()) == 1 + 3
    assert "false" not in pulled("snapshot", "--verify").stdout
    assert "1 removed" in pulled("snapshot", "--keep", "2").stdout
    assert "2024-01-31" not in pulled("snapshot", "--list").stdout


def test_a_step_takes_what_is_lacking(pulled: Run) -> None:
    """``--every`` takes the ends of the newest steps, and nothing the second time."""
    first = pulled("snapshot", "--every", "1mo", "--keep", "2").stdout
    assert 1 <= len(first.splitlines()) <= 2
    assert "no snapshot was due" in pulled("snapshot", "--every", "1mo", "--keep", "2").stdout
    pulled("snapshot", "--every", "1mo", "--keep", "1")
    assert len(pulled("snapshot", "--list").stdout.splitlines()) == 1 + 1


def test_a_step_and_moments_are_one_too_many(pulled: Run) -> None:
    """What would be left out is refused."""
    assert "leave the moments out" in pulled("snapshot", "--every", "1mo", "2024-01-31", code=2).output


def test_a_snapshot_that_is_wrong_is_found(pulled: Run, folder: Path) -> None:
    """``--verify`` leaves with 1 where an answer with a snapshot is not the one without."""
    pulled("snapshot", "2024-01-31")
    [path] = folder.rglob("*.snapshot")
    about = pl.read_parquet_metadata(path)
    states = pl.read_parquet(path).with_columns(orders=pl.lit(7, pl.Int64))
    states.write_parquet(path, metadata={"eventsource": about["eventsource"]})
    assert "false" in pulled("snapshot", "--verify", code=1).stdout


def test_a_snapshot_that_is_damaged_is_found(pulled: Run, folder: Path) -> None:
    """Questions do without it; ``--verify`` tells of it."""
    pulled("snapshot", "2024-01-31")
    [path] = folder.rglob("*.snapshot")
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(200) + whole[204:])
    assert pulled("as-of", "2024-02-10").stdout
    assert "false" in pulled("snapshot", "--verify", code=1).stdout


def test_a_snapshot_takes_no_view(pulled: Run) -> None:
    """Options that leave events out are refused: a snapshot holds all up to its moment."""
    assert "leave --known-at and --upto out" in pulled("snapshot", "--upto", "3", code=2).output
