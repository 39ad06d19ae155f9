"""Models: how a person says what an entity is.

```python
class Customer(es.Model, created="CustomerCreated", deleted="CustomerDeleted"):
    city = es.latest("CustomerCreated", "BillingAddressChanged", of="address.city")
    premium = es.flag(on="PremiumPlanBought", off=("PremiumPlanCancelled", "PremiumPlanExpired"))
    spent = es.total("PurchaseMade", of="amount")
```

Each function returns a frozen `Field`; the class statement turns them into a `Plan`, in declared order.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

import polars as pl

from eventsource.errors import ModelError
from eventsource.messages import suggestion
from eventsource.plan import Op, Order, Plan, Rule, Transition, dtype_of

__all__ = [
    "Field",
    "Model",
    "count",
    "derive",
    "distinct",
    "first",
    "flag",
    "largest",
    "latest",
    "plan_of",
    "reduce",
    "smallest",
    "states",
    "total",
]

Names = str | Iterable[str]

_TRIPLES: Final = 'transitions are triples: [("new", "OrderPaid", "paid"), …]'
_KEYWORDS: Final = ("created", "deleted", "order", "key")


class Field:
    """One field of a model before it has a name: an op and its parts."""

    __slots__ = ("name", "op", "parts")

    def __init__(self, op: Op, **parts: Any) -> None:
        self.op, self.parts, self.name = op, parts, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        parts = ", ".join(f"{part}={value!r}" for part, value in self.parts.items() if value)
        return f"{self.op}({parts})"

    def rule(self) -> Rule:
        """Return the rule of this field, under the name that its class gave it."""
        return Rule(name=self.name, op=self.op, **self.parts)


def latest(*events: str, of: str | None = None, dtype: Any = None) -> Any:
    """Return a field that holds the value in the last of its events.

    Args:
        events: the event types that carry the value.
        of: dotted path of the payload member; None: the moment of the event itself. A member that is
            absent leaves the value as it was, an explicit null sets null (RFC 7396).
        dtype: a Polars dtype to hold the value in; default: the one that the values have.
    """
    return Field("latest", events=events, of=of, dtype=dtype_of(dtype))


def first(*events: str, of: str | None = None, dtype: Any = None) -> Any:
    """Return a field that holds the value in the first of its events; arguments as for `latest`."""
    return Field("first", events=events, of=of, dtype=dtype_of(dtype))


def flag(*, on: Names, off: Names = ()) -> Any:
    """Return a field that is true after an ``on`` event, false after an ``off`` event and before both."""
    return Field("flag", on=_names(on), off=_names(off))


def count(*events: str) -> Any:
    """Return a field that counts its events."""
    return Field("count", events=events)


def total(*events: str, of: str, dtype: Any = None) -> Any:
    """Return a field that sums a member; null adds nothing, 0 at first.

    Integers are exact in 64 bits, beyond that a `FoldError`. Decimals (``dtype=pl.Decimal(18, 2)``)
    are read digit by digit from the payload. Sums of floats are the exact sum, rounded once.
    """
    return Field("total", events=events, of=of, dtype=dtype_of(dtype))


def smallest(*events: str, of: str, dtype: Any = None) -> Any:
    """Return a field that holds the smallest value of a member so far; null is passed over."""
    return Field("smallest", events=events, of=of, dtype=dtype_of(dtype))


def largest(*events: str, of: str, dtype: Any = None) -> Any:
    """Return a field that holds the largest value of a member so far; null is passed over."""
    return Field("largest", events=events, of=of, dtype=dtype_of(dtype))


def distinct(*events: str, of: str, dtype: Any = None) -> Any:
    """Return a field that holds the set of a member's values as a sorted list; null is passed over."""
    return Field("distinct", events=events, of=of, dtype=dtype_of(dtype))


def states(initial: str, transitions: Iterable[tuple[Names, str, str]]) -> Any:
    """Return a field that follows a state machine.

    Args:
        initial: the state before any event.
        transitions: ``(from, event, to)``, ``from`` one state or several. An event without a
            transition from the present state changes nothing.

    Raises:
        ModelError: something that is no transition. At the class statement: two transitions that leave one state
            on one event, or one from a state that can never be.
    """
    if isinstance(transitions, str | Mapping) or not isinstance(transitions, Iterable):
        raise ModelError(f"{transitions!r} holds no transitions", hint=_TRIPLES)
    return Field("states", initial=initial, transitions=tuple(map(_transition, transitions)))


