"""Checking a log: what is wrong with it, what is unusual, and what it contains.

`check_log` reads every event, in bounded memory: by ranges of positions where the order matters, otherwise in
parts that share no event id (or no stream). The order in which another tool left the rows of ``events/`` makes no
difference. `check_files` decodes the files of ``events/`` and compares them with what Delta and Parquet know.
"""

from eventsource.check._files import check_files
from eventsource.check._findings import Findings
from eventsource.check._log import check_log
from eventsource.check._members import members

__all__ = ["Findings", "check_files", "check_log", "members"]
