"""Decoding: payload members as typed columns, and events clustered by entity and time.

A payload value takes two steps. `decode_events` turns payload texts into columns, one for each member *and kind*
of JSON value; the index stores these columns. When a question reads them, `values_of` makes one column of each
member. See `eventsource.decode.columns` for the columns, `eventsource.decode.values` for the rule for dtypes, and
`eventsource.decode.clustered` for the order of rows.
"""

from eventsource.decode._arrays import Integers, Mask, RowNumbers, bisect_right
from eventsource.decode._fold_order import FOLD_ORDER, sort_in_fold_order
from eventsource.decode._kinds import BAD_KEY, INTEGERS, NULL, NUMBERS, UNFIT, VALUE
from eventsource.decode._paths import PathDecoder
from eventsource.decode._selection import Selection
from eventsource.decode._type_decoder import TypeDecoder
from eventsource.decode._with_tail import WithTail, merge_events
from eventsource.decode.clustered import Clustered
from eventsource.decode.columns import (
    ColumnFacts,
    column_facts,
    decode_events,
    entity_ids,
    join_facts,
    kind_columns,
    non_empty_columns,
    nothing_decoded,
)
from eventsource.decode.conditions import Condition
from eventsource.decode.members import Alternatives, Decoders, Member, Members
from eventsource.decode.values import (
    GROUPS,
    Digits,
    dtype_of_kinds,
    group_of,
    json_of,
    kinds_of,
    nulls_of,
    values_of,
)

__all__ = [
    "BAD_KEY",
    "FOLD_ORDER",
    "GROUPS",
    "INTEGERS",
    "NULL",
    "NUMBERS",
    "UNFIT",
    "VALUE",
    "Alternatives",
    "Clustered",
    "ColumnFacts",
    "Condition",
    "Decoders",
    "Digits",
    "Integers",
    "Mask",
    "Member",
    "Members",
    "PathDecoder",
    "RowNumbers",
    "Selection",
    "TypeDecoder",
    "WithTail",
    "bisect_right",
    "column_facts",
    "decode_events",
    "dtype_of_kinds",
    "entity_ids",
    "group_of",
    "join_facts",
    "json_of",
    "kind_columns",
    "kinds_of",
    "merge_events",
    "non_empty_columns",
    "nothing_decoded",
    "nulls_of",
    "sort_in_fold_order",
    "values_of",
]
