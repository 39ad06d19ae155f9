"""Decoding: payload members as typed columns, and events clustered by entity and time.

A payload value takes two steps. `decode_events` turns payload texts into columns, one for each member *and kind*
of JSON value; the index stores these columns. When a question reads them, `unify_kinds` makes one column of each
member. See `eventsource.decode.columns` for the columns and the rule for dtypes, and
`eventsource.decode.clustered` for the order of rows.
"""

from eventsource.decode._arrays import Integers, Mask, RowNumbers, bisect_right
from eventsource.decode._selection import Selection
from eventsource.decode._type_decoder import TypeDecoder
from eventsource.decode.clustered import FOLD_ORDER, Clustered, WithTail, sort_in_fold_order
from eventsource.decode.columns import (
    decode_events,
    entity_ids,
    kind_columns,
    no_events,
    non_empty_columns,
    unify_kinds,
)
from eventsource.decode.conditions import Condition
from eventsource.decode.members import Alternatives, Member, Members

__all__ = [
    "FOLD_ORDER",
    "Alternatives",
    "Clustered",
    "Condition",
    "Integers",
    "Mask",
    "Member",
    "Members",
    "RowNumbers",
    "Selection",
    "TypeDecoder",
    "WithTail",
    "bisect_right",
    "decode_events",
    "entity_ids",
    "kind_columns",
    "no_events",
    "non_empty_columns",
    "sort_in_fold_order",
    "unify_kinds",
]
