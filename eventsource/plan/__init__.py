"""Plans: what a model means, as plain frozen data that every engine reads.

A `Plan` says which events matter, in which order they fold, to which entity they belong and, by one
`Rule` per field, what they do to it. Engines know plans and nothing else; `Model` is sugar that makes one.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, get_args

import polars as pl

from eventsource.errors import ModelError
from eventsource.plan._digest import digest_of
from eventsource.plan._dtypes import dtype_of
from eventsource.plan._rowwise import is_rowwise

__all__ = ["ORDERS", "PATHS", "RESERVED", "Op", "Order", "Plan", "Rule", "Transition", "dtype_of", "is_rowwise"]

Op = Literal[
    "latest",
    "first",
    "flag",
    "count",
    "total",
    "smallest",
    "largest",
    "distinct",
    "states",
    "reduce",
    "derive",
]
Order = Literal["occurred_at", "recorded_at"]

ORDERS: Final = get_args(Order)
RESERVED: Final = frozenset({"entity", "as_of", "valid_from", "valid_to"})
"""Names that answers use themselves; no field may take one."""

PATHS: Final = frozenset({"latest", "first", "total", "smallest", "largest", "distinct"})
"""Ops that read a payload member."""

_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "latest": frozenset({"events", "of", "dtype"}),
    "first": frozenset({"events", "of", "dtype"}),
    "flag": frozenset({"on", "off"}),
    "count": frozenset({"events"}),
    "total": frozenset({"events", "of", "dtype"}),
    "smallest": frozenset({"events", "of", "dtype"}),
    "largest": frozenset({"events", "of", "dtype"}),
    "distinct": frozenset({"events", "of", "dtype"}),
    "states": frozenset({"initial", "transitions"}),
    "reduce": frozenset({"events", "initial", "dtype", "function"}),
    "derive": frozenset({"expression"}),
}
_NEEDS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("latest", "first", "count"), frozenset({"events"})),
    **dict.fromkeys(("total", "smallest", "largest", "distinct"), frozenset({"events", "of"})),
    "flag": frozenset({"on"}),
    "states": frozenset({"initial", "transitions"}),
    "reduce": frozenset({"events", "function"}),
    "derive": frozenset({"expression"}),
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow of a state machine: from any of ``sources``, on ``event``, to ``target``."""

    sources: tuple[str, ...]
    event: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What events do to one field.

    Args:
        name: the field's name.
        op: one of the closed set `Op`.
        events: types that the op reads (not for ``flag``, ``states``, ``derive``).
        of: dotted path of a payload member; None (``latest``, ``first``): the moment itself.
        on: types that set a flag.
        off: types that clear it.
        initial: first state of a state machine, or of a ``reduce``.
        transitions: the arrows of a state machine.
        dtype: the dtype asked for; None: the one that the values have.
        function: ``(state, event) -> state`` of a ``reduce``.
        expression: a row-wise Polars expression over the other fields, of a ``derive``.

    Raises:
        ModelError: parts that the op does not have, or lacks.
    """

    name: str
    op: Op
    events: tuple[str, ...] = ()
    of: str | None = None
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    initial: Any = None
    transitions: tuple[Transition, ...] = ()
    dtype: pl.DataType | None = None
    function: Callable[[Any, Any], Any] | None = field(default=None, compare=False)
    expression: pl.Expr | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.op not in _PARTS:
            raise ModelError(f"field {self.name!r}: there is no op {self.op!r}", hint=_nearest_op(self.op))
        given = {part for part in _ALL_PARTS if _is_given(getattr(self, part))}
        if extra := sorted(given - _PARTS[self.op]):
            raise ModelError(f"field {self.name!r}: {self.op} does not take {', '.join(extra)}")
        if missing := sorted(_NEEDS[self.op] - given):
            raise ModelError(f"field {self.name!r}: {self.op} needs {', '.join(missing)}")
        if both := sorted(set(self.on) & set(self.off)):
            raise ModelError(f"field {self.name!r}: {both[0]!r} cannot be both on and off")
        if self.of is not None and not _is_path(self.of):
            raise ModelError(f"field {self.name!r}: {self.of!r} is not a dotted path")
        _check_texts(f"field {self.name!r}", self.types)
        self._check_code()
        self._check_arrows()

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that this rule reads."""
        return (*self.events, *self.on, *self.off, *(arrow.event for arrow in self.transitions))

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain data; ``reduce`` and ``derive`` by a digest of their code."""
        part: dict[str, Any] = {"name": self.name, "op": self.op}
        if self.transitions:
            arrows = [{"from": list(a.sources), "event": a.event, "to": a.target} for a in self.transitions]
            return part | {"initial": self.initial, "transitions": arrows}
        if self.op == "flag":
            part |= {"on": list(self.on), "off": list(self.off)}
        if self.events:
            part["events"] = list(self.events)
        if self.of is not None:
            part["of"] = self.of
        if self.dtype is not None:
            part["dtype"] = str(self.dtype)
        if self.function is not None:
            part |= {"function": digest_of(self.function), "initial": repr(self.initial)}
        if self.expression is not None:
            part["expression"] = self.expression.meta.serialize(format="json")
        return part

    def _check_code(self) -> None:
        if self.function is not None and not callable(self.function):
            raise ModelError(f"field {self.name!r}: {self.function!r} is no function")
        if self.expression is not None and not isinstance(self.expression, pl.Expr):
            told = f"field {self.name!r}: {self.expression!r} is no Polars expression"
            raise ModelError(told, hint='such as pl.col("spent") / 2')
        if self.expression is not None and not is_rowwise(self.expression):
            raise ModelError(
                f"field {self.name!r} is derived from other entities' values too: {self.expression}",
                hint="compute it from the answer: as_of(…).with_columns(…)",
            )

    def _check_arrows(self) -> None:
        taken: set[tuple[str, str]] = set()
        for arrow in self.transitions:
            for source in arrow.sources:
                if (source, arrow.event) in taken:
                    raise ModelError(f"field {self.name!r}: two transitions leave {source!r} on {arrow.event!r}")
                taken.add((source, arrow.event))


_ALL_PARTS: Final = frozenset().union(*_PARTS.values())


@dataclass(frozen=True)
class Plan:
    """A model as frozen data.

    Args:
        name: what the model is called.
        rules: one per field, in declared order.
        created: event types that bring an entity into existence; empty: any relevant event does.
        deleted: event types that end its existence.
        order: ``occurred_at`` folds in order of (``occurred_at``, ``position``), ``recorded_at`` in
            order of (``settled_at``, ``position``).
        key: event type → dotted path of the member that names the entity; all other types belong to
            the entity that their ``stream`` names.

    Raises:
        ModelError: names taken twice or reserved, a type that both creates and deletes.
    """

    name: str
    rules: tuple[Rule, ...]
    created: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    order: Order = "occurred_at"
    key: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ModelError(f"{self.name}: order {self.order!r} is none of {', '.join(ORDERS)}")
        names = [rule.name for rule in self.rules]
        for name in names:
            if name in RESERVED or names.count(name) > 1:
                why = "is a name that answers use themselves" if name in RESERVED else "is declared twice"
                raise ModelError(f"{self.name}: field {name!r} {why}")
            if not name or "|" in name:
                raise ModelError(f"{self.name}: {name!r} cannot be the name of a field: it is empty, or has a |")
        if both := sorted(set(self.created) & set(self.deleted)):
            raise ModelError(f"{self.name}: {both[0]!r} cannot both create and delete")
        _check_texts(self.name, (*self.created, *self.deleted))
        self._check_key()

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The relevant event types, sorted: all others change nothing, not even existence."""
        named = [kind for rule in self.rules for kind in rule.types]
        return tuple(sorted({*named, *self.created, *self.deleted}))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, in declared order."""
        return tuple(rule.name for rule in self.rules)

    def rule(self, name: str) -> Rule:
        """Return the rule of a field.

        Raises:
            ModelError: there is no such field.
        """
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise ModelError(f"{self.name} has no field {name!r}", hint=f"its fields: {', '.join(self.fields)}")

    def only(self, fields: Iterable[str]) -> "Plan":
        """Return the plan of some fields (and what they are derived from) over the same entities.

        The relevant types stay the same: where any relevant event creates, all of them still do.
        """
        wanted: set[str] = set()
        queue = list(fields)
        while queue:
            rule = self.rule(queue.pop())
            if rule.name not in wanted:
                wanted.add(rule.name)
                queue += rule.expression.meta.root_names() if rule.expression is not None else []
        return replace(
            self,
            rules=tuple(rule for rule in self.rules if rule.name in wanted),
            created=self.created or tuple(kind for kind in self.types if kind not in self.deleted),
        )

    def _check_key(self) -> None:
        if not isinstance(self.key, Mapping):
            raise ModelError(f"{self.name}: key is {self.key!r}", hint='key={"OrderPlaced": "order.id"}')
        _check_texts(self.name, tuple(self.key))
        for kind, path in self.key.items():
            if not _is_path(path):
                raise ModelError(f"{self.name}: the key of {kind!r} is {path!r}, which is not a dotted path")

    @classmethod
    def from_dict(cls, model: Mapping[str, Any]) -> "Plan":
        """Return the plan that plain data describes, in the form that `to_dict` gives.

        Raises:
            ModelError: unknown or missing members, or ops that only Python can say (``reduce``, ``derive``).
        """
        if unknown := sorted(set(model) - {"name", "order", "created", "deleted", "key", "fields"}):
            raise ModelError(f"a model has no member {unknown[0]!r}")
        return cls(
            name=str(model.get("name", "Model")),
            rules=tuple(_rule_from_dict(rule) for rule in model.get("fields", [])),
            created=_texts(model.get("created", ())),
            deleted=_texts(model.get("deleted", ())),
            order=model.get("order", "occurred_at"),
            key=dict(model.get("key") or {}),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data: JSON can hold it, and `from_dict` takes it back."""
        return {
            "name": self.name,
            "order": self.order,
            "created": list(self.created),
            "deleted": list(self.deleted),
            "key": dict(self.key),
            "fields": [rule.to_dict() for rule in self.rules],
        }

    def fingerprint(self) -> str:
        """Return a digest of all that answers depend on: it keys every cache of folded state."""
        meaning = {part: value for part, value in self.to_dict().items() if part != "name"}
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:32]


