"""Checking a log: what is wrong with it, what is unusual, and what it contains.

`check_log` reads every event, in bounded memory: by ranges of positions where the order matters, otherwise in
parts that share no event id (or no stream). The order in which another tool left the rows of ``events/`` makes no
difference.
"""

from eventsource.check._findings import Findings
from eventsource.check._log import check_log
from eventsource.check._members import members

__all__ = ["Findings", "check_log", "members"]
