"""Reading demo logs with the standard library: what the generator is compared with."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl

SAMPLE = Path(__file__).parents[2] / "data" / "raw" / "customers.jsonl.gz"
HERO = "customer-42"


def raw_lines(path: Path) -> list[bytes]:
    """Return the lines of a file, compressed or not."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()


def fault(line: bytes) -> str | None:
    """Return what is wrong with a line, None for a good one."""
    try:
        found = json.loads(line)
    except UnicodeDecodeError:
        return "not UTF-8"
    except json.JSONDecodeError:
        return "truncated"
    if isinstance(found, list):
        return "an array"
    if "type" not in found:
        return "no type"
    return "impossible date" if found["occurred_at"].startswith("2024-02-30") else None


def good_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines without a fault."""
    return [json.loads(line) for line in raw_lines(path) if fault(line) is None]


def first_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first line of each id."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        found.setdefault(line["event_id"], line)
    return list(found.values())


def members(events: pl.DataFrame, kind: str, *paths: str) -> pl.DataFrame:
    """Return the events of a type with some members of their payloads as columns."""
    found = [pl.col("data").str.json_path_match(f"$.{path}").alias(path) for path in paths]
    return events.filter(pl.col("type") == kind).select("stream", "occurred_at", "version", *found)
