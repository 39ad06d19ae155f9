"""The write side in Cassandra: streams of events, appended with optimistic concurrency (lightweight transactions).

```text
events            partition (stream, bucket), row version     the events; a bucket has 10,000 versions
events_by_hour    partition hour, row recorded                what was about to be appended, and when: an *intent*
events_hours      partition name, row hour                    the hours that have intents
events_store      partition name                              the identity of this store
```

An append writes its intent first, then all of its rows in one conditional batch (``IF NOT EXISTS``). So every
event has an intent, and readers that follow the intents miss none. An intent without events is that of an append
that lost against another one, or of a writer that died. An append that took long writes another intent.
"""

from eventsource.store.cassandra._connection import Place, connected, place_of
from eventsource.store.cassandra._store import BUCKET, CassandraStore

__all__ = ["BUCKET", "CassandraStore", "Place", "connected", "place_of"]
