"""Tables as objects: a column whose name has dots is a member of an object, so that a dotted path reaches it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

__all__ = ["Columns"]


class Columns:
    """The columns of a table, as members.

    ``customer.name`` is the member ``name`` of ``customer``. A name stays as it is where another column stands at
    ``customer``, or where a part of it would be empty.

    Args:
        names: of the columns, unique.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def members(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return cells by the names of their columns as members, objects among them; absent cells are absent."""
        return self._placed(cells) if self._paths else cells

    @cached_property
    def _paths(self) -> Mapping[str, Sequence[str]]:
        """The columns that are members of objects, and the names on the way to each."""
        paths = {name: name.split(".") for name in self.names if "." in name}
        return {name: keys for name, keys in paths.items() if all(keys) and not self._is_blocked(keys)}

    def _is_blocked(self, keys: Sequence[str]) -> bool:
        return any(".".join(keys[:count]) in self._known for count in range(1, len(keys)))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    def _placed(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name, cell in cells.items():
            *above, last = self._paths.get(name, (name,))
            branch = found
            for key in above:
                branch = branch.setdefault(key, {})
            branch[last] = cell
        return found
