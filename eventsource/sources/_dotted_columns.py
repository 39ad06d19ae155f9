"""Columns with dots in their names, as members of objects."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from eventsource.sources._checkpoint import UnreadableError

__all__ = ["DottedColumns"]


class DottedColumns:
    """The columns of a table as members of a JSON object, so that dotted paths reach them.

    Example::

        columns   id   customer.name   customer.city          members   {"id": "1", "customer": {"name": "Ada",
        cells     1    Ada             Paris                                                     "city": "Paris"}}

    A name keeps its dots if there is also a column ``customer``, or if a part of the name would be empty.

    Args:
        names: of the columns, unique.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def members(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return cells (column → cell) as members; an absent cell is an absent member."""
        return self._nested(cells) if self._paths else cells

    def check_times(self, paths: Iterable[str]) -> None:
        """Check that the table has the columns of times that make events: without one, each row would lack it.

        Raises:
            UnreadableError: it lacks one.
        """
        names = tuple(self.names)
        lacking = [path for path in paths if not any(f"{path}.".startswith(f"{name}.") for name in names)]
        if lacking:
            raise UnreadableError(
                f"events: no column {', '.join(map(repr, lacking))}; there are {', '.join(names)}"
            )

    @cached_property
    def members_of(self) -> Mapping[str, str]:
        """Column → the member of the row that it is, or that contains it."""
        return {name: self._paths[name][0] if name in self._paths else name for name in self.names}

    @cached_property
    def _paths(self) -> Mapping[str, Sequence[str]]:
        """The columns that are members of objects, and the path to each."""
        known = frozenset(self.names)
        paths = {name: name.split(".") for name in self.names if "." in name}
        return {
            name: keys
            for name, keys in paths.items()
            if all(keys) and not any(".".join(keys[:count]) in known for count in range(1, len(keys)))
        }

    def _nested(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        paths = self._paths
        for name, cell in cells.items():
            if name not in paths:
                found[name] = cell
                continue
            *above, last = paths[name]
            branch = found
            for key in above:
                branch = branch.setdefault(key, {})
            branch[last] = cell
        return found
