"""Attempts are repeated with pauses that grow and vary."""

import pytest

from eventsource.retry import pause_before_retry, retry


def test_pauses_double_up_to_a_limit() -> None:
    """The pause doubles from failure to failure, and the given share of it is random."""
    for failures, longest in ((1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (10_000, 60.0)):
        pauses = {pause_before_retry(failures, first=1, longest=60, jitter=0.5) for _ in range(50)}
        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 40


def _attempt(errors: list[Exception], calls: list[int]) -> str:
    calls.append(len(calls))
    if errors:
        raise errors.pop()
    return "done"


def test_it_is_tried_until_it_succeeds() -> None:
    """The result of the first attempt that succeeds is returned."""
    errors: list[Exception] = [OSError(), OSError()]
    calls: list[int] = []
    assert retry(lambda: _attempt(errors, calls), on=OSError, attempts=5, first=0, longest=0) == "done"
    assert len(calls) == 3


def test_the_last_error_is_raised() -> None:
    """After as many attempts as allowed, the error of the last one is raised."""
    errors: list[Exception] = [OSError("third"), OSError("second"), OSError("first")]
    calls: list[int] = []
    with pytest.raises(OSError, match="third"):
        retry(lambda: _attempt(errors, calls), on=OSError, attempts=3, first=0, longest=0)
    assert len(calls) == 3


def test_other_errors_are_raised_at_once() -> None:
    """Only the expected error is followed by another attempt."""
    calls: list[int] = []
    with pytest.raises(ValueError, match="no"):
        retry(lambda: _attempt([ValueError("no")], calls), on=OSError, attempts=3, first=0, longest=0)
    assert len(calls) == 1
