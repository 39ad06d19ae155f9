"""A test server for clients of KurrentDB: its gRPC protocol, over a log in memory.

It is not KurrentDB, which no package registry has. It follows the documented rules that matter to readers and to
writers with expected versions: streams, ``$all``, links, tombstones, soft deletion, ``$maxAge``, ``$maxCount``,
filters with checkpoints, catch-up subscriptions, credentials. What it lacks: persistent subscriptions, projections
other than ``$ce-``, clusters, scavenging by time.

Start it for other clients: ``python -m tests.services.kurrent --port 2113``.
"""

from tests.services.kurrent._server import Kurrent

__all__ = ["Kurrent"]
