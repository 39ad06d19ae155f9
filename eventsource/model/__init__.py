"""Models: how a person writes what an entity is (a projection of events).

```python
class Customer(es.Model, created="CustomerCreated", deleted="CustomerDeleted"):
    city = es.latest("CustomerCreated", "BillingAddressChanged", of="address.city")
    premium = es.flag(on="PremiumPlanBought", off=("PremiumPlanCancelled", "PremiumPlanExpired"))
    spent = es.total("PurchaseMade", of="amount")
```

Each function returns a `Field`; the class statement turns the fields into a `Plan`, in declared order.

A field that names no event types is of all types: `count()` counts every event of the entity. ``of`` and ``where``
name members of the payload by dotted paths (`eventsource.dotted_paths`), and the envelope as ``@type``,
``@stream``, ``@event_id``, ``@version``, ``@position``, ``@occurred_at`` and ``@recorded_at``.

Every field but `derive` takes a condition, ``where``. For the field, an event that does not meet it counts
as one of another type. It is a row-wise Polars expression over members:

```python
import polars as pl


class Order(es.Model):
    reviewed = es.count("OrderChanged", where=pl.col("status") == "reviewed")
    failed = es.count(where=pl.col("error.code").is_not_null())
```

A member that is absent is null, an object or array is its JSON text, and null is not met. Whether an event counts
depends on this event alone. An event for which the expression cannot be computed, such as a text that is compared
with a number, cannot be folded.
"""

from eventsource.model import _fields
from eventsource.model._fields import *  # noqa: F403 - the names in its __all__, which are listed once
from eventsource.model._model import Model, plan_of

__all__ = ["Model", "plan_of"]
__all__ += _fields.__all__
