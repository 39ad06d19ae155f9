"""Members whose very names have dots."""

from pathlib import Path

import pytest

import eventsource as es
from eventsource.check import check_log
from eventsource.errors import UnknownNameWarning


class Who(es.Model):
    """A model that asks for a nested member."""

    name = es.latest("Joined", of="who.name")


def test_a_member_that_no_path_reaches_is_told(tmp_path: Path) -> None:
    """The warning does not suggest the very path that was asked for, and `check` shows the name in quotes."""
    log = es.Log(tmp_path / "log")
    log.append(
        [
            {
                "event_id": "1",
                "stream": "a",
                "type": "Joined",
                "occurred_at": "2024-01-01",
                "data": '{"who.name": 1}',
            }
        ]
    )
    with pytest.warns(UnknownNameWarning, match="which no path reaches") as told:
        es.Timeline(log, Who).as_of()
    assert "did you mean" not in str(told[0].message)
    assert check_log(log).members["member"].to_list() == ['"who.name"']
