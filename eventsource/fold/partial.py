"""Partial states: folds of some events that the fold of later ones can go on from.

A partial state holds, beside each field, what a merge needs: whether any event touched it, and sums as exact
integers. Merging the partial states of earlier and later events gives the partial states of both.

===================== ==================================================================================
column                meaning
===================== ==================================================================================
``entity``            whose state it is; ascending
``|at``               the moment of the last event in it
``|exists``           whether the entity exists; null: nothing in it says so
``field``             the value; of a total: the exact sum, as an integer or decimal
``field|touched``     whether any event touched it (not for sums, counts, extremes and sets)
===================== ==================================================================================
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import polars as pl

from eventsource.fold._columns import refusal
from eventsource.fold._effects import EXISTS, derived
from eventsource.fold._tracks import Tracks
from eventsource.fold.clustered import Rows
from eventsource.fold.engine import Events
from eventsource.plan import Plan, Rule

__all__ = ["AT", "finished", "is_mergeable", "merged", "partial", "unmergeable"]

AT: Final = "|at"
_EXPONENT: Final = 72
_TOUCHED: Final = frozenset({"latest", "first", "flag", "states", "reduce"})
_STEPS: Final = frozenset({"states", "reduce"})


def is_mergeable(plan: Plan) -> bool:
    """Say whether states of a plan may be kept: not where only all values of a ``reduce`` tell its dtype."""
    return all(rule.op != "reduce" or rule.dtype is not None for rule in plan.rules)


def partial(events: Events) -> pl.DataFrame | None:
    """Return the partial states after events, a row per entity; None: the sums of a field cannot be kept exactly.

    Raises:
        FoldError: the events cannot be folded.
    """
    rows = events.rows
    tracks = Tracks(events, events.plan.rules)
    at = rows.frame.select(pl.col("at").gather(pl.lit(pl.Series(rows.starts[1:] - 1)))).collect().to_series()
    columns = [rows.entities.alias("entity"), at.alias(AT), _existence(tracks)]
    for rule in _plain(events.plan):
        if rule.op == "total":
            sums = tracks.sums(rule.name, _EXPONENT)
            if sums is None:
                return None
            columns.append(sums.alias(rule.name))
            continue
        columns.append(tracks[rule.name].last().alias(rule.name))
        if rule.op in _TOUCHED:
            columns.append(tracks[rule.name].touches.alias(f"{rule.name}|touched"))
    return pl.DataFrame(columns)


def unmergeable(earlier: pl.DataFrame, later: pl.DataFrame, events: Events) -> pl.Series:
    """Return the ids of entities whose later events do not simply come after the earlier ones.

    Either one of the later events stands before the last of the earlier ones, or it touches a field that goes
    step by step.

    Args:
        earlier: partial states.
        later: partial states of ``events``.
        events: events that are not in ``earlier``.
    """
    first = events.rows.frame.select(pl.col("at").gather(pl.lit(pl.Series(events.rows.starts[:-1]))))
    began = later.select("entity", first.collect().to_series().alias("|first"))
    steps = [pl.col(f"{rule.name}|touched") for rule in _plain(events.plan) if rule.op in _STEPS]
    places, found = _places(earlier["entity"], later["entity"])
    late = np.zeros(later.height, bool)
    known = earlier[AT][places[found]] if found.any() else earlier[AT].clear()
    late[found] = (began["|first"].filter(pl.Series(found)) < known).to_numpy()
    if steps:
        late |= found & later.select(pl.any_horizontal(steps)).to_series().to_numpy()
    return later["entity"].filter(pl.Series(late))


def merged(earlier: pl.DataFrame, later: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Return the partial states of both, where the events of ``later`` come after those of ``earlier``."""
    places, found = _places(earlier["entity"], later["entity"])
    theirs, new = later.filter(pl.Series(found)), later.filter(pl.Series(~found))
    both = earlier[places[found]].hstack(theirs.select(pl.all().name.suffix("|later")))
    changed = both.select(*_merges(plan)).cast({name: earlier.schema[name] for name in earlier.columns[1:]})
    rows = pl.Series(places[found])
    columns = [_replaced(earlier[name], rows, changed[name]) for name in earlier.columns[1:]]
    whole = pl.DataFrame([earlier["entity"], *columns])
    return whole if new.is_empty() else pl.concat([whole, new.select(whole.columns)]).sort("entity")


