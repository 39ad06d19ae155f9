"""A made-up subscription business, as the raw event log that its software would have written.

The same arguments give the same bytes on every machine. The log contains relations that charts can find again:

* **Slow support drives customers away.** A third of the tickets of the first 90 days wait more than four days.
  From then on their customers cancel the premium plan 4.5 times as often as others, and most say why.
* **Vouchers bring customers who do not stay**: they cancel 2.5 times as often, and fewer verify their address.
* **Campaigns sell**: two of five purchases of the plan wait for a campaign that is near.
* **A plan ends with its card**: it expires at the next renewal, where an expired card was not replaced.
* **Seasons**: sign-ups grow threefold and are strong in January and autumn; purchases peak in December.

It also contains what every real log has: late events (2 %; 6 % of the cancellations weeks later), duplicates,
conflicts under one ``event_id``, broken lines (each is followed by the good one), explicit nulls, absent members,
names and items that are markup or formulas, customers who are deleted and come back. The events of ``customer-42``
are written by hand.

The generator is imported when it is first used. The models of the notebooks (`eventsource.demo.models`) do without
it.
"""

from typing import TYPE_CHECKING

from eventsource.lazy_names import lazy_names

if TYPE_CHECKING:
    from eventsource.demo._events import events
    from eventsource.demo._files import write
else:
    __getattr__, __dir__ = lazy_names(globals(), {"events": "_events", "write": "_files"})

__all__ = ["events", "write"]
