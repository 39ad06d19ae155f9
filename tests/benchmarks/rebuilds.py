"""Time read models on SQLite and on PostgreSQL."""

from pathlib import Path
from typing import Any

from tests.benchmarks.readmodels import measure
from tests.benchmarks.workload import Input

__all__ = ["postgresql", "sqlite"]


def sqlite(found: Input) -> dict[str, Any]:
    """Time a read model in an SQLite file."""
    return {"seconds": _seconds("sqlite", measure(found.folder, f"sqlite:///{found.folder}/readmodel.sqlite"))}


def postgresql(found: Input) -> dict[str, Any]:
    """Time a read model in a PostgreSQL that is started for it; the result says if it is not installed."""
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return {"seconds": {}, "why": "PostgreSQL is not installed"}
    from tests.services.postgresql import Server  # noqa: PLC0415 - needs PostgreSQL

    server = Server()
    try:
        return {"seconds": _seconds("postgresql", measure(found.folder, server.database()))}
    finally:
        server.remove()


def _seconds(kind: str, seconds: dict[str, float]) -> dict[str, float]:
    return {f"{kind}_{what}": each for what, each in seconds.items()}
