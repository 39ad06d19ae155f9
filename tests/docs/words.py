"""Words and phrases that the prose of this project avoids, with the plain ones: ``python -m tests.docs.words``.

They are habits that make a reader stop: passives without a subject, private names for what the field has a word
for, and sentences turned round. The names, docstrings and comments of tests are prose as well. `ALLOWED` has the
places where such a word is the right one.
"""

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

__all__ = ["AVOIDED", "Finding", "findings"]

ROOT = Path(__file__).parents[2]
TEXTS: Final = (
    "eventsource/**/*.py",
    "eventsource/cli/skeleton/**/*",
    "docs/**/*.md",
    "docs/**/*.py",
    "notebooks/*.ipynb",
    "notebooks/*.md",
    "*.md",
    "Makefile",
)

AVOIDED: Final[Mapping[str, str]] = {
    r"\btold\b|\buntold\b": "the name of what is reported, or `progress`",
    r"\btells? (?:nobody|of)\b": "reports, says",
    r"\bstands?\b(?! for\b)|\bstood\b": "is, was",
    r"\bgo(?:es|ing)? on\b|\bwent on\b|\bgone on\b": "continues, starts from",
    r"\banew\b|\bafresh\b": "again",
    r"\bnobody\b|\bsomebody\b": "no user, another process, whoever it is",
    r"\bmend(?:s|ed|ing)?\b": "fix, correct",
    r"\bborne\b|\bbears? (?:with|databases)\b": "tolerates, retries",
    r"(?<!there )\b(?:is|are|was|were) no\b(?! (?:longer|more|less|later|case)\b)": "expected X, got Y; is not a",
    r"(?<!there )\b(?:is|are) (?-i:none)\b": "expected X, got Y; is not one",
    r"\bin vain\b": "without effect",
    r"\bkept aside\b|\bput aside\b": "rejected",
    r"\bput back\b": "restored from a backup",
    r"\bas of `": "see `…`",
    r"\bfor good\b|\bfor ever\b": "permanently",
    r"\bwho(?:ever)? tells\b": "the caller",
    r"\bcannot be meant\b": "is invalid",
    r"\bcame? to pass\b": "happened",
}
"""Pattern → what to write instead."""

ALLOWED: Final[Mapping[str, int]] = {
    "docs/specification.md": 2,  # what the cases say about themselves
}
"""File → how many findings are fine there: quotations, and words in another sense."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An avoided word in a text."""

    file: str
    line: int
    words: str
    better: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words!r}: {self.better}"


def findings() -> list[Finding]:
    """Return all findings, but for those of files that are allowed so many."""
    found = list(_all_findings())
    counts = Counter(each.file for each in found)
    return [each for each in found if counts[each.file] > ALLOWED.get(each.file, 0)]


def _all_findings() -> Iterator[Finding]:
    for file in sorted({file for pattern in TEXTS for file in ROOT.glob(pattern) if file.is_file()}):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            yield from _findings_in(line, file, number)
    for file in sorted(ROOT.glob("tests/**/*.py")):
        for number, text in _prose_of(file.read_text(encoding="utf-8")):
            yield from _findings_in(text, file, number)


def _prose_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield the names, docstrings and comments of a test module, with their lines; other texts are data."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name.replace("_", " ")
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _findings_in(text: str, file: Path, number: int) -> Iterator[Finding]:
    for pattern, better in AVOIDED.items():
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield Finding(file.relative_to(ROOT).as_posix(), number, match[0], better)


if __name__ == "__main__":
    for finding in findings():
        print(finding)
