"""What notebooks need in JupyterLab: one call that sets how answers look, and the time machine of an entity.

```python
import eventsource as es

es.notebook()
customers.replay("customer-42")  # a slider over the events of the customer
```

A notebook that is run by hand and one that a report runs give the same page. Widgets need a kernel, so a page
shows the table that comes with each of them.
"""

from eventsource.jupyter._notebook import notebook
from eventsource.jupyter._time_machine import TimeMachine

__all__ = ["TimeMachine", "notebook"]
