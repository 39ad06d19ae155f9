"""Timelines and plans as HTML for notebooks: plain tables, every text escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from msgspec import Struct

from eventsource.plan import Plan, Rule

__all__ = ["Folded", "plan_html", "table_html", "timeline_html"]


class Folded(Struct, frozen=True):
    """Lines of a cell, and further lines that a notebook shows on request; a page of a report leaves these out."""

    shown: tuple[str, ...]
    folded: tuple[str, ...]


def timeline_html(plan: Plan, log: str, tz: str) -> str:
    """Return a timeline as HTML: its log, its time zone, its plan."""
    over = f"<p><b>Timeline</b> over <code>{escape(log)}</code>, dates in {escape(tz)}</p>"
    return f"<div>{over}{plan_html(plan)}</div>"


def plan_html(plan: Plan) -> str:
    """Return a plan as HTML: when an entity exists, and one row per field."""
    begins = ", ".join(plan.created) or "its first relevant event"
    ends = ", ".join(plan.deleted) or "never"
    caption = f"{plan.name}: exists from {begins} until {ends}; folds in order of {plan.order}"
    return table_html(("field", "op", "events", "of"), (_row(rule) for rule in plan.rules), caption)


def table_html(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return a table as HTML; every text is escaped."""
    top = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    title = f'<caption style="text-align:left">{escape(caption)}</caption>' if caption else ""
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return f'<td style="text-align:left;vertical-align:top">{_inside(value)}</td>'


def _inside(value: object) -> str:
    """Return the HTML of a value; the items of a tuple are lines."""
    if isinstance(value, Folded):
        return f"{_inside(value.shown)}<details><summary>more</summary>{_inside(value.folded)}</details>"
    if isinstance(value, tuple):
        return "<br>".join(map(_inside, value))
    return escape("" if value is None else str(value))


def _row(rule: Rule) -> tuple[str, str, str, str | None]:
    of = str(rule.expression) if rule.expression is not None else rule.of_text
    events = rule.operation.describe(rule)
    if rule.where is not None:
        events += f" where {rule.where}"
    return rule.name, rule.op, events, of
