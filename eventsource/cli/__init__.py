"""The command line: every question of the library, for terminals and scripts.

`_commands` is the table of all commands, `_program` runs them, and `_parameters` makes them from functions. The
functions are in `_questions`, `_replay`, `_log`, `_check`, `_project`, `_readmodel`, `_report` and `_snapshots`.
These share `_options`, `_config` (the project), `_models` (its model), `_output` and `_formats` (where an answer
goes, and in which format), `_progress` (bars), `_terminal` (text), and `_errors` (exit codes).
"""

from eventsource.cli._commands import COMMANDS
from eventsource.cli._entry import Entry
from eventsource.cli._program import app, main

__all__ = ["COMMANDS", "Entry", "app", "main"]
