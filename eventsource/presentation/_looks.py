"""Labels and formats of columns: from the models that a process asks, and from the definition of its report.

A frame does not know its model. So a column looks as its field does in the models whose timelines exist. Where two
models say different things about a field of one name, the column is shown as it is::

    Customer.city    label "Home"                a column city is "Home"
    Customer.name    label "Name"
    Product.name     label "Product"             a column name is name: it could be either

What a definition says counts before all models.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from eventsource.formats import check_format
from eventsource.plan import Plan

__all__ = ["PLAIN", "Look", "Looks", "looks_of"]


class Look(Struct, frozen=True):
    """How a column is shown.

    Args:
        label: how it is called; empty: by its name.
        format: how its values read, see `eventsource.formats`; empty: as they are.

    Raises:
        ValueError: no format has this name.
    """

    label: str = ""
    format: str = ""

    def __post_init__(self) -> None:
        check_format(self.format)

    def over(self, other: "Look") -> "Look":
        """Return this look, with what it leaves open from another one."""
        return Look(self.label or other.label, self.format or other.format)


PLAIN: Final = Look()
"""A column is called by its name, and its values are shown as they are."""


def looks_of(plan: Plan) -> dict[str, Look]:
    """Return how the fields of a plan are shown."""
    return {rule.name: Look(rule.label, rule.format) for rule in plan.rules}


class Looks:
    """How columns are shown in this process.

    Args:
        given: what a definition says, by column.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: Look(**members) for name, members in given.items()}
        self._found: dict[str, set[Look]] = {}

    def add(self, plan: Plan) -> None:
        """Take the looks of the fields of a model."""
        for name, look in looks_of(plan).items():
            self._found.setdefault(name, set()).add(look)

    def of(self, column: str) -> Look:
        """Return how a column is shown."""
        found = self._found.get(column, ())
        look = next(iter(found)) if len(found) == 1 else PLAIN
        return self._given[column].over(look) if column in self._given else look
