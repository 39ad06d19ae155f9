"""Analytics and reporting for event-sourced systems: a state is the fold of events up to a moment.

```python
import eventsource as es

log = es.Log("data/log")
log.pull(es.source("data/raw/*.jsonl.gz"))
customers = es.Timeline(log, Customer)
customers.as_of("2024-06-30")
```
"""

from eventsource.errors import EventsourceError
from eventsource.log import Log
from eventsource.model import (
    Model,
    count,
    derive,
    distinct,
    first,
    flag,
    largest,
    latest,
    reduce,
    smallest,
    states,
    total,
)
from eventsource.plan import Plan
from eventsource.readmodel import ReadModel
from eventsource.snapshots import SnapshotPolicy
from eventsource.sources import source
from eventsource.timeline import Timeline

__all__ = [
    "EventsourceError",
    "Log",
    "Model",
    "Plan",
    "ReadModel",
    "SnapshotPolicy",
    "Timeline",
    "count",
    "derive",
    "distinct",
    "first",
    "flag",
    "largest",
    "latest",
    "reduce",
    "smallest",
    "source",
    "states",
    "total",
]
