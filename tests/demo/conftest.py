"""The demo logs that several tests read."""

import polars as pl
import pytest

from eventsource import demo


@pytest.fixture(scope="session")
def events() -> pl.DataFrame:
    """Return the events of enough customers to see shares."""
    return demo.events(customers=6_000, seed=3)