def finished(states: pl.DataFrame, plan: Plan, dtypes: pl.Schema) -> pl.DataFrame:
    """Return partial states as an answer: the entities that exist, and the fields in their dtypes.

    Args:
        states: partial states.
        plan: their plan.
        dtypes: the dtypes of the members that totals are taken of, by field.

    Raises:
        FoldError: an integer total beyond 64 bits.
    """
    totals = [_total(rule, dtypes[rule.name]) for rule in _plain(plan) if rule.op == "total"]
    try:
        here = states.with_columns(totals).filter(pl.col(EXISTS).fill_null(value=False))
        return derived(here, plan.rules).select("entity", *plan.fields)
    except pl.exceptions.PolarsError as error:
        raise refusal(error) from error


def _plain(plan: Plan) -> Iterable[Rule]:
    return (rule for rule in plan.rules if rule.op != "derive")


def _existence(tracks: Tracks) -> pl.Series:
    return tracks[EXISTS].last().set(~tracks[EXISTS].touches, None).alias(EXISTS)


def _replaced(column: pl.Series, rows: pl.Series, values: pl.Series) -> pl.Series:
    """Return a column with other values in some rows."""
    if not (column.dtype.is_nested() or column.dtype == pl.Null()):
        return column.clone().scatter(rows, values)
    order = pl.Series(np.arange(len(column))).scatter(rows, len(column) + np.arange(len(values)))
    return pl.concat([column, values])[order]


def _places(all_: pl.Series, some: pl.Series) -> tuple[Rows, Rows]:
    """Return where some ids stand among all, and whether they do."""
    if not len(all_):
        return np.zeros(len(some), np.int64), np.zeros(len(some), bool)
    places = np.asarray(all_.search_sorted(some, side="left").to_numpy(), np.int64)
    near = np.minimum(places, len(all_) - 1)
    return near, (all_[near] == some).to_numpy()


def _merges(plan: Plan) -> Iterable[pl.Expr]:
    """Yield what each column becomes, of the earlier ones and those with the suffix ``|later``."""
    yield pl.col(f"{AT}|later").alias(AT)
    yield pl.coalesce(f"{EXISTS}|later", EXISTS).alias(EXISTS)
    for rule in _plain(plan):
        name, old, new = rule.name, pl.col(rule.name), pl.col(f"{rule.name}|later")
        if rule.op in ("count", "total"):
            yield (old + new).alias(name)
        elif rule.op == "smallest":
            yield pl.when(old.is_null() | (new < old)).then(new).otherwise(old).alias(name)
        elif rule.op == "largest":
            yield pl.when(old.is_null() | (new > old)).then(new).otherwise(old).alias(name)
        elif rule.op == "distinct":
            yield pl.concat_list(old, new).list.unique().list.sort().alias(name)
        else:
            touched, before = pl.col(f"{name}|touched|later"), pl.col(f"{name}|touched")
            keeps = before if rule.op == "first" else ~touched
            yield pl.when(keeps).then(old).otherwise(new).alias(name)
            yield (before | touched).alias(f"{name}|touched")


def _total(rule: Rule, dtype: pl.DataType) -> pl.Expr:
    sums = pl.col(rule.name)
    if dtype.is_float():
        return sums.cast(pl.Float64) / 2.0**_EXPONENT
    return sums.cast(dtype if dtype.is_decimal() else pl.Int64(), strict=True)
