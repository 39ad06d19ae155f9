"""The notebooks, run with their sets of parameters: once, for all tests that read what they show."""

from collections.abc import Callable
from functools import cache

import pytest

from eventsource import demo
from tests.notebooks.runs import SETS, Parameters, Run, run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Run]]:
    """Return a function that runs a notebook with its sets of parameters, once; sets share their logs."""
    folder = tmp_path_factory.mktemp("logs")
    demo.write(folder / "small.jsonl", customers=60, seed=3)
    demo.write(folder / "late.jsonl.gz", customers=45, seed=5, since="2020-03-01", until="2020-04-15")

    def absolute(prefix: str, parameters: Parameters) -> Parameters:
        if "raw" in parameters:
            raw = parameters["raw"]
            return {"raw": str(folder / raw), "log_path": str(folder / f"log-{raw}")}
        if prefix in ("09", "10"):  # they make their own events
            return parameters
        # The first notebook shows what its own pull appends, and the flights have a log of their own.
        log = f"log-{prefix}" if prefix in ("01", "07") else "log"
        return {"log_path": str(folder / log), **parameters}

    @cache
    def found(prefix: str) -> list[Run]:
        return run(prefix, [absolute(prefix, each) for each in SETS[prefix]])

    return found
