"""The fields of the models in SQL: as aggregates of a group, and as windows over an entity's events."""

from dataclasses import dataclass
from typing import Final

from tests.benchmarks.shapes import Shape

__all__ = ["Column", "aggregates", "columns", "relevant", "steps"]

ORDER: Final = "(occurred_at, position)"
PLAN: Final = "CASE type WHEN 'PremiumPlanBought' THEN true WHEN 'PremiumPlanCancelled' THEN false END"


@dataclass(frozen=True, slots=True)
class Column:
    """One field.

    Args:
        name: the name of the field.
        aggregate: its SQL over the events of a group; ``{when}`` is replaced by a condition on them.
        window: its SQL over the events up to each one, in the window ``w``.
        default: its value before any event.
        changes: a column that changes whenever the field does; needed for floats, since windows do not always add
            them in the same order.
    """

    name: str
    aggregate: str
    window: str
    default: str = "NULL"
    changes: str = ""

    @property
    def sign(self) -> str:
        """The column that shows whether the field changed."""
        return self.changes or self.name


def columns(shape: Shape) -> list[Column]:
    """Return the fields of the model of a shape."""
    bought = "type IN ('PremiumPlanBought', 'PremiumPlanCancelled')"
    premium = f"arg_max(type = 'PremiumPlanBought', {ORDER}) FILTER ({bought} AND {{when}})"
    found = [
        *map(_latest, ("name", "city")),
        Column(
            "premium",
            f"coalesce({premium}, false)",
            f"coalesce(last_value({PLAN} IGNORE NULLS) OVER w, false)",
            "false",
        ),
        _count("orders", "type = 'PurchaseMade'"),
        Column(
            "spent",
            "coalesce(sum(amount) FILTER ({when}), 0)",
            "coalesce(sum(amount) OVER w, 0)",
            "0",
            changes="orders",
        ),
        *map(_latest, shape.member_names),
    ]
    return [*found, _count("notes", "type LIKE 'Note%'")] if shape.notes else found


def relevant(shape: Shape) -> str:
    """Return a condition for the events that change any of the fields."""
    return "type <> 'TicketOpened'" if not (shape.notes or shape.members) else "true"


def aggregates(shape: Shape, *, when: str = "true", suffix: str = "") -> str:
    """Return the fields as aggregates of the events that meet a condition."""
    return ", ".join(f"{column.aggregate.format(when=when)} AS {column.name}{suffix}" for column in columns(shape))


def steps(events: str, shape: Shape, *, whole: bool = False) -> str:
    """Return SQL for the state after each event; only after the last of an instant, unless ``whole``."""
    last = "" if whole else "QUALIFY lead(occurred_at) OVER v IS DISTINCT FROM occurred_at"
    windows = ", ".join(f"{column.window} AS {column.name}" for column in columns(shape))
    return (
        f"SELECT {'event_id, type, position, ' if whole else ''}stream, occurred_at, {windows}, "
        f"bool_or(type = 'CustomerCreated') OVER w AS here FROM ({events}) "
        "WINDOW v AS (PARTITION BY stream ORDER BY occurred_at, position), "
        f"w AS (PARTITION BY stream ORDER BY occurred_at, position ROWS UNBOUNDED PRECEDING) {last}"
    )


def _latest(name: str) -> Column:
    aggregate = f"arg_max({name}, {ORDER}) FILTER ({name} IS NOT NULL AND {{when}})"
    return Column(name, aggregate, f"last_value({name} IGNORE NULLS) OVER w")


def _count(name: str, condition: str) -> Column:
    counted = f"count(*) FILTER ({condition}"
    return Column(name, f"{counted} AND {{when}})", f"{counted}) OVER w", "0")