def _rule_from_dict(rule: Mapping[str, Any]) -> Rule:
    name, op = rule.get("name"), rule.get("op")
    if not isinstance(name, str) or not isinstance(op, str):
        raise ModelError(f"a field needs a name and an op: {dict(rule)!r}")
    if op in ("reduce", "derive"):
        raise ModelError(f"field {name!r}: {op} is code; write the model in Python")
    known = {"name", "op", "events", "of", "on", "off", "initial", "transitions", "dtype"}
    if unknown := sorted(set(rule) - known):
        raise ModelError(f"field {name!r}: {op} does not take {', '.join(unknown)}")
    return Rule(
        name=name,
        op=op,  # type: ignore[arg-type]  # checked by Rule against the closed set
        events=_texts(rule.get("events", ())),
        of=rule.get("of"),
        on=_texts(rule.get("on", ())),
        off=_texts(rule.get("off", ())),
        initial=rule.get("initial"),
        transitions=tuple(_arrow(name, arrow) for arrow in rule.get("transitions", ())),
        dtype=dtype_of(rule.get("dtype")),
    )


def _arrow(name: str, arrow: Any) -> Transition:
    if not isinstance(arrow, Mapping) or set(arrow) != {"from", "event", "to"}:
        raise ModelError(f"field {name!r}: a transition has from, event and to: {arrow!r}")
    return Transition(_texts(arrow["from"]), arrow["event"], arrow["to"])


def _texts(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _check_texts(whose: str, types: tuple[Any, ...]) -> None:
    """See that event types are texts."""
    for kind in types:
        if not isinstance(kind, str):
            raise ModelError(f"{whose}: {kind!r} is no event type", hint='event types are texts: "A", "B"')


def _is_path(path: Any) -> bool:
    return isinstance(path, str) and all(path.split("."))


def _is_given(part: Any) -> bool:
    return part is not None and (not isinstance(part, tuple) or part != ())


def _nearest_op(op: str) -> str:
    return f"the ops are {', '.join(get_args(Op))}" + (f" (not {op})" if op else "")
