"""The write side: streams of events in SQLite or PostgreSQL, appended with optimistic concurrency.

```python
import eventsource as es
from eventsource.store import NO_STREAM

store = es.EventStore("sqlite:///shop.db")
version = store.append("order-17", [{"type": "OrderPlaced", "amount": 10}], expected_version=NO_STREAM)
store.append("order-17", [{"type": "OrderPaid"}], expected_version=version)
[event.type for event in store.read("order-17")]      # ["OrderPlaced", "OrderPaid"]
```

``es.source("sqlite:///shop.db")`` reads such a store, so that `Log.pull` copies it into a log. The page
about formats describes the table.
"""

from typing import Final

from eventsource.store._database import Presence
from eventsource.store._events import StoredEvent
from eventsource.store._store import Append, EventStore, Stream

__all__ = ["EXISTS", "NO_STREAM", "Append", "EventStore", "StoredEvent", "Stream"]

NO_STREAM: Final = Presence.NO_STREAM
"""Expects that a stream has no event."""

EXISTS: Final = Presence.EXISTS
"""Expects that a stream has at least one event."""
