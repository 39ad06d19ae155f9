"""The script that draws charts. vl-convert takes seconds to put it together, so it is cached for the user.

```text
~/.cache/eventsource/vega-1.9.0.js      its SHA-256, a line break, the script
```

Only its user can read the folder. A file that does not fit its hash is written again.
"""

import contextlib
import hashlib
import re
from functools import cache
from importlib.metadata import version
from typing import Final

from eventsource.atomic_write import atomic_write
from eventsource.derived_folders import user_cache

__all__ = ["bundle"]

_END_OF_SCRIPT: Final = re.compile(r"</(?=script)", re.IGNORECASE)


@cache
def bundle() -> str:
    """Return the script that draws charts; no text in it can end the script element."""
    file = user_cache() / f"vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        digest, _, text = file.read_text(encoding="utf-8").partition("\n")
        if digest == _digest(text):
            return text
    text = _END_OF_SCRIPT.sub(r"<\\/", _all_of_vega()).replace("<!--", "<\\!--")
    with (
        contextlib.suppress(OSError),
        atomic_write(file, is_private=True) as draft,
    ):  # without a cache it takes longer
        draft.write_text(f"{_digest(text)}\n{text}", encoding="utf-8")
    return text


def _all_of_vega() -> str:
    """Return Vega, Vega-Lite and their embedding as one script."""
    import vl_convert  # noqa: PLC0415 - where the script is cached it is not needed

    whole: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks the default
    return whole


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
