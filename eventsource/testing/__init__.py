"""The test kit: say which events were given, then what the state is.

```python
from eventsource.testing import event, given

def test_a_cancelled_plan_is_gone_at_once():
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

`cases` are the worked examples of the specification; `mismatches` runs one through any timeline.
"""

from eventsource.testing._cases import Case, cases, mismatches
from eventsource.testing._given import Given, event, given
from eventsource.testing._memory import MemoryLog

__all__ = ["Case", "Given", "MemoryLog", "cases", "event", "given", "mismatches"]
