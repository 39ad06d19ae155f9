"""The commands that ask a question: each calls one method of `Timeline` and shows the answer."""

import re
from typing import Annotated, Any, Final

import polars as pl
import polars.selectors as cs
from msgspec import Struct

from eventsource.cli._errors import MissingError, UsageError
from eventsource.cli._measures import HELP, measures
from eventsource.cli._options import QuestionOptions
from eventsource.cli._output import OutputOptions
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._terminal import note
from eventsource.messages import suggestion
from eventsource.moment import readable_time
from eventsource.timeline import Timeline, hint_for_unknown_entity

__all__ = ["as_of", "changes", "check_entity", "diff", "explain", "faults", "history", "trend"]

_UNKNOWN_COLUMN: Final = re.compile(r'unable to find column "(.*)"')
"""What Polars says of a column that a frame does not have."""

_CHANGED: Final = ("at", "entity", "before", "after", "type", "position")
_EXPLAINED: Final = ("field", "value", "at", "type", "position")

Where = Annotated[
    str | None,
    Option(
        "--where",
        metavar="SQL",
        help="Only rows for which this SQL condition is true, such as 'premium = true'. Times are compared with "
        "texts, in the time zone of the question; a date is its midnight.",
    ),
]
Entity = Annotated[
    str, Argument(metavar="ENTITY", help="The id of the entity, such as customer-42.", show_default=False)
]


class Span(Struct, frozen=True):
    """The period that a question is about."""

    since: Annotated[
        str | None,
        Option("--since", metavar="MOMENT", help="First moment, inclusive. Default: the first event's."),
    ] = None
    until: Annotated[
        str | None,
        Option("--until", metavar="MOMENT", help="Last moment, inclusive. Default: the last event's."),
    ] = None

    def ends(self, asked: QuestionOptions) -> dict[str, Any]:
        """Return the period as arguments of a question."""
        return {"since": asked.moment(self.since), "until": asked.moment(self.until)}


def as_of(
    asked: QuestionOptions,
    shown: OutputOptions,
    when: Annotated[
        list[str] | None,
        Argument(metavar="WHEN", help="Moments: dates (end of day) or instants. Default: after all events."),
    ] = None,
    *,
    entity: Annotated[str | None, Option("--entity", "-e", metavar="ENTITY", help="Only this entity.")] = None,
    where: Where = None,
) -> None:
    """Show the state of every entity at a moment.

    Entities that do not exist at that moment have no row. Several moments give one table with a column as_of.
    """
    timeline = asked.timeline()
    moments: Any = [asked.moment(text) for text in when or ()]
    at = f"as of {', '.join(map(str, moments))}" if when else "after all events"
    states = timeline.as_of(
        moments if len(moments) > 1 else next(iter(moments), None), entity=entity, **asked.view
    )
    if states.is_empty():
        _note_absence(timeline, entity, at)
    rows = _where(states, where, timeline.tz)
    ordered = _in_natural_order(rows) if shown.form == "table" else rows
    shown.show(ordered, f"{timeline.plan.name} {at}", tz=timeline.tz, plan=timeline.plan)


def history(
    asked: QuestionOptions,
    shown: OutputOptions,
    entity: Annotated[
        str | None, Argument(metavar="ENTITY", help="The id of one entity. Default: all entities.")
    ] = None,
    *,
    where: Where = None,
) -> None:
    """Show states over time: one row per interval in which nothing changed.

    This is a slowly changing dimension (SCD2): valid_from is inclusive, valid_to is exclusive and empty while the
    interval lasts.
    """
    timeline = asked.timeline()
    rows = timeline.history(entity, **asked.view)
    if entity is not None and rows.is_empty():
        check_entity(timeline, entity)
    rows = shown.ranked(_where(rows, where, timeline.tz), (), known=["entity" if entity else None])
    shown.show(rows, f"History of {entity or timeline.plan.name}", tz=timeline.tz, plan=timeline.plan)


def changes(
    asked: QuestionOptions,
    shown: OutputOptions,
    field: Annotated[str, Argument(metavar="FIELD", help="A field of the model.", show_default=False)],
    *,
    span: Span,
    entity: Annotated[str | None, Option("--entity", "-e", metavar="ENTITY", help="Only this entity.")] = None,
    where: Where = None,
) -> None:
    """List when a field changed, and which event changed it."""
    timeline = asked.timeline()
    rows = timeline.changes(field, entity=entity, **span.ends(asked), **asked.view)
    if entity is not None and rows.is_empty():
        check_entity(timeline, entity)
    rows = shown.ranked(_where(rows, where, timeline.tz), _CHANGED, known=["field", "entity" if entity else None])
    shown.show(
        rows, f"Changes of {field}" + (f" of {entity}" if entity else ""), tz=timeline.tz, plan=timeline.plan
    )


