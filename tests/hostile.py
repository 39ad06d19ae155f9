"""How hard a hostile test tries: a little in each run of the tests, in full with ``make hostile``."""

import os
from typing import Final

__all__ = ["FULL", "effort"]

FULL: Final = "EVENTSOURCE_HOSTILE"
"""The environment variable that asks for the full effort."""


def effort(small: int, full: int) -> int:
    """Return how many attempts, seconds or rows a test marked ``hostile`` has: few, or many (``make hostile``)."""
    return full if os.environ.get(FULL) else small
