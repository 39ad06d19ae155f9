"""Plans and rules as plain data, and back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from eventsource.errors import ModelError
from eventsource.messages import suggestion
from eventsource.operations import OPERATIONS, Of, Rule, Transition, expression_text
from eventsource.plan._digest import digest_of
from eventsource.plan._dtypes import dtype_of

__all__ = ["looks_to_dict", "plan_parts", "rule_to_dict"]

_PLAN: Final = ("name", "order", "created", "deleted", "key", "ignored", "pii_ids", "fields")
_LOOKS: Final = ("label", "format", "pii")
_RULE: Final = (
    "name",
    "op",
    "events",
    "of",
    "on",
    "off",
    "initial",
    "transitions",
    "dtype",
    "rounding",
    *_LOOKS,
)
_TRANSITION: Final = {"from", "event", "to"}


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Return a rule as plain data; the code of ``reduce`` and ``derive`` as a digest."""
    part: dict[str, Any] = {"name": rule.name, "op": rule.op}
    if rule.transitions:
        transitions = [
            {"from": list(each.sources), "event": each.event, "to": each.target} for each in rule.transitions
        ]
        part |= {"initial": rule.initial, "transitions": transitions}
    if "on" in rule.operation.takes:
        part |= {"on": list(rule.on), "off": list(rule.off)}
    if rule.events:
        part["events"] = list(rule.events)
    if rule.of is not None:
        part["of"] = _plain_of(rule.of)
    if rule.dtype is not None:
        part["dtype"] = str(rule.dtype)
    if rule.rounding is not None:
        part["rounding"] = rule.rounding
    if rule.function is not None:
        part |= {"function": digest_of(rule.function), "initial": repr(rule.initial)}
    if rule.expression is not None:
        part["expression"] = expression_text(f"field {rule.name!r}", rule.expression)
    if rule.where is not None:
        part["where"] = expression_text(f"field {rule.name!r}", rule.where)
    return part


def looks_to_dict(rule: Rule) -> dict[str, Any]:
    """Return what a rule says about how its field is shown, as plain data; empty: nothing."""
    given = {name: getattr(rule, name) for name in _LOOKS}
    return {name: value for name, value in given.items() if value not in ("", None)}


def _plain_of(of: Of) -> Any:
    if isinstance(of, Mapping):
        return {type_: _plain_of(paths) for type_, paths in of.items()}
    return of if isinstance(of, str) else list(of)


def plan_parts(model: Any) -> dict[str, Any]:
    """Return the arguments of the `Plan` that plain data describes.

    Raises:
        ModelError: the data has another form.
    """
    if not isinstance(model, Mapping):
        raise ModelError(f"expected a model as an object, got {model!r}", hint=f"its members: {', '.join(_PLAN)}")
    for member in model:
        if member not in _PLAN:
            raise ModelError(f"a model has no member {member!r}", hint=suggestion(str(member), _PLAN))
    fields = model.get("fields", ())
    return {
        "name": str(model.get("name", "Model")),
        "rules": tuple(_rule_from_dict(rule) for rule in _list(fields, "fields", "objects")),
        "created": _texts(model.get("created"), "created"),
        "deleted": _texts(model.get("deleted"), "deleted"),
        "order": model.get("order", "occurred_at"),
        "ignored": _texts(model.get("ignored"), "ignored"),
        "pii_ids": model.get("pii_ids", False),
        "key": {} if model.get("key") is None else model["key"],
    }


def _rule_from_dict(rule: Any) -> Rule:
    if not isinstance(rule, Mapping) or not all(isinstance(rule.get(part), str) for part in ("name", "op")):
        hint = '{"name": "spent", "op": "total", "events": ["Paid"], "of": "amount"}'
        raise ModelError(f"expected a field with a name and an op, got {rule!r}", hint=hint)
    name, op = rule["name"], rule["op"]
    where = f"field {name!r}"
    if op in OPERATIONS and not OPERATIONS[op].takes <= {*_RULE, "where"}:
        raise ModelError(
            f"{where}: {op} is Python code, which plain data cannot hold", hint="write it as an es.Model"
        )
    if "where" in rule:
        raise ModelError(
            f"{where}: where is a Polars expression, which plain data cannot hold", hint="write it as an es.Model"
        )
    if unknown := sorted(map(str, set(rule) - set(_RULE))):
        raise ModelError(f"{where}: {op} does not take {', '.join(unknown)}", hint=suggestion(unknown[0], _RULE))
    return Rule(
        name=name,
        op=op,
        events=_texts(rule.get("events"), where),
        of=rule.get("of"),
        on=_texts(rule.get("on"), where),
        off=_texts(rule.get("off"), where),
        initial=rule.get("initial"),
        transitions=tuple(
            _transition_from_dict(where, each) for each in _list(rule.get("transitions"), where, "transitions")
        ),
        dtype=dtype_of(rule.get("dtype")),
        rounding=rule.get("rounding"),
        label=rule.get("label", ""),
        format=rule.get("format", ""),
        pii=rule.get("pii"),
    )


def _transition_from_dict(where: str, members: Any) -> Transition:
    if not isinstance(members, Mapping) or set(members) != _TRANSITION:
        raise ModelError(
            f"{where}: expected a transition with from, event and to, got {members!r}",
            hint='{"from": ["new"], "event": "OrderPaid", "to": "paid"}',
        )
    return Transition(_texts(members["from"], where), members["event"], members["to"])


def _texts(names: Any, where: str) -> tuple[str, ...]:
    """Return one text or a list of texts as a tuple; what the list holds is checked by `Rule` and `Plan`."""
    return (names,) if isinstance(names, str) else tuple(_list(names, where, "texts"))


def _list(values: Any, where: str, what: str) -> Sequence[Any]:
    if values is None:
        return ()
    if not isinstance(values, list | tuple):
        raise ModelError(f"{where}: expected a list of {what}, got {values!r}", hint="write it in [ ]")
    return values
