"""The base class of models: the class statement turns fields into a plan."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from eventsource.errors import ModelError
from eventsource.messages import suggestion
from eventsource.model._fields import Field
from eventsource.model._names import Names, names_of
from eventsource.plan import Order, Plan, Rule

__all__ = ["Model", "plan_of"]

_KEYWORDS: Final = ("created", "deleted", "order", "key", "ignored", "pii_ids")


class Model:
    """Base class of models; the keywords of the class statement say when an entity exists.

    A model inherits the fields of its base class, and the keywords that it does not give itself.

    Args:
        created: event types that bring an entity into existence; empty: any relevant event does.
        deleted: event types that end its existence.
        order: ``"occurred_at"`` (valid time, the default) or ``"recorded_at"``: by ``settled_at``, then position.
            ``settled_at`` is the clock of the stream, the latest ``recorded_at`` of its events so far.
        key: event type → dotted path of the member that names the entity.
        ignored: event types that no field names on purpose: without this, a warning names those that entities of
            the model have. ``"*"``: all others.
        pii_ids: whether the ids of the entities are personal, see the page Reports; default: no.

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
        ignored: Names = (),
        pii_ids: bool | None = None,
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
            created=names_of(created) or cls.plan.created,
            deleted=names_of(deleted) or cls.plan.deleted,
            order=order or cls.plan.order,
            ignored=names_of(ignored) or cls.plan.ignored,
            pii_ids=cls.plan.pii_ids if pii_ids is None else pii_ids,
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
