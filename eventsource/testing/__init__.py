"""The test kit: given some events, then the state of an entity.

```python
from eventsource.testing import event, given

def test_a_cancellation_ends_the_plan_at_once():
    (
        given(
            Customer,
            event("CustomerCreated", at="2024-01-01", name="Ann"),
            event("PremiumPlanBought", at="2024-02-01"),
            event("PremiumPlanCancelled", at="2024-06-15"),
        )
        .then("entity-1", "2024-06-14", premium=True)
        .then("entity-1", "2024-06-15", premium=False)
    )
```

`given` folds the events with a model. `Given.then` asserts fields, `Given.timeline` answers all other questions.
`MemoryLog` is the log behind it.

`cases` are the worked examples of the specification. `mismatches` asks any timeline over the events of a case, so
that another engine or log can be checked with them:

```python
from eventsource.testing import MemoryLog, cases, mismatches

for case in cases():
    log = MemoryLog(case.events)
    assert not list(mismatches(case, es.Timeline(log, case.plan)))
```

`SourceSuite` is what every source of events must do: a class of tests that a new source inherits.
"""

from eventsource.testing._cases import Case, cases, mismatches
from eventsource.testing._given import Given, event, given
from eventsource.testing._memory_log import MemoryLog
from eventsource.testing._restart_suite import RestartingSystem, RestartSuite
from eventsource.testing._source_suite import Facts, SourceSuite, System, check_copy, facts, some_facts
from eventsource.testing._transaction_suite import Held, HoldingSystem, TransactionSuite

__all__ = [
    "Case",
    "Facts",
    "Given",
    "Held",
    "HoldingSystem",
    "MemoryLog",
    "RestartSuite",
    "RestartingSystem",
    "SourceSuite",
    "System",
    "TransactionSuite",
    "cases",
    "check_copy",
    "event",
    "facts",
    "given",
    "mismatches",
    "some_facts",
]
