"""Decoding some dotted paths of many JSON texts, skipping all that nobody asked for."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import polars as pl

__all__ = ["UNSET", "Paths"]

UNSET = msgspec.UNSET
"""Stands for a member that is absent."""


class Paths:
    """Decodes some dotted paths of many JSON texts, skipping all other members."""

    def __init__(self, paths: Iterable[str], number: type) -> None:
        self._paths = {path: path.split(".") for path in paths}
        self._root = _Node()
        for keys in self._paths.values():
            self._root.grow(keys)
        hook: Callable[[str], Any] | None = None if number is float else number
        self._decoder = msgspec.json.Decoder(self._root.struct, float_hook=hook)

    def values(self, texts: pl.Series) -> dict[str, list[Any]]:
        """Return per path one value per text: `UNSET` where the member is absent."""
        if not self._paths:
            return {}
        decode = self._decoder.decode
        objects = [decode(text) for text in texts.to_list()]
        return {path: self._root.walk(objects, keys) for path, keys in self._paths.items()}


class _Node:
    """A member of an object: read as a struct of only the members below it, or whole."""

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.leaf = False

    def grow(self, keys: Sequence[str]) -> None:
        if not keys:
            self.leaf = True
            return
        self.children.setdefault(keys[0], _Node()).grow(keys[1:])

    @cached_property
    def struct(self) -> type[msgspec.Struct]:
        """A type that decodes the members below and skips all others."""
        fields: list[Any] = [(f"m{n}", child.annotation, UNSET) for n, child in enumerate(self.children.values())]
        names = {f"m{n}": key for n, key in enumerate(self.children)}
        return msgspec.defstruct("Payload", fields, rename=names, gc=False)

    @property
    def annotation(self) -> Any:
        """A member that has members may be a text, a list or null elsewhere: then those are absent."""
        if self.leaf or not self.children:
            return Any
        return self.struct | str | int | float | bool | list[Any] | None | msgspec.UnsetType

    def walk(self, objects: list[Any], keys: Sequence[str]) -> list[Any]:
        if not keys:
            return objects
        child = self.children[keys[0]]
        if self.leaf:  # decoded whole, since something else reads all of it
            found = [o.get(keys[0], UNSET) if o.__class__ is dict else UNSET for o in objects]
            child.leaf = True
        else:
            slot = f"m{list(self.children).index(keys[0])}"
            mine = self.struct
            found = [getattr(o, slot) if o.__class__ is mine else UNSET for o in objects]
        return child.walk(found, keys[1:])
