"""The plan of a model: which events matter, how they are ordered, to whom they belong, and one rule per field."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from eventsource.errors import ModelError
from eventsource.event import CORRECTIONS
from eventsource.messages import suggestion
from eventsource.operations import Pii, Rule, check_event_types, checked_path, searched_columns
from eventsource.plan._serialise import looks_to_dict, plan_parts, rule_to_dict
from eventsource.texts import is_text

__all__ = ["ORDERS", "RESERVED", "Order", "Plan"]

Order = Literal["occurred_at", "recorded_at"]

ORDERS: Final = get_args(Order)
ALL: Final = "*"
"""All other event types, among those that a plan ignores."""

RESERVED: Final = frozenset({"entity", "as_of", "valid_from", "valid_to"})
"""Names of columns in answers; no field may have one."""

_WITHOUT_MEANING: Final = ("name", "ignored", "pii_ids")
"""Parts of a plan that change no answer."""

_TYPES: Final = (("created", '"Joined",'), ("deleted", '"Left",'))


class Plan(Struct, frozen=True, dict=True):
    """A model (a projection) as frozen data.

    Args:
        name: the name of the model.
        rules: one per field, in declared order.
        created: event types that bring an entity into existence; empty: any relevant event does.
        deleted: event types that end its existence.
        order: ``occurred_at`` folds in order of (``occurred_at``, ``version``, ``position``), ``recorded_at``
            in order of (``settled_at``, ``version``, ``position``). Versions count only for events that belong
            to the entity of their stream; events without one come first.
        key: event type → dotted path of the member that names the entity; all other types belong to
            the entity that their ``stream`` names.
        ignored: event types that no field names on purpose, so that nothing warns of them; ``*``: all others. They
            change no answer, and are not part of the fingerprint.
        pii_ids: whether the ids of the entities are personal: readers who may not see them get pseudonyms. Not
            part of the fingerprint either, as are the label, the format and ``pii`` of a rule.

    Raises:
        ModelError: a field's name is reserved or used twice, or an event type both creates and deletes.
    """

    name: str
    rules: tuple[Rule, ...]
    created: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    order: Order = "occurred_at"
    key: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    pii_ids: bool = False

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ModelError(f"{self.name}: expected order {' or '.join(ORDERS)}, got {self.order!r}")
        self._check_parts()
        self._check_names()
        if not isinstance(self.pii_ids, bool):
            raise ModelError(f"{self.name}: expected pii_ids to be True or False, got {self.pii_ids!r}")
        check_event_types(self.name, (*self.created, *self.deleted, *self.ignored))
        if both := sorted(set(self.created) & set(self.deleted)):
            raise ModelError(
                f"{self.name}: {both[0]!r} cannot both create and delete",
                hint="remove it from created or from deleted",
            )
        self._check_key()
        self._check_searches()

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The event types that the plan names, sorted.

        They are the relevant ones: all others change nothing, not even existence. If a field is of all types
        (`reads_all_types`), every event is relevant.
        """
        named = [type_ for rule in self.rules for type_ in rule.types]
        return tuple(sorted({*named, *self.created, *self.deleted}))

    @cached_property
    def creating_types(self) -> tuple[str, ...]:
        """The named types whose events create an entity. If `reads_all_types`, those of others may, too."""
        return self.created or tuple(type_ for type_ in self.types if type_ not in self.deleted)

    def creates(self, type_: str) -> bool:
        """Return whether a relevant event of a type creates its entity, if that does not exist."""
        return type_ in self.created if self.created else type_ not in self.deleted

    @cached_property
    def reads_all_types(self) -> bool:
        """Whether events of every type are relevant, because a field is of all types."""
        return any(rule.is_of_all_types for rule in self.rules)

    @property
    def names_all_types(self) -> bool:
        """Whether no type of event can be unnamed: a field is of all types, or all others are ignored."""
        return self.reads_all_types or ALL in self.ignored

    def unnamed_types(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the types that the plan neither names nor ignores: type → events, most events first.

        Args:
            counts: type → events, of all types of a log. Corrections belong to no model.
        """
        if self.names_all_types:
            return {}
        known = {*self.types, *self.ignored, *CORRECTIONS}
        others = [(name, count) for name, count in counts.items() if name not in known]
        return dict(sorted(others, key=lambda pair: (-pair[1], pair[0])))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, in declared order."""
        return tuple(rule.name for rule in self.rules)

    @cached_property
    def folded(self) -> tuple[Rule, ...]:
        """The rules of the fields that events touch: all but the derived ones."""
        return tuple(rule for rule in self.rules if not rule.is_derived)

    @cached_property
    def pii(self) -> dict[str, Pii]:
        """The columns of answers that are personal, and what readers get who may not see them.

        A derived field is as personal as the fields that it is computed from, unless it says ``pii=False``.
        """
        found: dict[str, Pii] = {"entity": "pseudonym"} if self.pii_ids else {}
        for rule in self.rules:
            if rule.pii:
                found[rule.name] = "mask" if rule.pii is True else rule.pii
            elif rule.pii is None and found.keys() & _roots(rule):
                found[rule.name] = "mask"
        return found

    def rule(self, name: str) -> Rule:
        """Return the rule of a field.

        Raises:
            ModelError: the field does not exist.
        """
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise ModelError(f"{self.name}: the field {name!r} does not exist", hint=suggestion(name, self.fields))

    def only(self, fields: Iterable[str]) -> "Plan":
        """Return the plan of some fields, and of the fields that they are derived from, over the same entities.

        The relevant types stay the same: where any relevant event creates an entity, all of them still do. Where
        all types are relevant, the events decide, see `eventsource.fold.Events`.
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
            created=self.created if self.reads_all_types else self.creating_types,
        )

    @classmethod
    def from_dict(cls, model: Mapping[str, Any]) -> "Plan":
        """Return the plan that plain data describes, in the form that `to_dict` returns.

        Raises:
            ModelError: the data has another form, or holds what may be Python code: ``reduce``, ``derive`` or a
                condition (``where``). Data from elsewhere must not bring code in.
        """
        return cls(**plan_parts(model))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data that JSON can hold; `from_dict` reads it.

        The code of a ``reduce`` is replaced by a digest. `from_dict` refuses it, and the expressions of ``derive``
        and of conditions.
        """
        plain = {
            "name": self.name,
            "order": self.order,
            "created": list(self.created),
            "deleted": list(self.deleted),
            "key": dict(self.key),
            "fields": [rule_to_dict(rule) | looks_to_dict(rule) for rule in self.rules],
        }
        more = {"ignored": list(self.ignored), "pii_ids": self.pii_ids}
        return plain | {name: value for name, value in more.items() if value}

    def fingerprint(self) -> str:
        """Return a digest of everything that answers depend on. It keys every cache of folded state."""
        meaning = {part: value for part, value in self.to_dict().items() if part not in _WITHOUT_MEANING}
        meaning["fields"] = [rule_to_dict(rule) for rule in self.rules]
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:32]

    def _check_parts(self) -> None:
        """Check that what should be several rules or several event types is a tuple or a list of them."""
        for part, example in (("rules", 'Rule(name="visits", op="count", events=("Visited",)),'), *_TYPES):
            if not isinstance(getattr(self, part), tuple | list):
                raise ModelError(
                    f"{self.name}: expected {part} as a tuple, got {getattr(self, part)!r}", hint=f"({example})"
                )
        for rule in self.rules:
            if not isinstance(rule, Rule):
                raise ModelError(
                    f"{self.name}: expected a Rule per field, got {rule!r}", hint="Plan.from_dict reads plain data"
                )

    def _check_names(self) -> None:
        names = [rule.name for rule in self.rules]
        for name in names:
            if not name or "|" in name or not is_text(name):
                raise ModelError(
                    f"{self.name}: expected a field name without |, got {name!r}", hint='such as "city"'
                )
            if name in RESERVED:
                raise ModelError(
                    f"{self.name}: a field cannot be called {name!r}: answers have a column of that name",
                    hint=f"such as {name}_",
                )
            if names.count(name) > 1:
                raise ModelError(f"{self.name}: the field {name!r} is declared twice", hint="rename one of them")

    def _check_searches(self) -> None:
        """Check that ``is_in`` of derived fields searches lists: of other columns it would search all entities."""
        lists = {rule.name for rule in self.rules if rule.operation.is_list}
        for rule in self.rules:
            if rule.expression is None:
                continue
            if others := sorted(searched_columns(rule.expression) - lists):
                raise ModelError(
                    f"{self.name}: field {rule.name!r}: is_in searches {others[0]!r} of all entities, "
                    "since it holds no lists",
                    hint='compare them: pl.col("a") == pl.col("b")',
                )

    def _check_key(self) -> None:
        if not isinstance(self.key, Mapping):
            raise ModelError(
                f"{self.name}: expected a key per event type, got {self.key!r}",
                hint='key={"OrderPlaced": "order.id"}',
            )
        check_event_types(self.name, self.key)
        for type_, path in self.key.items():
            checked_path(f"{self.name}: key of {type_!r}", path)


def _roots(rule: Rule) -> set[str]:
    """Return the fields that a derived field is computed from."""
    return set() if rule.expression is None else set(rule.expression.meta.root_names())
