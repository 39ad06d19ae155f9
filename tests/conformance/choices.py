"""Many choices from one draw of hypothesis.

What hypothesis draws is what an example of a law costs first of all. So an event, or a field, is one draw of some
bytes, and `Choices` makes its parts from them: a byte is a choice. Bytes shrink one by one, to the first option of
each choice.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

__all__ = ["Choices", "choices"]

Option = TypeVar("Option")


class Choices:
    """Choices made of drawn bytes, one byte each. Zeros choose the first option of everything."""

    def __init__(self, drawn: bytes) -> None:
        self._bytes = iter(drawn)

    def one_of(self, options: Sequence[Option]) -> Option:
        """Return one of some options."""
        return options[next(self._bytes) % len(options)]

    def value_of(self, groups: Sequence[Sequence[Option]]) -> Option:
        """Return one of some options that come in groups, each group being as likely as the others."""
        return self.one_of(self.one_of(groups))

    def taken_from(self, options: list[Option]) -> Option:
        """Remove one of some options and return it."""
        return options.pop(next(self._bytes) % len(options))

    def some_of(self, options: Sequence[Option], most: int) -> list[Option]:
        """Return different options, at least one and at most so many, in any order."""
        left = list(options)
        return [self.taken_from(left) for _ in range(self.one_of(range(1, most + 1)))]


def choices(most: int) -> st.SearchStrategy[Choices]:
    """Return choices, at most so many."""
    return st.binary(min_size=most, max_size=most).map(Choices)
