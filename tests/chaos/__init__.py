"""Chaos: writers append to a system that is restarted, a puller is killed, and then every event is compared.

```text
writer 0 ─┐                       ┌─ puller (killed, started again, killed …)
writer 1 ─┼─► system (restarted) ─┤                                             compare event by event
   …      │                       └─ log ──────────────────────────────────────► with what the system's own
writer 15 ┘                                                                      client reads, and with what
                                                                                 the writers wrote
```

`python -m tests.chaos --system postgresql` runs it; see docs/recipes/chaos.md.
"""
