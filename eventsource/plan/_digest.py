"""Digests of Python functions: a changed function never finds the state that the old one folded."""

import functools
import hashlib
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

__all__ = ["digest_of"]


def digest_of(function: Callable[..., Any]) -> str:
    """Return a digest of a function's code, defaults and closure, and of the functions and constants it names."""
    return hashlib.sha256("\n".join(_parts(function, set())).encode()).hexdigest()[:32]


def _parts(value: Any, seen: set[int]) -> Iterator[str]:
    if isinstance(value, functools.partial):
        value = (value.func, value.args, sorted(value.keywords.items()))
    if isinstance(value, tuple | list):
        yield f"{type(value).__name__}[{len(value)}]"
        for item in value:
            yield from _parts(item, seen)
    elif isinstance(value, set | frozenset):
        yield repr(sorted(map(repr, value)))  # the order of a set differs from run to run
    elif isinstance(value, CodeType):
        yield value.co_code.hex()
        yield repr(value.co_names)
        yield from _parts(value.co_consts, seen)
    elif isinstance(value, FunctionType):
        yield from _function(value, seen)
    else:
        yield repr(value)


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    named = [function.__globals__.get(name) for name in function.__code__.co_names]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    for part in (function.__code__, function.__defaults__, function.__kwdefaults__, cells):
        yield from _parts(part, seen)
    for value in named:
        if isinstance(value, FunctionType | str | int | float | tuple | frozenset):
            yield from _parts(value, seen)
