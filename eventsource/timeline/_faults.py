"""Faults: events that a field cannot fold. A question that depends on one raises an error, or warns."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, get_args

import polars as pl
from msgspec import Struct, field

from eventsource.errors import FaultError, FaultWarning, ModelError
from eventsource.fold import FAULTS, Events
from eventsource.index import View
from eventsource.messages import counted, warn

__all__ = ["Faults", "Sight", "check_faults", "fault_error", "listed_faults", "raise_or_warn_of_faults"]

Faults = Literal["raise", "skip"]
"""The mode: a question that depends on a fault fails, or is answered without the value."""

T = TypeVar("T")

_MODES: Final = get_args(Faults)
_LISTED: Final = ("event_id", "position", "entity", "field", "value", "reason")


class Sight(Struct, frozen=True):
    """What a question sees: the events of a view, and its last moment. It collects the faults that it meets.

    Args:
        view: the events.
        until: the last moment of the question; None: it has none.
        found: the faults so far, a frame for each answer of the engine.
    """

    view: View
    until: datetime | None = None
    found: list[pl.DataFrame] = field(default_factory=list)

    def map(self, fold: Callable[[Events], T], entities: pl.Series | None = None) -> list[T]:
        """Call a function with the events of each range of entities; see `View.map`."""
        return self.view.map(fold, entities, until=self.until, found=self.found)

    @property
    def faults(self) -> pl.DataFrame:
        """The faults, each once: by entity, in fold order, then by field as declared."""
        found = pl.concat(self.found) if self.found else FAULTS.to_frame()
        return found.unique(["position", "field"], keep="first", maintain_order=True).sort(
            "entity", maintain_order=True
        )


def check_faults(mode: Any) -> Faults:
    """Return a mode, if it is one.

    Raises:
        ModelError: it is neither ``raise`` nor ``skip``.
    """
    if mode not in _MODES:
        raise ModelError(f"expected faults to be 'raise' or 'skip', got {mode!r}", hint='faults="skip"')
    return mode  # type: ignore[no-any-return]  # checked


def raise_or_warn_of_faults(sight: Sight, mode: Faults, model: str) -> None:
    """Raise the first of the faults that a question met, or warn how many there are, as the mode says.

    Raises:
        FaultError: there is a fault, and the mode is ``raise``: the first in fold order of the smallest entity.
    """
    if not sight.found:
        return
    faults = sight.faults
    if mode == "raise":
        raise fault_error(faults)
    warn(
        f"{model}: {counted(faults.height, 'value')} of {counted(faults['position'].n_unique(), 'event')} could "
        "not be folded, and the answer is without them: see Timeline.faults(), or eventsource faults",
        FaultWarning,
    )


def fault_error(faults: pl.DataFrame) -> FaultError:
    """Return the error about the first of some faults."""
    first = faults.row(0, named=True)
    return FaultError(**{name: first[name] for name in _LISTED})


def listed_faults(faults: pl.DataFrame) -> pl.DataFrame:
    """Return faults as `Timeline.faults` shows them, by position."""
    return faults.sort("position", maintain_order=True).select(_LISTED)
