"""One warning, once per timeline, about types of events that no field of the model names.

A forgotten type is simply not counted. But most logs hold more than one model reads, so a type is named only if
the stream of its first event is an entity of the model. Three types of a log, and a model that names ``Paid``:

    type       stream of the first       entities of the model     warned of
    Paid       ann                       ann, bob                  no: it is named
    Refunded   ann                                                 yes
    Restocked  shelf-7                                             no: the model has no such entity
"""

from typing import Final

import polars as pl

from eventsource.errors import UnnamedTypesWarning
from eventsource.event import EventLog
from eventsource.index import View
from eventsource.messages import counted, warn

__all__ = ["warn_of_unnamed_types"]

_MOST_TYPES: Final = 20
"""Types that are named at most, those with most events."""


def warn_of_unnamed_types(log: EventLog, view: View) -> None:
    """Warn of the types that occur in streams of the model's entities, but that no field names."""
    plan = view.parts.members.plan
    if not log.path or plan.names_all_types:
        return
    left_out = view.parts.left_out
    others = list(plan.unnamed_types({name: each.events for name, each in left_out.items()}))[:_MOST_TYPES]
    if not others:
        return
    streams = pl.Series([left_out[name].stream for name in others]).unique()
    entities = set(pl.concat(view.map(lambda events: events.clustered.entities, streams)))
    if found := [name for name in others if left_out[name].stream in entities]:
        listed = ", ".join(f"{name} ({counted(left_out[name].events, 'event')})" for name in found)
        message = f"{plan.name}: no field names these types of events, though entities of the model have them: "
        warn(f"{message}{listed}; if that is meant: ignored=… in the model", UnnamedTypesWarning)
