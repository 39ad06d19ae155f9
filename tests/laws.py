"""How many examples a law that is slow, or quick, is tried with."""

from hypothesis import settings

__all__ = ["examples"]

_DEEP = 1_000


def examples(usual: int) -> int:
    """Return ``usual``; in a deep run (``make laws``) as many as all other laws."""
    profile = settings().max_examples
    return profile if profile >= _DEEP else usual
