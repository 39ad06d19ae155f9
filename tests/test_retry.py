"""Attempts are repeated with pauses that grow and vary."""

import time

import pytest

from eventsource.retry import pause_before_retry, retry
from tests.test_package import loaded


def test_pauses_double_up_to_a_limit() -> None:
    """The pause doubles from failure to failure, and the given share of it is random."""
    for failures, longest in ((1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (10_000, 60.0)):
        pauses = {pause_before_retry(failures, first=1, longest=60, jitter=0.5) for _ in range(50)}
        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 40


def test_a_pause_may_be_random_from_its_beginning() -> None:
    """Without a share, all of the pause is random: competitors spread out over all of it."""
    pauses = [pause_before_retry(3, first=1, longest=60) for _ in range(200)]
    assert min(pauses) < 1
    assert 3 < max(pauses) <= 4


def test_pauses_between_attempts_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt has its limit, from the first failure on."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    for _ in range(100):
        with pytest.raises(OSError, match="again"):
            retry(lambda: _attempt([OSError("again")], []), on=OSError, attempts=5, first=1, longest=5)
    longest = [max(pauses[failures::4]) for failures in range(4)]
    for found, limit in zip(longest, (1, 2, 4, 5), strict=True):
        assert limit / 2 < found <= limit


def test_success_needs_no_library() -> None:
    """The library is imported at the first failure: most attempts succeed."""
    succeed = "from eventsource.retry import retry\nretry(int, on=OSError, attempts=2, first=1, longest=1)"
    assert "tenacity" not in loaded(succeed)
    assert "tenacity" in loaded("from eventsource.retry import pause_before_retry as p\np(1, first=1, longest=1)")


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
    """Only the expected error is followed by another attempt, also after one that was."""
    for failures in (0, 1, 2):
        calls: list[int] = []
        errors = [ValueError("no"), *(OSError() for _ in range(failures))]
        with pytest.raises(ValueError, match="no"):
            retry(lambda: _attempt(errors, calls), on=OSError, attempts=5, first=0, longest=0)  # noqa: B023 - called here
        assert len(calls) == failures + 1
