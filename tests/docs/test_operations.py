"""What an operation needs beside its row in the table: a meaning, a case, a law, a line in the pages."""

from typing import get_args

import pytest

import eventsource as es
from eventsource.plan import Op
from eventsource.testing import cases
from tests.docs.examples import DOCS, ROOT

_NOT_IN_JSON = {"reduce", "derive"}
"""Their arguments are Python; the laws try them."""


@pytest.mark.parametrize("operation", get_args(Op))
def test_an_operation_is_complete(operation: str) -> None:
    """The specification and the concepts name it, a case and the generated models use it, and `es` exports it."""
    for page in (ROOT / "tests" / "spec" / "SPEC.md", DOCS / "concepts.md"):
        assert f"`{operation}`" in page.read_text(encoding="utf-8"), page
    random_plans = (ROOT / "tests" / "conformance" / "random_plans.py").read_text(encoding="utf-8")
    assert f'"{operation}"' in random_plans, "tests/conformance/random_plans.py"
    assert operation in es.__all__
    used = {rule.op for case in cases() for rule in case.plan.rules}
    assert operation in used | _NOT_IN_JSON, "tests/spec/cases"
