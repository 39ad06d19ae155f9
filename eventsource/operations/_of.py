"""The argument ``of``: which members a field reads.

It has three forms. Two event types, Paid and Refunded, and what each form reads of them:

    of                                                  Paid                        Refunded
    "amount"                                            amount                      amount
    ["price.amount", "amount"]                          the first of both that is   likewise
                                                        present, also if it is null
    {"Paid": ["price.amount", "amount"]}                likewise                    nothing: it changes nothing
"""

from collections.abc import Mapping, Sequence
from typing import Any

from eventsource.dotted_paths import parse_path
from eventsource.errors import ModelError
from eventsource.messages import suggestion

__all__ = ["Of", "checked_of", "checked_path", "of_text", "paths_of"]

Of = str | Sequence[str] | Mapping[str, str | Sequence[str]]
"""A dotted path, alternatives of which the first that is present counts, or one of both per event type."""


def checked_of(where: str, of: Any, events: Sequence[str]) -> Of:
    """Return ``of`` with tuples in place of lists.

    Args:
        where: what has the argument, for messages.
        of: the argument.
        events: the event types of the field.

    Raises:
        ModelError: it has none of the three forms, or names an event type that the field does not have.
    """
    if not isinstance(of, Mapping):
        return _checked_alternatives(where, of)
    if not of:
        raise ModelError(f"{where}: expected a path per event type, got {{}}", hint='such as {"Moved": "to.city"}')
    for type_ in of:
        if type_ not in events:
            raise ModelError(
                f"{where}: of has a path for {type_!r}, which is not one of its events",
                hint=suggestion(str(type_), events),
            )
    return {type_: _checked_alternatives(where, paths) for type_, paths in of.items()}


def checked_path(where: str, path: Any) -> str:
    """Return a dotted path.

    Raises:
        ModelError: it has another form.
    """
    try:
        if isinstance(path, str):
            parse_path(path)
            return path
        why = 'such as "address.city"'
    except ValueError as error:
        why = f"{error}; a name that contains . or [ is written in quotes: '\"a.b\".c'"
    raise ModelError(f"{where}: expected a dotted path, got {path!r}", hint=why)


def paths_of(of: Of | None, type_: str) -> tuple[str, ...]:
    """Return the alternatives for one event type; none: events of this type leave the field as it was."""
    paths = of.get(type_, ()) if isinstance(of, Mapping) else of or ()
    return (paths,) if isinstance(paths, str) else tuple(paths)


def of_text(of: Of | None) -> str | None:
    """Return ``of`` as a person reads it: ``price or amount``, ``Paid: amount; Refunded: value``."""
    if of is None or isinstance(of, str):
        return of
    if isinstance(of, Mapping):
        return "; ".join(f"{type_}: {of_text(paths)}" for type_, paths in of.items())
    return " or ".join(of)


def _checked_alternatives(where: str, paths: Any) -> str | tuple[str, ...]:
    if not isinstance(paths, list | tuple):
        return checked_path(where, paths)
    if not paths:
        raise ModelError(f"{where}: expected a dotted path, got {paths!r}", hint='such as "address.city"')
    return tuple(checked_path(where, path) for path in paths)
