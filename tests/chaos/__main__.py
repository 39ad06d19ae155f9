"""Run chaos over one or more systems, and print a row of a table for each; the exit code is 1 if a log differs."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.run import Outcome, Plan, run
from tests.chaos.systems import SYSTEMS

__all__: list[str] = []

_HEAD = """\
| system | events | writers | kills | restarts | pulled before the last kill | seconds | events/s | outcome |
|---|--:|--:|--:|--:|--:|--:|--:|---|"""


def main() -> None:
    """Run the systems of the arguments."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and writers are ended
    seed = int(time.time()) if options.seed is None else options.seed
    print(f"seed {seed}\n\n{_HEAD}", flush=True)
    is_equal = True
    for name in options.system:
        with tempfile.TemporaryDirectory(prefix="eventsource-chaos-", dir=options.folder) as folder:
            plan = Plan(
                system=name,
                events=int(options.events),
                writers=options.writers,
                size=options.size,
                kills=options.kills,
                restarts=options.restarts,
                seed=seed,
                longest=options.longest,
            )
            outcome = run(plan, Path(folder))
        print(_row(outcome), flush=True)
        is_equal &= outcome.is_equal
    sys.exit(0 if is_equal else 1)


def _row(outcome: Outcome) -> str:
    plan = outcome.plan
    return (
        f"| {plan.system} | {outcome.events:,} | {plan.writers} | {plan.kills} | {outcome.restarts} "
        f"| {outcome.caught / max(1, outcome.events):.0%} | {outcome.seconds:.0f} "
        f"| {outcome.events / outcome.seconds:,.0f} | {_text(outcome)} |"
    )


def _text(outcome: Outcome) -> str:
    parts = ["nothing lost, repeated, changed or reordered"] if outcome.is_equal else []
    parts += [f"**log: {count:,} {name}**" for name, count in outcome.pulled.items()]
    parts += [f"**system: {count:,} {name}**" for name, count in outcome.written.items()]
    parts += [f"{outcome.dropped:,} read again and dropped"] if outcome.dropped else []
    return ", ".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--system", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS), help="default: all of them")
    add("--events", type=float, default=1e6, help="how many are appended (default: 1e6)")
    add("--writers", type=int, default=16, help="processes that append (default: 16)")
    add("--size", type=int, default=100, help="events of an append (default: 100)")
    add("--kills", type=int, default=50, help="how often the puller is killed (default: 50)")
    add("--restarts", type=int, default=3, help="how often a server is restarted (default: 3)")
    add("--longest", type=float, default=5, help="seconds that a puller lives at most (default: 5)")
    add("--seed", type=int, help="of the random moments (default: another one each time)")
    add("--folder", type=Path, help="where the data is (default: the folder for temporary files)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
