"""Digests of Python functions: a changed function never finds the states that the old one folded."""

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from types import CodeType, EllipsisType, FunctionType, MethodType
from typing import Any

__all__ = ["digest_of"]

_PLAIN = str | bytes | int | float | complex | None | EllipsisType | Decimal | date | time | timedelta


def digest_of(function: Callable[..., Any]) -> str:
    """Return a digest of a function's code, defaults and closure, and of the functions and constants it uses."""
    return hashlib.sha256("\n".join(_parts(function, set())).encode()).hexdigest()[:32]


def _parts(value: Any, seen: set[int]) -> Iterator[str]:
    items = _items(value)
    if items is not None:
        yield f"{type(value).__name__}[{len(items)}]"
        for item in items:
            yield from _parts(item, seen)
    elif isinstance(value, set | frozenset):
        yield repr(sorted(map(repr, value)))  # the order of a set differs from run to run
    elif isinstance(value, CodeType):
        yield value.co_code.hex()
        yield repr(value.co_names)
        yield from _parts(value.co_consts, seen)
    elif isinstance(value, FunctionType):
        yield from _function(value, seen)
    elif isinstance(value, _PLAIN):
        yield repr(value)
    else:  # its text may hold its address, which differs from run to run
        yield f"{type(value).__module__}.{type(value).__qualname__}"


def _items(value: Any) -> Sequence[Any] | None:
    """Return the items of a container; None for any other value."""
    if isinstance(value, tuple | list):
        return value
    if isinstance(value, dict):
        return sorted(value.items(), key=lambda pair: repr(pair[0]))
    if isinstance(value, functools.partial):
        return (value.func, value.args, value.keywords)
    if isinstance(value, MethodType):
        return (value.__func__, getattr(value.__self__, "__dict__", {}))
    return None


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    named = [function.__globals__.get(name) for name in sorted(_names(function.__code__))]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    for part in (function.__code__, function.__defaults__, function.__kwdefaults__, cells):
        yield from _parts(part, seen)
    for value in named:
        if isinstance(value, FunctionType | list | tuple | dict | set | frozenset | _PLAIN):
            yield from _parts(value, seen)


def _names(code: CodeType) -> set[str]:
    """Return the names that code reads, including the functions defined in it."""
    inner = (_names(part) for part in code.co_consts if isinstance(part, CodeType))
    return set(code.co_names).union(*inner)
