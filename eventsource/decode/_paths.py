"""Decoding some dotted paths of many JSON texts, and skipping everything else.

msgspec decodes into structs, and skips the members that a struct does not have. So the paths become a tree of
structs, made once, and each text is decoded in a single pass. For the paths ``a``, ``b.c`` and ``b.d``::

    Payload              six texts become six such structs; then a walk per path collects a list of six values:
      m0 = "a": Any      a      [1, UNSET, …]
      m1 = "b": Payload  b.c    [UNSET, "x", …]
           m0 = "c": Any
           m1 = "d": Any
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import polars as pl

__all__ = ["UNSET", "PathDecoder"]

UNSET = msgspec.UNSET
"""The value of a member that is absent."""


class PathDecoder:
    """Decodes some dotted paths of many JSON texts.

    Args:
        paths: the dotted paths.
        number: what a number with a fraction or an exponent becomes: ``float``, or a function of its text.
    """

    def __init__(self, paths: Iterable[str], number: type) -> None:
        self._paths = {path: path.split(".") for path in paths}
        self._root = _Node()
        for keys in self._paths.values():
            self._root.add(keys)
        hook: Callable[[str], Any] | None = None if number is float else number
        self._decoder = msgspec.json.Decoder(self._root.struct, float_hook=hook)

    def values(self, texts: pl.Series) -> dict[str, list[Any]]:
        """Return per path one value per text: `UNSET` where the member is absent.

        Raises:
            msgspec.DecodeError: a text is not JSON, or a number is beyond every type.
        """
        if not self._paths:
            return {}
        decode = self._decoder.decode
        objects = [decode(text) for text in texts.to_list()]
        return {path: self._root.values(objects, keys) for path, keys in self._paths.items()}


class _Node:
    """A member of an object. It is decoded as a struct of the members below it, or completely."""

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.is_leaf = False

    def add(self, keys: Sequence[str]) -> None:
        """Add the path of some keys below this member."""
        if not keys:
            self.is_leaf = True
            return
        self.children.setdefault(keys[0], _Node()).add(keys[1:])

    @cached_property
    def struct(self) -> type[msgspec.Struct]:
        """A type that decodes the members below and skips all others."""
        fields: list[Any] = [(f"m{n}", child.annotation, UNSET) for n, child in enumerate(self.children.values())]
        names = {f"m{n}": key for n, key in enumerate(self.children)}
        return msgspec.defstruct("Payload", fields, rename=names, gc=False)

    @property
    def annotation(self) -> Any:
        """The type to decode. A parent that is not an object has no children: they count as absent."""
        if self.is_leaf or not self.children:
            return Any
        return self.struct | str | int | float | bool | list[Any] | None | msgspec.UnsetType

    def values(self, objects: list[Any], keys: Sequence[str]) -> list[Any]:
        """Return the values at a path below this member, given this member's value in each text."""
        if not keys:
            return objects
        child = self.children[keys[0]]
        if self.is_leaf:  # it was decoded completely, since another path reads all of it
            found = [o.get(keys[0], UNSET) if o.__class__ is dict else UNSET for o in objects]
            child.is_leaf = True
        else:
            slot = f"m{list(self.children).index(keys[0])}"
            mine = self.struct
            found = [getattr(o, slot) if o.__class__ is mine else UNSET for o in objects]
        return child.values(found, keys[1:])
