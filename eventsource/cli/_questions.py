"""The questions: each asks the timeline one of its own, and shows the answer."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import polars as pl
import typer

from eventsource.cli._failures import MissingError, UsageError, note
from eventsource.cli._measures import HELP, measures
from eventsource.cli._options import Asked, grouped
from eventsource.cli._output import Shown
from eventsource.messages import suggestion
from eventsource.timeline import Timeline

__all__ = ["as_of", "changes", "diff", "explain", "history", "known", "trend"]

_NEAR: Final = 100_000
"""Entities among which the nearest name is looked for: more take too long."""

_CHANGED: Final = ("at", "entity", "before", "after", "type", "position")
_EXPLAINED: Final = ("field", "value", "at", "type", "position")

Where = Annotated[
    str | None,
    typer.Option("--where", metavar="SQL", help="Only rows for which this holds, such as premium = true."),
]
Entity = Annotated[str, typer.Argument(help="The id of one entity.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when."""

    since: Annotated[str | None, typer.Option("--since", metavar="MOMENT", help="First moment, inclusive.")] = None
    until: Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Last moment, inclusive.")] = None

    def ends(self, asked: Asked) -> dict[str, Any]:
        """Return the arguments of a question."""
        return {"since": asked.moment(self.since), "until": asked.moment(self.until)}


@grouped
def as_of(
    asked: Asked,
    shown: Shown,
    when: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WHEN]...", help="A date (its end), an instant, or several; none: after all events."
        ),
    ] = None,
    *,
    entity: Annotated[str | None, typer.Option("--entity", "-e", help="Only this entity.")] = None,
    where: Where = None,
) -> None:
    """The state of every entity that exists at a moment."""
    timeline = asked.timeline()
    moments: Any = [asked.moment(text) for text in when or ()]
    told = f"as of {', '.join(map(str, moments))}" if when else "after all events"
    states = timeline.as_of(
        moments if len(moments) > 1 else next(iter(moments), None), entity=entity, **asked.view
    )
    if entity is not None and states.is_empty():
        known(timeline, entity)
        note(f"{entity} does not exist {told}")
    shown.show(_where(states, where), f"{timeline.plan.name} {told}")


@grouped
def history(
    asked: Asked,
    shown: Shown,
    entity: Annotated[str | None, typer.Argument(help="Of one entity; default: all.")] = None,
    *,
    where: Where = None,
) -> None:
    """One row per interval in which nothing changed."""
    timeline = asked.timeline()
    rows = timeline.history(entity, **asked.view)
    if entity is not None and rows.is_empty():
        known(timeline, entity)
    rows = shown.ranked(_where(rows, where), (), known=["entity" if entity else None])
    shown.show(rows, f"History of {entity or timeline.plan.name}")


@grouped
def changes(
    asked: Asked,
    shown: Shown,
    field: Annotated[str, typer.Argument(help="A field of the model.", show_default=False)],
    *,
    span: Span,
    entity: Annotated[str | None, typer.Option("--entity", "-e", help="Only of this entity.")] = None,
) -> None:
    """When a field changed, and by which event."""
    timeline = asked.timeline()
    rows = timeline.changes(field, entity=entity, **span.ends(asked), **asked.view)
    if entity is not None and rows.is_empty():
        known(timeline, entity)
    rows = shown.ranked(rows, _CHANGED, known=["field", "entity" if entity else None])
    shown.show(rows, f"Changes of {field}" + (f" of {entity}" if entity else ""))


@grouped
def diff(
    asked: Asked,
    shown: Shown,
    a: Annotated[str, typer.Argument(help="The first moment.", show_default=False)],
    b: Annotated[str, typer.Argument(help="The second moment.", show_default=False)],
    *,
    entity: Annotated[str | None, typer.Option("--entity", "-e", help="Only of this entity.")] = None,
) -> None:
    """What differs between two moments: who came, who went, what changed."""
    timeline = asked.timeline()
    moments: Any = [asked.moment(text) for text in (a, b)]
    rows = timeline.diff(*moments, entity=entity, mixed="object", **asked.view)
    if entity is not None and rows.is_empty():
        known(timeline, entity)
    shown.show(rows, f"{entity or timeline.plan.name} from {moments[0]} to {moments[1]}")


@grouped
def explain(
    asked: Asked,
    shown: Shown,
    entity: Entity,
    when: Annotated[str | None, typer.Argument(help="A moment; default: after all events.")] = None,
) -> None:
    """Which event made each value of one entity so."""
    timeline = asked.timeline()
    known(timeline, entity)
    moment = asked.moment(when)
    told = f"as of {moment}" if moment else "after all events"
    rows = shown.ranked(timeline.explain(entity, moment, mixed="object", **asked.view), _EXPLAINED)
    shown.show(rows, f"{entity} {told}, and why")


@grouped
def trend(
    asked: Asked,
    shown: Shown,
    span: Span,
    measure: Annotated[list[str] | None, typer.Option("--measure", metavar="NAME=OP(FIELD)", help=HELP)] = None,
    *,
    every: Annotated[
        str, typer.Option("--every", metavar="DURATION", help="The step: 1d, 1w, 1mo, 1q, 1y.")
    ] = "1mo",
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="FIELD[,FIELD]", help="Group by these fields; several.")
    ] = None,
) -> None:
    """Measures over the entities that exist, moment after moment."""
    timeline = asked.timeline()
    groups = [name.strip() for names in by or () for name in names.split(",")]
    rows = timeline.trend(
        measures(measure or []), every=every, by=groups or None, **span.ends(asked), **asked.view
    )
    shown.show(rows, f"{timeline.plan.name} every {every}")


def known(timeline: Timeline, entity: str) -> None:
    """See that an entity has events at all.

    Raises:
        MissingError: it has none; names the nearest one that has.
    """
    entities = timeline.entities()
    if entity not in entities:
        hint = (
            suggestion(entity, entities.head(_NEAR)) if entities.len() <= _NEAR else "eventsource as-of lists them"
        )
        raise MissingError(f"{timeline.plan.name} has no entity {entity!r}", hint=hint)


def _where(rows: pl.DataFrame, condition: str | None) -> pl.DataFrame:
    """Return the rows for which an SQL condition holds.

    Raises:
        UsageError: it is no condition over these columns.
    """
    if condition is None:
        return rows
    try:
        return rows.filter(pl.sql_expr(condition))
    except pl.exceptions.PolarsError as error:
        columns = ", ".join(rows.columns)
        raise UsageError(f"--where {condition!r}: {error}", hint=f"the columns are {columns}") from error
