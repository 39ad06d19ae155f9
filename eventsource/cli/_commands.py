"""The table of commands: names, summaries and examples; what a command does is loaded when it is used.

``eventsource --help`` lists the table, so it imports none of the modules that answer questions. A test holds each
summary equal to the first line of the function's docstring.
"""

from collections.abc import Iterator
from typing import Final

from eventsource.cli._entry import Entry

__all__ = ["COMMANDS", "GROUPS"]

GROUPS: Final = {
    "report": ("Reports", "Run notebooks and write them as pages."),
    "store": ("Store", "Append and read events of a store, the write side."),
}
"""The panel and the summary of each first word of commands that have two."""


def _panel(heading: str, *entries: Entry) -> Iterator[Entry]:
    """Yield the commands below a heading."""
    return (each._replace(panel=heading) for each in entries)


COMMANDS: Final = (
    *_panel(
        "Project",
        Entry(
            "init",
            "_project:init",
            "Write the files of a new project; files that exist stay as they are.",
            ("init shop", "init --from orders.jsonl.gz"),
        ),
        Entry(
            "demo",
            "_project:demo",
            "Write the raw log of a made-up subscription business.",
            ("demo", "demo big.jsonl.gz --customers 1e6 --since 2020-01-01"),
        ),
        Entry(
            "lab",
            "_project:lab",
            "Open the project in JupyterLab.",
            ("lab", "lab --no-browser --port 9000"),
            passes_on=True,
        ),
    ),
    *_panel(
        "Log",
        Entry(
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
            "sniff",
            "_sniff:sniff",
            "Show what a raw file is: its first events, and the mapping to paste into pyproject.toml.",
            ("sniff orders.csv", "sniff audit.json --records Records --event-id auditID --event-id stage"),
        ),
        Entry(
            "rejected",
            "_log:rejected",
            "List the lines that could not be read, and why (the dead letters).",
            ("rejected", "rejected --raw -o fixed.jsonl", "rejected --clear"),
        ),
        Entry(
            "check",
            "_check:check",
            "Read the whole log; report faults, oddities and what it contains.",
            ("check", "check -f json -o findings.json"),
        ),
        Entry(
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
            "retract",
            "_correct:retract",
            "Retract events: from now on they are read as if they had never been.",
            ("retract order-17 --reason 'never paid'", "retract --file retractions.csv --yes"),
        ),
        Entry(
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
            "tidy",
            "_erase:tidy",
            "Remove files that no version of the log needs any more.",
            ("tidy", "tidy --hours 168"),
        ),
    ),
    *_panel(
        "Questions",
        Entry(
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
            "history",
            "_questions:history",
            "Show states over time: one row per interval in which nothing changed.",
            ("history customer-42", "history -o history.parquet"),
        ),
        Entry(
            "changes",
            "_questions:changes",
            "List when a field changed, and which event changed it.",
            ("changes premium --since 2024-01-01", "changes premium -e customer-42"),
        ),
        Entry(
            "diff",
            "_questions:diff",
            "Compare two moments: which entities are new, gone or changed.",
            ("diff 2024-05-31 2024-06-30", "diff 2024-05-31 2024-06-30 -e customer-42"),
        ),
        Entry(
            "faults",
            "_questions:faults",
            "List the events that a field of the model cannot fold, and why.",
            ("faults", "faults -e customer-42 -f csv"),
        ),
        Entry(
            "explain",
            "_questions:explain",
            "Show which event set each value of one entity.",
            ("explain customer-42", "explain customer-42 2024-06-30"),
        ),
        Entry(
            "trend",
            "_questions:trend",
            "Measure the existing entities at the end of every step of time.",
            ("trend --every 1w", "trend --measure 'revenue=sum(spent)' --by city --since 2024-01-01"),
        ),
    ),
    *_panel(
        "Debugger",
        Entry(
            "replay",
            "_replay:replay",
            "Replay one entity event by event: the state before, what changed, the state after.",
            ("replay customer-42", "replay customer-42 -f json -o steps.json"),
        ),
        Entry(
            "dump",
            "_replay:dump",
            "Write all events of one entity as JSON Lines, which another log can pull.",
            ("dump customer-42 -o customer-42.jsonl",),
        ),
    ),
    *_panel(
        "Read models",
        Entry(
            "refresh",
            "_readmodel:refresh",
            "Update an SQL table to the end of the log; only rows that differ are written.",
            ("refresh --to sqlite:///customers.db", "refresh --rebuild --verify"),
        ),
        Entry(
            "follow",
            "_readmodel:follow",
            "Refresh an SQL table at an interval, until stopped.",
            ("follow --every 30s", "follow --to sqlite:///customers.db --retries 5 --health health.json"),
        ),
        Entry(
            "lag",
            "_readmodel:lag",
            "Show how far an SQL table is behind the log.",
            ("lag", "lag -f json"),
        ),
    ),
    *_panel(
        "Caches",
        Entry(
            "snapshot",
            "_snapshots:snapshot",
            "Store folded states, so that later questions are faster; answers do not change.",
            ("snapshot 2024-06-30", "snapshot --every 1mo --keep 12", "snapshot --verify"),
        ),
    ),
    *_panel(
        "Reports",
        Entry(
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
            "report verify",
            "_report_pages:verify",
            "Run reports again as their pages say, and compare every named figure and the page.",
            ("report verify premium", "report verify reports/out/premium/2024-12-31T234800-1a2b3c4d.html"),
        ),
        Entry(
            "report diff",
            "_report_pages:diff",
            "Compare two pages: which figures changed, which entities moved, and by which events.",
            ("report diff reports/out/premium/A.html reports/out/premium/B.html",),
        ),
        Entry(
            "report schedule",
            "_report_schedule:schedule",
            "Print the schedules of reports for systemd and cron, or run them in the foreground.",
            ("report schedule --print systemd", "report schedule --foreground --health health.json"),
        ),
        Entry(
            "report new",
            "_report:new",
            "Write the definition of a report for a notebook, with its parameters and their defaults.",
            ("report new notebooks/02_premium.ipynb",),
        ),
        Entry(
            "report list",
            "_report:list_reports",
            "List the definitions of reports, when they run, and how their last run ended.",
            ("report list",),
        ),
        Entry(
            "report history",
            "_report:history",
            "List the runs of reports, the newest first: how they ended, and how long they took.",
            ("report history premium",),
        ),
    ),
    *_panel(
        "Store",
        Entry(
            "store init",
            "_store:store_init",
            "Create the table of a store, with its indexes and triggers, where they do not exist.",
            ("store init sqlite:///shop.db", "store init postgresql://shop@db/shop --table orders"),
        ),
        Entry(
            "store append",
            "_store:store_append",
            "Append events to a stream, all or nothing.",
            (
                "store append sqlite:///shop.db order-17 events.jsonl --expected-version no-stream",
                "store append sqlite:///shop.db order-17 < events.jsonl",
            ),
        ),
        Entry(
            "store read",
            "_store:store_read",
            "Show the events of a stream, or of all streams in the order in which a pull reads them.",
            ("store read sqlite:///shop.db order-17 --from 2", "store read sqlite:///shop.db -f json"),
        ),
        Entry(
            "store streams",
            "_store:store_streams",
            "List the streams of a store, with their versions.",
            ("store streams sqlite:///shop.db",),
        ),
    ),
)