def reduce(function: Callable[[Any, Any], Any], *events: str, initial: Any = None, dtype: Any = None) -> Any:
    """Return a field folded by a Python function, the slow path for what no other op says.

    Args:
        function: ``(state, event) -> state``; it must return a new state and change nothing.
            ``event`` has ``type``, ``at``, ``position``, ``event_id`` and ``data`` (a dict).
        events: the event types it is called for, in fold order.
        initial: the state before any event.
        dtype: the dtype of the field; default: the one that Polars finds for the values.
    """
    return Field("reduce", function=function, events=events, initial=initial, dtype=dtype_of(dtype))


def derive(expression: pl.Expr) -> Any:
    """Return a field computed from the other fields of the same state.

    Args:
        expression: a row-wise Polars expression, such as ``pl.col("spent") / pl.col("orders")``. It
            may use fields declared before it.
    """
    return Field("derive", expression=expression)


class Model:
    """Base class of models; the keywords of the class statement say what the fields do not.

    A model that inherits from another has its fields too, and its keywords where it gives none of its own.

    Args:
        created: event types that bring an entity into existence; empty: any relevant event does.
        deleted: event types that end its existence.
        order: ``"occurred_at"`` (valid time, the default) or ``"recorded_at"`` (the log's own order).
        key: event type → dotted path of the member that names the entity.

    Attributes:
        plan: the `Plan` that the class statement made.

    Raises:
        ModelError: at the class statement: a keyword that is none of these, a field that contradicts itself, or a
            model that says of no event what it means.
    """

    plan: ClassVar[Plan] = Plan("Model", ())

    def __init_subclass__(
        cls,
        *,
        created: Names = (),
        deleted: Names = (),
        order: Order | None = None,
        key: Mapping[str, str] | None = None,
        **unknown: Any,
    ) -> None:
        _check_keywords(cls, unknown)
        super().__init_subclass__()
        if isinstance(cls.plan, Field):
            raise ModelError(f"{cls.__name__}: a field cannot be called 'plan'", hint="Model.plan is its plan")
        inherited = {rule.name: rule for rule in cls.plan.rules}
        own = {name: value.rule() for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.plan = Plan(
            name=cls.__name__,
            rules=tuple((inherited | own).values()),
            created=_names(created) or cls.plan.created,
            deleted=_names(deleted) or cls.plan.deleted,
            order=order or cls.plan.order,
            key=dict(key) if isinstance(key, Mapping) and key else key or cls.plan.key,
        )
        _check_meaning(cls.plan)


def plan_of(model: type[Model] | Plan) -> Plan:
    """Return the plan of a model, or the plan itself.

    Raises:
        ModelError: it is neither.
    """
    if isinstance(model, Plan):
        return model
    if isinstance(model, type) and issubclass(model, Model):
        return model.plan
    raise ModelError(f"{model!r} is neither a Model class nor a Plan", hint="class Customer(es.Model): …")


def _names(names: Names) -> tuple[str, ...]:
    if not isinstance(names, str | Iterable):
        raise ModelError(f"{names!r} is no name", hint="a text, or several of them")
    return (names,) if isinstance(names, str) else tuple(names)


def _transition(arrow: Any) -> Transition:
    try:
        sources, event, target = arrow
        return Transition(_names(sources), event, target)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{arrow!r} is no transition", hint=_TRIPLES) from error


def _check_keywords(model: type, unknown: Mapping[str, Any]) -> None:
    for name in unknown:
        raise ModelError(f"{model.__name__}: a model takes no {name!r}", hint=suggestion(name, _KEYWORDS))


def _check_meaning(plan: Plan) -> None:
    """See that a model means something, and that each state of its machines can come to be."""
    if not (plan.rules or plan.created or plan.deleted or plan.key):
        raise ModelError(
            f"{plan.name} has no fields", hint='a field is such as name = es.latest("CustomerCreated", of="name")'
        )
    for rule in (rule for rule in plan.rules if rule.transitions):
        reached = _reached(rule)
        for source in (source for arrow in rule.transitions for source in arrow.sources):
            if source not in reached:
                raise ModelError(
                    f"{plan.name}: field {rule.name!r}: no transition leads to {source!r}",
                    hint=f"from {rule.initial!r} on, it can be {', '.join(map(repr, sorted(reached)))}",
                )


def _reached(rule: Rule) -> set[str]:
    """Return the states that a machine can ever be in."""
    reached, before = {rule.initial}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {arrow.target for arrow in rule.transitions if reached & set(arrow.sources)}
    return reached
