"""Models: how a person writes what an entity is (a projection of events).

```python
class Customer(es.Model, created="CustomerCreated", deleted="CustomerDeleted"):
    city = es.latest("CustomerCreated", "BillingAddressChanged", of="address.city")
    premium = es.flag(on="PremiumPlanBought", off=("PremiumPlanCancelled", "PremiumPlanExpired"))
    spent = es.total("PurchaseMade", of="amount")
```

Each function returns a `Field`; the class statement turns the fields into a `Plan`, in declared order.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

import polars as pl

from eventsource.errors import ModelError
from eventsource.messages import suggestion
from eventsource.plan import Of, Op, Order, Plan, Rule, Transition, dtype_of

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
    "mean",
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
    """One field of a model before it has a name: an operation and its arguments."""

    __slots__ = ("arguments", "name", "op")

    def __init__(self, op: Op, **arguments: Any) -> None:
        self.op, self.arguments, self.name = op, arguments, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items() if value)
        return f"{self.op}({arguments})"

    def rule(self) -> Rule:
        """Return the rule of this field, under the name that the class statement gave it."""
        return Rule(name=self.name, op=self.op, **self.arguments)


def latest(*events: str, of: Of | None = None, dtype: Any = None) -> Any:
    """Return a field that holds the value in the last of its events.

    Args:
        events: the event types that carry the value.
        of: dotted path of the payload member; None: the moment of the event itself. A member that is
            absent leaves the value unchanged, an explicit null sets null (RFC 7396). A list of paths are
            alternatives, of which the first that is present counts (an explicit null is present). A dict of event
            type → path or alternatives reads something else of each type; a type without a path leaves the value
            unchanged. Its types are the events of the field where none are named.
        dtype: a Polars dtype to hold the value in; default: the dtype of the values.
    """
    return _reading("latest", events, of, dtype)


def first(*events: str, of: Of | None = None, dtype: Any = None) -> Any:
    """Return a field that holds the value in the first of its events; arguments as for `latest`."""
    return _reading("first", events, of, dtype)


def flag(*, on: Names, off: Names = ()) -> Any:
    """Return a field that is true after an ``on`` event, false after an ``off`` event and before both."""
    return Field("flag", on=_names(on), off=_names(off))


def count(*events: str) -> Any:
    """Return a field that counts its events."""
    return Field("count", events=events)


def total(*events: str, of: Of, dtype: Any = None) -> Any:
    """Return a field that sums a member; null adds nothing, 0 at first.

    Integers are exact in 64 bits; a larger sum is a `FoldError`. Decimals (``dtype=pl.Decimal(18, 2)``)
    are read digit by digit from the payload. A sum of floats is the exact sum, rounded once.
    """
    return _reading("total", events, of, dtype)


def mean(*events: str, of: Of, dtype: Any = None) -> Any:
    """Return a field that holds the mean of a member, as Float64; null is passed over, null at first.

    It is the exact sum divided by the count, rounded once, whether the member holds integers, decimals or floats.
    """
    return _reading("mean", events, of, dtype)


def smallest(*events: str, of: Of, dtype: Any = None) -> Any:
    """Return a field that holds the smallest value of a member so far; null is passed over, null at first."""
    return _reading("smallest", events, of, dtype)


def largest(*events: str, of: Of, dtype: Any = None) -> Any:
    """Return a field that holds the largest value of a member so far; null is passed over, null at first."""
    return _reading("largest", events, of, dtype)


def distinct(*events: str, of: Of, dtype: Any = None) -> Any:
    """Return a field that holds the set of a member's values as a sorted list; null is passed over."""
    return _reading("distinct", events, of, dtype)


