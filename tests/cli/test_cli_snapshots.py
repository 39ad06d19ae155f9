"""The command `snapshot`."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
from click.testing import Result

from tests.snapshots.snapshotkit import rewrite

Run = Callable[..., Result]


def test_snapshots_are_stored_listed_verified_and_removed(pulled: Run) -> None:
    """Each moment gives a snapshot; ``--list`` shows it, ``--keep`` removes older ones, ``--verify`` compares."""
    taken = pulled("snapshot", "2024-01-31", "2024-02-29").stdout.splitlines()
    assert all("states at 2024-" in line and "deleted entities included" in line for line in taken)
    pulled("snapshot")
    assert len(pulled("snapshot", "--list").stdout.splitlines()) == 1 + 3
    assert "false" not in pulled("snapshot", "--verify").stdout
    assert "1 snapshot removed" in pulled("snapshot", "--keep", "2").stdout
    assert "2024-01-31" not in pulled("snapshot", "--list").stdout


def test_every_takes_the_missing_snapshots(pulled: Run) -> None:
    """``--every`` takes snapshots at the ends of the newest periods, and none the second time."""
    first = pulled("snapshot", "--every", "1mo", "--keep", "2").stdout
    assert 1 <= len(first.splitlines()) <= 2
    assert "no snapshot was due" in pulled("snapshot", "--every", "1mo", "--keep", "2").stdout
    pulled("snapshot", "--every", "1mo", "--keep", "1")
    assert len(pulled("snapshot", "--list").stdout.splitlines()) == 1 + 1


def test_every_and_moments_exclude_each_other(pulled: Run) -> None:
    """Either ``--every`` or moments, not both."""
    assert (
        "expected --every or moments, got both"
        in pulled("snapshot", "--every", "1mo", "2024-01-31", code=2).output
    )


def test_verify_finds_a_wrong_snapshot(pulled: Run, folder: Path) -> None:
    """``--verify`` exits with 1 if an answer with a snapshot differs from the answer without."""
    pulled("snapshot", "2024-01-31")
    [path] = folder.rglob("*.snapshot")
    about = pl.read_parquet_metadata(path)
    states = pl.read_parquet(path).with_columns(orders=pl.lit(7, pl.Int64))
    rewrite(path, states, {"eventsource": about["eventsource"]})
    assert "false" in pulled("snapshot", "--verify", code=1).stdout


def test_verify_finds_a_damaged_snapshot(pulled: Run, folder: Path) -> None:
    """Questions do not use a damaged snapshot, and ``--verify`` reports it."""
    pulled("snapshot", "2024-01-31")
    [path] = folder.rglob("*.snapshot")
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(200) + whole[204:])
    assert pulled("as-of", "2024-02-10").stdout
    assert "false" in pulled("snapshot", "--verify", code=1).stdout


def test_a_snapshot_refuses_options_of_a_view(pulled: Run) -> None:
    """Options that exclude events are refused: a snapshot is made from all events up to its moment."""
    assert "remove --known-at and --upto" in pulled("snapshot", "--upto", "3", code=2).output