def diff(
    asked: QuestionOptions,
    shown: OutputOptions,
    a: Annotated[str, Argument(metavar="A", help="The first moment.", show_default=False)],
    b: Annotated[str, Argument(metavar="B", help="The second moment.", show_default=False)],
    *,
    entity: Annotated[str | None, Option("--entity", "-e", metavar="ENTITY", help="Only this entity.")] = None,
) -> None:
    """Compare two moments: which entities are new, gone or changed."""
    timeline = asked.timeline()
    moments: Any = [asked.moment(text) for text in (a, b)]
    rows = timeline.diff(*moments, entity=entity, mixed="object", **asked.view)
    if entity is not None and rows.is_empty():
        check_entity(timeline, entity)
    shown.show(
        rows,
        f"{entity or timeline.plan.name} from {moments[0]} to {moments[1]}",
        tz=timeline.tz,
        plan=timeline.plan,
    )


def explain(
    asked: QuestionOptions,
    shown: OutputOptions,
    entity: Entity,
    when: Annotated[str | None, Argument(metavar="WHEN", help="A moment. Default: after all events.")] = None,
) -> None:
    """Show which event set each value of one entity."""
    timeline = asked.timeline()
    check_entity(timeline, entity)
    moment = asked.moment(when)
    at = f"as of {moment}" if moment else "after all events"
    rows = shown.ranked(timeline.explain(entity, moment, mixed="object", **asked.view), _EXPLAINED)
    shown.show(rows, f"{entity} {at}, and which event set each value", tz=timeline.tz, plan=timeline.plan)


def trend(
    asked: QuestionOptions,
    shown: OutputOptions,
    span: Span,
    measure: Annotated[list[str] | None, Option("--measure", metavar="NAME=OP(FIELD)", help=HELP)] = None,
    *,
    every: Annotated[
        str,
        Option("--every", metavar="DURATION", help="The step of time: 1d, 1w, 1mo, 1q or 1y, or a multiple."),
    ] = "1mo",
    by: Annotated[
        list[str] | None,
        Option("--by", metavar="FIELD[,FIELD]", help="Group by these fields of the model. May be repeated."),
    ] = None,
) -> None:
    """Measure the existing entities at the end of every step of time."""
    timeline = asked.timeline()
    groups = [name.strip() for names in by or () for name in names.split(",")]
    rows = timeline.trend(
        measures(measure or []), every=every, by=groups or None, **span.ends(asked), **asked.view
    )
    shown.show(rows, f"{timeline.plan.name} every {every}", tz=timeline.tz, plan=timeline.plan)


def faults(
    asked: QuestionOptions,
    shown: OutputOptions,
    *,
    entity: Annotated[str | None, Option("--entity", "-e", metavar="ENTITY", help="Only this entity.")] = None,
) -> None:
    """List the events that a field of the model cannot fold, and why.

    A fault spoils the answers about its entity, from its moment on. Correct or retract the event to repair it
    permanently, or ask with --faults skip.
    """
    timeline = asked.timeline()
    rows = timeline.faults(entity, **asked.view)
    shown.show(rows, f"Faults of {timeline.plan.name}", tz=timeline.tz)


def check_entity(timeline: Timeline, entity: str) -> None:
    """Check that an entity has events.

    Raises:
        MissingError: it has none; the hint is an entity with a similar name.
    """
    hint = hint_for_unknown_entity(timeline, entity)
    if hint is not None:
        raise MissingError(f"{timeline.plan.name}: unknown entity {entity!r}", hint=hint)


def _note_absence(timeline: Timeline, entity: str | None, at: str) -> None:
    """Say why an answer has no rows: an unknown entity is an error, a moment before the first event a remark."""
    if entity is not None:
        check_entity(timeline, entity)
        note(f"{entity} does not exist {at}")
        return
    first = timeline.log.scan().select(pl.col("occurred_at").min()).collect().item()
    begins = f"the log begins at {readable_time(first)} UTC" if first else "the log has no events"
    note(f"no {timeline.plan.name} exists {at}; {begins}")


def _in_natural_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return states with customer-2 before customer-10: by the text before the last number, then by the number."""
    entity, ending = pl.col("entity"), r"^(.*?)(\d{1,18})$"
    keys = (entity.str.extract(ending, 1), entity.str.extract(ending, 2).cast(pl.Int64), entity)
    return rows.sort(*(name for name in ("as_of",) if name in rows.columns), *keys)


def _where(rows: pl.DataFrame, condition: str | None, tz: str) -> pl.DataFrame:
    """Return the rows for which an SQL condition holds.

    Dates and times are compared with texts: ``joined >= '2024-06-30'``. A text without a zone is a time in ``tz``,
    and a date is its midnight there.

    Raises:
        UsageError: the condition is invalid, or names an unknown column.
    """
    if condition is None:
        return rows
    try:
        pl.sql_expr(condition)  # one condition, and no other clause of SQL
        local = rows.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone(tz))
        found = local.sql("SELECT * FROM self WHERE " + condition)  # noqa: S608 - it takes texts as dates and times
        return found.cast(dict(rows.schema))  # type: ignore[arg-type]  # of columns that differ in the zone only
    except pl.exceptions.PolarsError as error:
        reason, columns = str(error).partition("; valid columns")[0].splitlines()[0], ", ".join(rows.columns)
        unknown = _UNKNOWN_COLUMN.search(reason)
        hint = suggestion(unknown[1], rows.columns) if unknown else ""
        raise UsageError(
            f"--where: expected an SQL condition, got {condition!r}: {reason}",
            hint=hint or f"the columns are {columns}",
        ) from error
