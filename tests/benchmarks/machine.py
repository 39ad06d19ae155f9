"""The machine and the versions that the figures were measured with."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

__all__ = ["machine"]

_LIBRARIES: Final = ("polars", "duckdb", "pandas", "eventsourcing", "deltalake")


def machine() -> str:
    """Return the machine and the versions in one sentence, without names of hosts and paths."""
    [memory, *_] = [line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    cpu = models[0] if models else platform.machine()
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{cpu}, {os.cpu_count()} cores, {int(memory) / 1024**2:.0f} GB of memory; "
        f"Python {platform.python_version()}, {libraries}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()
