"""Where downloads of the services are kept: one folder, which a machine may cache."""

import os
from pathlib import Path

__all__ = ["services_folder"]


def services_folder() -> Path:
    """Return the folder: ``EVENTSOURCE_SERVICES``, or ``~/.cache/eventsource-services``."""
    return Path(os.environ.get("EVENTSOURCE_SERVICES") or Path.home() / ".cache" / "eventsource-services")
