"""The table of commands: names, summaries and examples; what a command does is loaded when it is used.

``eventsource --help`` lists the table, so it imports none of the modules that answer questions.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import click

from eventsource.cli._parameters import Command, as_command

__all__ = ["COMMANDS", "GROUPS", "Entry", "LazyCommand"]

_DAYS_AGO: Final = re.compile(r"-\d+d")


@dataclass(frozen=True, slots=True)
class Entry:
    """One command.

    Args:
        panel: the heading above it in ``eventsource --help``.
        name: what a user types, such as ``as-of`` or ``report run``.
        target: ``module:function`` within `eventsource.cli`.
        summary: one line for the list of commands; the function's docstring begins with it.
        examples: lines that a user may type, without the name of the program.
        passes_on: whether the command takes unknown options and passes them on to another program.
    """

    panel: str
    name: str
    target: str
    summary: str
    examples: tuple[str, ...]
    passes_on: bool = False

    def load(self) -> Command:
        """Import the command's module and return its command of click."""
        module, _, name = self.target.partition(":")
        function = getattr(import_module(f"eventsource.cli.{module}"), name)
        return as_command(function, self.name.split()[-1], examples=self.examples, passes_on=self.passes_on)


class LazyCommand(click.Command):
    """A command of the list: it has a name and a summary, and loads the rest when it is used."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name.split()[-1], help=entry.summary)
        self.panel = entry.panel
        self.entry = entry

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Load the command and parse its arguments. ``-7d`` is a moment, although it begins like an option."""
        plain = [f"today{arg}" if _DAYS_AGO.fullmatch(arg) else arg for arg in args]
        return self.entry.load().make_context(info_name, plain, parent, **extra)


GROUPS: Final = {
    "report": ("Reports", "Run notebooks and write them as pages."),
    "store": ("Store", "Append and read events of a store, the write side."),
}
"""The panel and the summary of each first word of commands that have two."""

