"""The arguments that questions share: what they see, the moments that they mean, the entities that they name.

"Up to a moment", in five representations
-----------------------------------------
Each representation of events has one way to stop at a moment, the fastest one for it. All are inclusive: an event
at the moment counts. A date is the last microsecond of its day in the zone of the question
(`eventsource.moment.last_instant`).

============================== ================================= ==================================================
representation                 how it stops at a moment          used by
============================== ================================= ==================================================
field histories of a part      a mask over the rows that touch   ``as_of`` one moment and ``diff``: one comparison
(`eventsource.fold`)           a field: ``at <= moment``         per row, nothing is copied

clustered events               `Clustered.until`: later rows     ``explain``, taking a snapshot, late events beside
(`eventsource.decode`)         are filtered out                  one: for folds that have no moment of their own

the tail of the index          a predicate on the scan of runs,  ``as_of`` from a snapshot: runs are sorted by
(`View.tail`)                  ``at <= until``                   time, so that most row groups are skipped unread

rows of each entity            bisection: the last row up to     ``join`` and ``as_of`` several moments, where each
(`Engine.states_at`)           the moment of each asked row      asked row has a moment of its own

intervals of histories         binary search of each interval's  ``trend``: an interval covers a range of moments,
(`Trend`)                      ends among the moments            which makes another moment almost free
============================== ================================= ==================================================
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from math import isnan
from numbers import Integral
from typing import Any, TypeGuard, overload

import polars as pl
from msgspec import Struct

from eventsource.errors import ModelError, MomentError
from eventsource.moment import Moment, check_calendar, last_instant
from eventsource.texts import is_text

__all__ = ["Entities", "Moments", "Question", "entity_id", "entity_ids", "is_one_moment", "several_moments"]

Moments = Moment | Sequence[Moment] | pl.Series
"""One moment, or several of them."""

Entities = str | int | Iterable[str] | Iterable[int] | pl.Series
"""One entity id, or several of them: texts, or integers that are matched as text."""


class Question(Struct, frozen=True):
    """What a question sees of the log, and in which zone it means its moments.

    Args:
        known_at: only events with ``recorded_at`` <= ``known_at``; None: all.
        upto: only events with position < ``upto``; None: all.
        tz: the zone of dates, and of datetimes without one.
    """

    known_at: datetime | None
    upto: int | None
    tz: str

    @classmethod
    def of(cls, known_at: Moment | None, upto: int | None, tz: str) -> "Question":
        """Check the arguments of a question.

        Raises:
            ModelError: ``upto`` is not a position.
            MomentError: ``known_at`` is not a moment.
        """
        if upto is not None and upto < 0:
            raise ModelError(f"expected upto >= 0, got {upto}", hint="positions begin with 0")
        return cls(None if known_at is None else last_instant(known_at, tz), upto, tz)

    def last_instant(self, moment: Moment | None) -> datetime | None:
        """Return the last instant that belongs to a moment; None means after all events."""
        return None if moment is None else last_instant(moment, self.tz)


def is_one_moment(when: Any) -> TypeGuard[Moment]:
    """Say whether an argument names a single moment; a datetime is a date, too."""
    return isinstance(when, str | date)


def several_moments(when: Any) -> list[Moment]:
    """Return several moments as a list.

    Raises:
        MomentError: the argument is not iterable, or a column with a time outside the calendar.
    """
    if isinstance(when, pl.Series):
        check_calendar(when)
    if not isinstance(when, Iterable):
        raise MomentError(
            f"expected a moment, or several, got {when!r}",
            hint='a date, a datetime or a text such as "2024-06-30"',
        )
    return list(when)


@overload
def entity_ids(entities: None, what: str = ...) -> None: ...
@overload
def entity_ids(entities: Entities, what: str = ...) -> pl.Series: ...
@overload
def entity_ids(entities: Entities | None, what: str = ...) -> pl.Series | None: ...
def entity_ids(entities: Entities | None, what: str = "entity") -> pl.Series | None:
    """Return entity ids as texts: a Series ``entity`` of String; None means all entities.

    Args:
        entities: one id, or any iterable of ids: a list, a set, a generator, a Polars or pandas Series, an array.
            Texts, integers and categories are ids; nulls match nothing, neither do the NaN and NA of pandas.
        what: how messages call the argument.

    Raises:
        ModelError: values that are neither texts nor integers.
    """
    if entities is None:
        return None
    if isinstance(entities, pl.Series):
        ids = entities
    else:
        ids = _as_series([entities] if _is_one_value(entities) else entities, what)
    is_text = ids.dtype in (pl.String, pl.Null) or isinstance(ids.dtype, pl.Categorical | pl.Enum)
    if not (is_text or ids.dtype.is_integer()):
        raise _unexpected(what, f"dtype {ids.dtype}")
    return ids.cast(pl.String).alias("entity")


def entity_id(entity: str | int) -> pl.Series:
    """Return the id of one entity as a Series of one text.

    Raises:
        ModelError: the argument is not one text or integer.
    """
    if not isinstance(entity, str | Integral):
        raise ModelError(f"expected the id of one entity, got {entity!r}", hint='an id such as "customer-42"')
    return entity_ids(entity)


def _is_one_value(entities: Any) -> bool:
    """Return whether an argument is one value. A NumPy array without dimensions is, though it has ``__iter__``."""
    return isinstance(entities, str) or not isinstance(entities, Iterable) or getattr(entities, "ndim", None) == 0


def _as_series(entities: Any, what: str) -> pl.Series:
    if isinstance(entities, bytes | bytearray | memoryview | Mapping):
        raise _unexpected(what, repr(entities))
    return pl.Series([_as_text(value, what) for value in entities], dtype=pl.String)


def _as_text(value: Any, what: str) -> str | None:
    """Return an id as text. Subclasses of str, such as enums, may print as another text: their content counts."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # a NumPy scalar, or an array without dimensions
    if is_text(value):
        return str.__str__(value)
    if value is None or _is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _unexpected(what, repr(value))
    return str(int(value))


def _is_missing(value: Any) -> bool:
    """Return whether a value is a null of pandas: NaN in a column of texts, else ``pandas.NA``."""
    return (isinstance(value, float) and isnan(value)) or type(value).__name__ == "NAType"


def _unexpected(what: str, got: str) -> ModelError:
    return ModelError(
        f"expected texts or integers as {what}, got {got}",
        hint='one id such as "customer-42", or a list or Series of ids',
    )
