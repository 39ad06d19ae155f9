"""Decoding: payload members as typed columns, and events clustered by entity and time."""

from eventsource.decode.clustered import FOLD_ORDER, Clustered, Picked, Rows, Touches, bisected, ranges
from eventsource.decode.payload import Member, Members, member_columns, present, resolve, shred

__all__ = [
    "FOLD_ORDER",
    "Clustered",
    "Member",
    "Members",
    "Picked",
    "Rows",
    "Touches",
    "bisected",
    "member_columns",
    "present",
    "ranges",
    "resolve",
    "shred",
]
