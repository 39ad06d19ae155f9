"""Answers made of other answers: differences of two states, explanations of one.

`difference` joins the states at two moments and makes a row per difference:

    both    entity  |here  tier   |here|after  tier|after        rows    entity  change   field  before  after
            ada     true   basic  true         premium           ->      ada     changed  tier   basic   premium
            bob     true   basic  null         null                      bob     removed  null   null    null
            eve     null   null   true         basic                     eve     added    null   null    null
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import polars as pl

from eventsource.event import TIMESTAMP
from eventsource.moment import last_instant
from eventsource.operations import compute_derived
from eventsource.plan import Plan, Rule
from eventsource.timeline._mixed import Mixed, concat_values

__all__ = ["difference", "dtypes_of", "explanation", "moments_column", "state_before_events"]

_SOURCE = ("event_id", "type", "at", "position")


def moments_column(labels: Sequence[date | datetime], tz: str) -> pl.Series:
    """Return moments as a column ``as_of``: Date if all are dates, else instants (a date as its last instant)."""
    if all(not isinstance(value, datetime) for value in labels):
        return pl.Series("as_of", labels, pl.Date())
    return pl.Series("as_of", [last_instant(value, tz) for value in labels], TIMESTAMP)


def difference(a: pl.DataFrame, b: pl.DataFrame, fields: Sequence[str], mixed: Mixed) -> pl.DataFrame:
    """Return what changed from the states ``a`` to the states ``b``; see `Timeline.diff`."""
    here = pl.lit(value=True).alias("|here")
    both = a.with_columns(here).join(
        b.with_columns(here),
        on="entity",
        how="full",
        coalesce=True,
        suffix="|after",
        maintain_order="left_right",
    )
    rows = [
        _one_sided(both, "|here", "added"),
        _one_sided(both, "|here|after", "removed"),
        *(_changed(both, name, number) for number, name in enumerate(fields)),
    ]
    order = pl.concat([part.select("entity", "change", "field", "|order") for part in rows])
    order = order.with_row_index("|row").sort("entity", "|order")
    values = [concat_values([part[name] for part in rows], mixed) for name in ("before", "after")]
    return order.select("entity", "change", "field").with_columns(value.gather(order["|row"]) for value in values)


def explanation(
    changes: Mapping[str, pl.DataFrame], plan: Plan, mixed: Mixed, corrected: Mapping[str, str]
) -> pl.DataFrame:
    """Return each field's value and the last event that changed it; see `Timeline.explain`.

    Args:
        changes: what changed each field.
        plan: the plan.
        mixed: what ``value`` holds where the fields have several dtypes.
        corrected: field → what was corrected about its events.
    """
    rows, values = [], []
    unchanged = state_before_events(plan, dtypes_of(changes))
    for name in plan.fields:
        last = changes[name].tail(1)
        values.append((last["after"] if last.height else unchanged[name]).alias("value"))
        found = last.select(_SOURCE).row(0) if last.height else (None,) * len(_SOURCE)
        rows.append((name, *found))
    schema = {"field": pl.String(), "event_id": pl.String(), "type": pl.String(), "at": TIMESTAMP}
    frame = pl.DataFrame(rows, schema=schema | {"position": pl.Int64()}, orient="row")
    notes = [pl.Series("corrected", list(map(corrected.get, plan.fields)), pl.String())] if corrected else []
    if not values:
        return frame.with_columns(value=pl.lit(None)).select("field", "value", *_SOURCE)
    return frame.with_columns(concat_values(values, mixed)).select("field", "value", *_SOURCE, *notes)


def state_before_events(plan: Plan, dtypes: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return one row: the fields of an entity before any event.

    Args:
        plan: the plan.
        dtypes: field → the dtype in which answers show it; derived fields are computed over these.
    """
    defaults = pl.DataFrame([_default(rule, dtypes[rule.name]) for rule in plan.folded])
    return compute_derived(defaults, plan.rules).select(plan.fields)


def dtypes_of(changes: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataType]:
    """Return field → the dtype of its values, from the changes of each field."""
    return {name: frame.schema["after"] for name, frame in changes.items()}


def _default(rule: Rule, dtype: pl.DataType) -> pl.Series:
    return pl.Series(rule.name, [rule.default], None if dtype == pl.Null() else dtype)


def _one_sided(both: pl.DataFrame, missing: str, change: str) -> pl.DataFrame:
    """Return a row for each entity that exists on one side only; ``missing`` is the flag of the other side."""
    rows = both.filter(pl.col(missing).is_null())
    nothing = pl.lit(None)
    return rows.select(
        "entity",
        pl.lit(change).alias("change"),
        pl.lit(None, pl.String).alias("field"),
        nothing.alias("before"),
        nothing.alias("after"),
        pl.lit(-1, pl.Int64).alias("|order"),
    )


def _changed(both: pl.DataFrame, name: str, number: int) -> pl.DataFrame:
    """Return a row for each entity that exists on both sides with different values of a field."""
    before, after = pl.col(name), pl.col(f"{name}|after")
    existed = pl.col("|here").is_not_null() & pl.col("|here|after").is_not_null()
    return both.filter(existed & before.ne_missing(after)).select(
        "entity",
        pl.lit("changed").alias("change"),
        pl.lit(name).alias("field"),
        before.alias("before"),
        after.alias("after"),
        pl.lit(number, pl.Int64).alias("|order"),
    )