def states(initial: str, transitions: Iterable[tuple[Names, str, str]]) -> Any:
    """Return a field that follows a state machine.

    Args:
        initial: the state before any event.
        transitions: ``(from, event, to)``, ``from`` one state or several. An event without a
            transition from the present state changes nothing.

    Raises:
        ModelError: a transition is not a triple. At the class statement: two transitions leave one state on the
            same event, or one leaves a state that no transition leads to.
    """
    if isinstance(transitions, str | Mapping) or not isinstance(transitions, Iterable):
        raise ModelError(f"expected transitions, got {transitions!r}", hint=_TRIPLES)
    return Field("states", initial=initial, transitions=tuple(map(_transition, transitions)))


def reduce(function: Callable[[Any, Any], Any], *events: str, initial: Any = None, dtype: Any = None) -> Any:
    """Return a field folded by a Python function: slow, for what no other operation computes.

    Args:
        function: ``(state, event) -> state``; it must return a new state and change no argument.
            ``event`` has ``type``, ``at``, ``position``, ``event_id`` and ``data`` (a dict).
        events: the event types it is called for, in fold order.
        initial: the state before any event.
        dtype: the dtype of the field; default: the dtype that Polars finds for the values.
            Without a dtype, snapshots cannot hold the field.
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
    """Base class of models; the keywords of the class statement say when an entity exists.

    A model inherits the fields of its base class, and the keywords that it does not give itself.

    Args:
        created: event types that bring an entity into existence; empty: any relevant event does.
        deleted: event types that end its existence.
        order: ``"occurred_at"`` (valid time, the default) or ``"recorded_at"``: by ``settled_at``, then position.
            ``settled_at`` is the clock of the stream, the latest ``recorded_at`` of its events so far.
        key: event type → dotted path of the member that names the entity.

    Attributes:
        plan: the `Plan` that the class statement builds.

    Raises:
        ModelError: at the class statement: a keyword is unknown, a field contradicts itself, or the model has no
            fields.
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
            raise ModelError(
                f"{cls.__name__}: a field cannot be called 'plan'", hint="Model.plan is the plan of the model"
            )
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
        ModelError: the argument is neither.
    """
    if isinstance(model, Plan):
        return model
    if isinstance(model, type) and issubclass(model, Model):
        return model.plan
    raise ModelError(f"expected a Model class or a Plan, got {model!r}", hint="class Customer(es.Model): …")


def _reading(op: Op, events: tuple[str, ...], of: Of | None, dtype: Any) -> Field:
    return Field(op, events=events, of=of, dtype=dtype_of(dtype))


def _names(names: Names) -> tuple[str, ...]:
    if not isinstance(names, str | Iterable):
        raise ModelError(f"expected one name or several, got {names!r}", hint='such as "A" or ("A", "B")')
    return (names,) if isinstance(names, str) else tuple(names)


def _transition(arrow: Any) -> Transition:
    try:
        sources, event, target = arrow
        return Transition(_names(sources), event, target)
    except (TypeError, ValueError) as error:
        raise ModelError(f"expected a transition, got {arrow!r}", hint=_TRIPLES) from error


def _check_keywords(model: type, unknown: Mapping[str, Any]) -> None:
    for name in unknown:
        raise ModelError(f"{model.__name__}: unknown keyword {name!r}", hint=suggestion(name, _KEYWORDS))


def _check_meaning(plan: Plan) -> None:
    """Check that a model has fields, and that each state of its machines can be reached."""
    if not (plan.rules or plan.created or plan.deleted or plan.key):
        raise ModelError(
            f"{plan.name} has no fields", hint='a field looks like name = es.latest("CustomerCreated", of="name")'
        )
    for rule in (rule for rule in plan.rules if rule.transitions):
        reached = _reached(rule)
        for source in (source for arrow in rule.transitions for source in arrow.sources):
            if source not in reached:
                raise ModelError(
                    f"{plan.name}: field {rule.name!r}: no transition leads to {source!r}",
                    hint=f"states reachable from {rule.initial!r}: {', '.join(map(repr, sorted(reached)))}",
                )


def _reached(rule: Rule) -> set[str]:
    """Return the states that a machine can reach."""
    reached, before = {rule.initial}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {arrow.target for arrow in rule.transitions if reached & set(arrow.sources)}
    return reached
