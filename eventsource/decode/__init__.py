"""Decoding: payload members as typed columns, and events clustered by entity and time."""

from eventsource.decode._arrays import Integers, Mask, RowNumbers, bisect_right, expand_ranges
from eventsource.decode.clustered import FOLD_ORDER, Clustered, Selection, WithTail
from eventsource.decode.payload import Member, Members, member_columns, present, resolve, shred

__all__ = [
    "FOLD_ORDER",
    "Clustered",
    "Integers",
    "Mask",
    "Member",
    "Members",
    "RowNumbers",
    "Selection",
    "WithTail",
    "bisect_right",
    "expand_ranges",
    "member_columns",
    "present",
    "resolve",
    "shred",
]
