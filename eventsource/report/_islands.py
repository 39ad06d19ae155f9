"""Data inside a page: JSON that no value in it can break out of."""

import json
from typing import Any, Final

from markupsafe import Markup

__all__ = ["island"]

_ESCAPES: Final = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def island(value: Any) -> Markup:
    """Return a value as JSON for ``<script type="application/json">``: no ``<`` in it, so nothing ends it."""
    return Markup(json.dumps(value, ensure_ascii=False, sort_keys=True).translate(_ESCAPES))  # noqa: S704 - escaped
