"""Plans: what a model means, as plain frozen data that every engine reads.

A `Plan` says which events matter, in which order they fold, to which entity they belong and, with one `Rule` per
field, what they do to it. Engines read plans and nothing else; `eventsource.Model` is a convenient way to write
one.
"""

from eventsource.operations import Of, Op, Pii, Rounding, Rule, Transition, is_rowwise
from eventsource.plan._dtypes import dtype_of
from eventsource.plan._plan import ORDERS, RESERVED, Order, Plan

__all__ = [
    "ORDERS",
    "RESERVED",
    "Of",
    "Op",
    "Order",
    "Pii",
    "Plan",
    "Rounding",
    "Rule",
    "Transition",
    "dtype_of",
    "is_rowwise",
]
