"""Expectations: comparisons of named results that must hold, such as ``premium > 0`` and ``share <= 1``.

They are expressions of names, numbers, texts, arithmetic, comparisons, ``and``, ``or`` and ``not``. They are
computed here, never run as Python.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from eventsource.errors import ReportError
from eventsource.messages import suggestion

__all__ = ["Expectation"]

_HINT: Final = 'such as "premium > 0", "0 <= share <= 1", "premium <= customers"'
_LONGEST: Final = 500
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SIGNS: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """A comparison of named results.

    Args:
        text: as the definition writes it.
        tree: what it means.
    """

    text: str
    tree: ast.expr

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the expectation of a text.

        Raises:
            ReportError: it is not a comparison, or uses more than this module knows.
        """
        try:
            if len(text) > _LONGEST:
                raise ReportError(f"expected at most {_LONGEST} characters, got {len(text)}", hint=_HINT)
            tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ReportError(f"expected a comparison, got {text!r}", hint=_HINT) from error
        for node in ast.walk(tree):
            _check(node, text)
        if not isinstance(tree, ast.Compare | ast.BoolOp) and not _is_negation(tree):
            raise ReportError(f"expected a comparison, got {text!r}", hint=_HINT)
        return cls(text, tree)

    def failure(self, results: Mapping[str, Any]) -> str | None:
        """Return why it does not hold for named results, with their values; None: it holds.

        A result that is missing, null, or of a kind that cannot be compared fails it.
        """
        names = sorted({node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)})
        for name in names:
            if name not in results:
                return f"{self.text}: the notebook gives no result {name!r}; {suggestion(name, results)}"
        values = ", ".join(f"{name} = {results[name]!r}" for name in names)
        try:
            return None if _value(self.tree, results) else f"{self.text} does not hold: {values}"
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            return f"{self.text} cannot be computed: {values} ({error})"


def _is_negation(tree: ast.expr) -> bool:
    return isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)


def _check(node: ast.AST, text: str) -> None:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return
        case ast.Name() | ast.Load() | ast.Compare() | ast.BoolOp() | ast.And() | ast.Or():
            return
        case ast.BinOp() | ast.UnaryOp():
            return
    if type(node) not in {*_ARITHMETIC, *_COMPARISONS, *_SIGNS}:
        what = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
        raise ReportError(f"expected names, numbers and comparisons, got {what!r} in {text!r}", hint=_HINT)


def _value(node: ast.expr, results: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return results[node.id]
        case ast.UnaryOp():
            return _SIGNS[type(node.op)](_value(node.operand, results))
        case ast.BinOp():
            return _ARITHMETIC[type(node.op)](_value(node.left, results), _value(node.right, results))
        case ast.BoolOp():
            values = (_value(each, results) for each in node.values)
            return all(values) if isinstance(node.op, ast.And) else any(values)
        case ast.Compare():
            sides = [_value(each, results) for each in (node.left, *node.comparators)]
            pairs = zip(node.ops, sides, sides[1:], strict=False)
            return all(_COMPARISONS[type(op)](left, right) for op, left, right in pairs)
    raise TypeError(type(node).__name__)