COMMANDS: Final = (
    Entry(
        "Project",
        "init",
        "_project:init",
        "Write the files of a new project; files that exist stay as they are.",
        ("init shop", "init --from orders.jsonl.gz"),
    ),
    Entry(
        "Project",
        "demo",
        "_project:demo",
        "Write the raw log of a made-up subscription business.",
        ("demo", "demo big.jsonl.gz --customers 1e6 --since 2020-01-01"),
    ),
    Entry(
        "Project",
        "lab",
        "_project:lab",
        "Open the project in JupyterLab.",
        ("lab", "lab --no-browser --port 9000"),
        passes_on=True,
    ),
    Entry(
        "Log",
        "pull",
        "_log:pull",
        "Append the new events of raw files to the log.",
        (
            "pull",
            "pull 'data/raw/*.jsonl.gz' --strict",
            "pull orders.csv --stream customer.id --type event --occurred-at ts",
            "pull --rejected",
        ),
    ),
    Entry(
        "Log",
        "sniff",
        "_sniff:sniff",
        "Show what a raw file is: its first events, and the mapping to paste into pyproject.toml.",
        ("sniff orders.csv", "sniff audit.json --records Records --event-id auditID --event-id stage"),
    ),
    Entry(
        "Log",
        "rejected",
        "_log:rejected",
        "List the lines that could not be read, and why (the dead letters).",
        ("rejected", "rejected --raw -o fixed.jsonl", "rejected --clear"),
    ),
    Entry(
        "Log",
        "check",
        "_check:check",
        "Read the whole log; report faults, oddities and what it contains.",
        ("check", "check -f json -o findings.json"),
    ),
    Entry(
        "Log",
        "correct",
        "_correct:correct",
        "Correct events: from now on they are read with other parts.",
        (
            "correct order-17 --data '{\"amount\": 10}' --reason 'typed wrong'",
            "correct order-17 --at 2024-06-30T12:00:00Z",
            "correct --file corrections.jsonl --yes",
        ),
    ),
    Entry(
        "Log",
        "retract",
        "_correct:retract",
        "Retract events: from now on they are read as if they had never been.",
        ("retract order-17 --reason 'never paid'", "retract --file retractions.csv --yes"),
    ),
    Entry(
        "Log",
        "erase",
        "_erase:erase",
        "Remove payload and metadata of events from every file of the log; keep a receipt.",
        (
            'erase --stream customer-42 --reason "request 17"',
            'erase --event e1 --event e2 --reason "wrong person" --hash-ids --yes',
            "erase --receipts",
        ),
    ),
    Entry(
        "Log",
        "tidy",
        "_erase:tidy",
        "Remove files that no version of the log needs any more.",
        ("tidy", "tidy --hours 168"),
    ),
    Entry(
        "Questions",
        "as-of",
        "_questions:as_of",
        "Show the state of every entity at a moment.",
        (
            "as-of",
            "as-of 2024-06-30 --where 'premium = true'",
            "as-of 2024-03-31 2024-06-30 -e customer-42",
            "as-of 2024-06-30 --known-at 2024-07-05 -o june.parquet",
        ),
    ),
    Entry(
        "Questions",
        "history",
        "_questions:history",
        "Show states over time: one row per interval in which nothing changed.",
        ("history customer-42", "history -o history.parquet"),
    ),
    Entry(
        "Questions",
        "changes",
        "_questions:changes",
        "List when a field changed, and which event changed it.",
        ("changes premium --since 2024-01-01", "changes premium -e customer-42"),
    ),
    Entry(
        "Questions",
        "diff",
        "_questions:diff",
        "Compare two moments: which entities are new, gone or changed.",
        ("diff 2024-05-31 2024-06-30", "diff 2024-05-31 2024-06-30 -e customer-42"),
    ),
    Entry(
        "Questions",
        "faults",
        "_questions:faults",
        "List the events that a field of the model cannot fold, and why.",
        ("faults", "faults -e customer-42 -f csv"),
    ),
    Entry(
        "Questions",
        "explain",
        "_questions:explain",
        "Show which event set each value of one entity.",
        ("explain customer-42", "explain customer-42 2024-06-30"),
    ),
    Entry(
        "Questions",
        "trend",
        "_questions:trend",
        "Measure the existing entities at the end of every step of time.",
        ("trend --every 1w", "trend --measure 'revenue=sum(spent)' --by city --since 2024-01-01"),
    ),
    Entry(
        "Debugger",
        "replay",
        "_replay:replay",
        "Replay one entity event by event: the state before, what changed, the state after.",
        ("replay customer-42", "replay customer-42 -f json -o steps.json"),
    ),
    Entry(
        "Debugger",
        "dump",
        "_replay:dump",
        "Write all events of one entity as JSON Lines, which another log can pull.",
        ("dump customer-42 -o customer-42.jsonl",),
    ),
    Entry(
        "Read models",
        "refresh",
        "_readmodel:refresh",
        "Update an SQL table to the end of the log; only rows that differ are written.",
        ("refresh --to sqlite:///customers.db", "refresh --rebuild --verify"),
    ),
    Entry(
        "Read models",
        "follow",
        "_readmodel:follow",
        "Refresh an SQL table at an interval, until stopped.",
        ("follow --every 30s", "follow --to sqlite:///customers.db --retries 5 --health health.json"),
    ),
    Entry(
        "Read models",
        "lag",
        "_readmodel:lag",
        "Show how far an SQL table is behind the log.",
        ("lag", "lag -f json"),
    ),
    Entry(
        "Caches",
        "snapshot",
        "_snapshots:snapshot",
        "Store folded states, so that later questions are faster; answers do not change.",
        ("snapshot 2024-06-30", "snapshot --every 1mo --keep 12", "snapshot --verify"),
    ),
    Entry(
        "Reports",
        "report run",
        "_report:run",
        "Run reports, and write each as a self-contained page.",
        (
            "report run premium",
            "report run notebooks/02_premium.ipynb -p as_of=2024-06-30",
            "report run reports --fresh --open",
        ),
    ),
    Entry(
        "Reports",
        "report verify",
        "_report_pages:verify",
        "Run reports again as their pages say, and compare every named figure and the page.",
        ("report verify premium", "report verify reports/out/premium/2024-12-31T234800-1a2b3c4d.html"),
    ),
    Entry(
        "Reports",
        "report diff",
        "_report_pages:diff",
        "Compare two pages: which figures changed, which entities moved, and by which events.",
        ("report diff reports/out/premium/A.html reports/out/premium/B.html",),
    ),
    Entry(
        "Reports",
        "report schedule",
        "_report_schedule:schedule",
        "Print the schedules of reports for systemd and cron, or run them in the foreground.",
        ("report schedule --print systemd", "report schedule --foreground --health health.json"),
    ),
    Entry(
        "Reports",
        "report new",
        "_report:new",
        "Write the definition of a report for a notebook, with its parameters and their defaults.",
        ("report new notebooks/02_premium.ipynb",),
    ),
    Entry(
        "Reports",
        "report list",
        "_report:list_reports",
        "List the definitions of reports, when they run, and how their last run ended.",
        ("report list",),
    ),
    Entry(
        "Reports",
        "report history",
        "_report:history",
        "List the runs of reports, the newest first: how they ended, and how long they took.",
        ("report history premium",),
    ),
    Entry(
        "Store",
        "store init",
        "_store:store_init",
        "Create the table of a store, with its indexes and triggers, where they do not exist.",
        ("store init sqlite:///shop.db", "store init postgresql://shop@db/shop --table orders"),
    ),
    Entry(
        "Store",
        "store append",
        "_store:store_append",
        "Append events to a stream, all or nothing.",
        (
            "store append sqlite:///shop.db order-17 events.jsonl --expected-version no-stream",
            "store append sqlite:///shop.db order-17 < events.jsonl",
        ),
    ),
    Entry(
        "Store",
        "store read",
        "_store:store_read",
        "Show the events of a stream, or of all streams in the order in which a pull reads them.",
        ("store read sqlite:///shop.db order-17 --from 2", "store read sqlite:///shop.db -f json"),
    ),
    Entry(
        "Store",
        "store streams",
        "_store:store_streams",
        "List the streams of a store, with their versions.",
        ("store streams sqlite:///shop.db",),
    ),
)
