"""Decoding some dotted paths of many JSON texts, and skipping everything else.

msgspec decodes into structs, and skips the members that a struct does not have. So the paths become a tree of
structs, made once, and each text is decoded in a single pass. For the paths ``a``, ``b.c`` and ``b.d``::

    Payload              six texts become six such structs; then a walk per path collects a list of six values:
      m0 = "a": Any      a      [1, UNSET, …]
      m1 = "b": Payload  b.c    [UNSET, "x", …]
           m0 = "c": Any
           m1 = "d": Any

An array that a path enters is decoded completely, and the rest of the path is walked value by value: of
``items[0].sku`` the tree has ``items``, and the rest is ``[0]`` and ``sku``.
"""

import decimal
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import takewhile
from operator import attrgetter
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.decode._texts import entity_text
from eventsource.decode._unfit import Unfit, read_leniently, unfit
from eventsource.dotted_paths import Match, PathStep, parse_path

__all__ = ["UNSET", "JsonTexts", "PathDecoder"]

UNSET = msgspec.UNSET
"""The value of a member that is absent."""


_NO_FIELD: Final = re.compile(r'["\\\x00-\x1f]')
"""What msgspec does not take in the name of a struct's field."""


class PathDecoder:
    """Decodes some dotted paths of many JSON texts.

    Args:
        paths: the dotted paths.
        number: what a number with a fraction or an exponent becomes: ``float``, or a function of its text.
    """

    def __init__(self, paths: Iterable[str], number: type) -> None:
        self._paths = {path: _split(parse_path(path)) for path in paths}
        self._root = _Node()
        for names, _ in self._paths.values():
            self._root.add(names)
        hook: Callable[[str], Any] | None = None if number is float else number
        self._decoder = msgspec.json.Decoder(self._root.whole, float_hook=hook)

    @property
    def has_names_only(self) -> bool:
        """Whether the paths consist of names, without elements of arrays."""
        return not any(rest for _, rest in self._paths.values())

    def values(self, texts: "pl.Series | JsonTexts") -> dict[str, list[Any]]:
        """Return per path one value per text: `UNSET` where it is absent, `Unfit` where no column can hold it."""
        if not self._paths:
            return {}
        payloads = texts if isinstance(texts, JsonTexts) else JsonTexts(texts)
        objects: list[Any] = []
        if payloads.are_objects:
            with suppress(msgspec.DecodeError):
                objects = self._decoder.decode_lines(payloads.lines)
        if len(objects) == len(payloads.texts):
            return self._values(objects)
        return self._values_one_by_one(payloads.texts.to_list())

    def _values(self, objects: list[Any]) -> dict[str, list[Any]]:
        return {
            path: _walk(self._root.values(objects, names, are_structs=not self._root.is_leaf), rest)
            for path, (names, rest) in self._paths.items()
        }

    def _values_one_by_one(self, payloads: list[str]) -> dict[str, list[Any]]:
        """Return the values of payloads, some of which msgspec refuses."""
        nothing = self._decoder.decode("{}")
        objects, lenient = [], {}
        for row, text in enumerate(payloads):
            try:
                objects.append(self._decoder.decode(text))
            except msgspec.DecodeError:
                objects.append(nothing)
                lenient[row] = read_leniently(text)
        found = self._values(objects)
        for path, (names, rest) in self._paths.items():
            for row, payload in lenient.items():
                found[path][row] = (
                    payload if payload.__class__ is Unfit else unfit(_walk([payload], [*names, *rest])[0])
                )
        return found


class JsonTexts:
    """JSON texts, for one or several decoders.

    Args:
        texts: the texts; none has an end of line.
    """

    def __init__(self, texts: pl.Series) -> None:
        self.texts = texts

    @cached_property
    def lines(self) -> bytes:
        """The texts as bytes, one a line."""
        return bytes(self.texts.str.join("\n").cast(pl.Binary).item())

    @cached_property
    def are_objects(self) -> bool:
        """Whether the texts begin and end like objects, so that no object begins in one and ends in another.

        The decoder takes any number of objects in a line, and objects that span lines. The characters ``}``, end
        of line, ``{`` occur between two objects only. So each text has at least one object, and exactly one if
        there are as many objects as texts.
        """
        frame = self.texts.alias("text").to_frame()
        begins, ends = pl.col("text").str.starts_with("{"), pl.col("text").str.ends_with("}")
        return bool(frame.select((begins & ends).all()).item())


def _split(steps: Sequence[PathStep]) -> tuple[list[str], Sequence[PathStep]]:
    """Return the names that structs can decode, and the other steps behind them."""
    names = [str(step) for step in takewhile(_is_field, steps)]
    return names, steps[len(names) :]


def _is_field(step: PathStep) -> bool:
    return isinstance(step, str) and not _NO_FIELD.search(step)


def _walk(values: list[Any], steps: Sequence[PathStep]) -> list[Any]:
    """Return the values that some steps lead to from each value."""
    for step in steps:
        if isinstance(step, str):
            values = [_member(value, step) for value in values]
        elif isinstance(step, int):
            values = [_element(value, step) for value in values]
        else:
            values = [_matching(value, step) for value in values]
    return values


def _member(value: Any, name: str) -> Any:
    return value.get(name, UNSET) if value.__class__ is dict else UNSET


def _element(value: Any, index: int) -> Any:
    is_there = value.__class__ is list and -len(value) <= index < len(value)
    return value[index] if is_there else UNSET


def _matching(value: Any, match: Match) -> Any:
    """Return the first element of an array whose member has the value."""
    for element in value if value.__class__ is list else ():
        found = element
        for name in match.names:
            found = _member(found, name)
        if found.__class__ is decimal.Decimal:  # compared as the float that it is where no field asks for decimals
            found = float(found)
        if found.__class__ not in (dict, list, Unfit) and entity_text(found) == match.value:
            return element
    return UNSET


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

    @property
    def whole(self) -> Any:
        """The type to decode a whole text into."""
        return Any if self.is_leaf else self.struct

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

    def values(self, objects: list[Any], keys: Sequence[str], *, are_structs: bool = False) -> list[Any]:
        """Return the values at a path below this member, given this member's value in each text.

        Args:
            objects: these values.
            keys: the path.
            are_structs: whether this member is an object in every text.
        """
        if not keys:
            return objects
        child = self.children[keys[0]]
        if self.is_leaf:  # it was decoded completely, since another path reads all of it
            found = [_member(o, keys[0]) for o in objects]
            child.is_leaf = True
        else:
            mine, get = self.struct, attrgetter(f"m{list(self.children).index(keys[0])}")
            found = (
                list(map(get, objects))
                if are_structs
                else [get(o) if o.__class__ is mine else UNSET for o in objects]
            )
        return child.values(found, keys[1:])
