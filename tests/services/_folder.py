"""Where downloads of the services are kept: one folder, which a machine may cache."""

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["publish", "services_folder"]


def services_folder() -> Path:
    """Return the folder: ``EVENTSOURCE_SERVICES``, or ``~/.cache/eventsource-services``."""
    return Path(os.environ.get("EVENTSOURCE_SERVICES") or Path.home() / ".cache" / "eventsource-services")


def publish(folder: Path, target: Path) -> Path:
    """Move a finished folder to its place in one step: an interrupted download never looks like a whole one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent)) / target.name
    shutil.move(folder, partial)
    partial.rename(target)
    partial.parent.rmdir()
    return target
