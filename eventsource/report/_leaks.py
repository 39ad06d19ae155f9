r"""The last look at a page: whether a value that its readers may not see is in it, in whatever spelling.

The text of the page is decoded, stage by stage, and each stage is searched::

    page      … &lt;b&gt;Jan \u004bowalski … Jan%20Kowalski … SmFuIEtvd2Fsc2tp …
    stages    as it is; HTML, JSON and percent decoded, until nothing changes; without tags; what base64 holds
    found     a value with no letter or digit before or after it

Scripts and styles of this package have no data and are left out.
"""

import base64
import html
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

import polars as pl

__all__ = ["leaks", "without"]

_CODE: Final = re.compile(r"<script>.*?</script>|<style>.*?</style>", re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*>")
_JSON: Final = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(["'\\/])|([nrtbf]))""")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_SPACES: Final = re.compile(r"\s+")
_STAGES: Final = 4
_LONG: Final = 8
"""Letters from which on a value is searched in capitals and small letters, too."""


def leaks(text: str, values: Mapping[str, Iterable[str]], harmless: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return the values that a text contains, by column; those of one column are sorted.

    Args:
        text: a page, or JSON.
        values: column → values to search for.
        harmless: values that may be found.
    """
    spelt: dict[str, set[tuple[str, str]]] = {}
    allowed = set(harmless)
    for column, each in values.items():
        for value in each:
            if value not in allowed:
                for spelling in _spellings(value):
                    spelt.setdefault(spelling, set()).add((column, value))
    if not spelt:
        return {}
    patterns = pl.Series(sorted(spelt))
    found: dict[str, set[str]] = {}
    for stage in _stages(_CODE.sub(" ", text)):
        for spelling in _among(stage, patterns):
            for column, value in spelt[spelling]:
                found.setdefault(column, set()).add(value)
    return {column: sorted(each) for column, each in sorted(found.items())}


def without(text: str, values: Mapping[str, Iterable[str]], mask: str) -> str:
    """Return a JSON text with a mask in place of values, as they are and escaped."""
    found = leaks(text, values)
    for value in sorted({each for texts in found.values() for each in texts}, key=len, reverse=True):
        for spelling in {value, html.escape(value), html.escape(value, quote=False), value.lower(), value.upper()}:
            for escaped in {spelling, spelling.replace("\\", "\\\\").replace('"', '\\"')}:
                text = text.replace(escaped, mask)
    return text


def _spellings(value: str) -> set[str]:
    plain = _SPACES.sub(" ", unicodedata.normalize("NFC", value)).strip()
    return {plain, plain.lower(), plain.upper()} if len(plain) >= _LONG else {plain}


def _among(text: str, patterns: pl.Series) -> set[str]:
    """Return which patterns occur in a text as words of their own."""
    named = pl.Series([text]).str.extract_many(patterns.implode(), overlapping=True)
    candidates = set(named.explode().drop_nulls().to_list())
    return {each for each in candidates if re.search(rf"(?<![^\W_]){re.escape(each)}(?![^\W_])", text)}


def _stages(text: str) -> Iterator[str]:
    """Yield a text as it is, and what it says after decoding; each stage once."""
    seen: set[str] = set()
    for decoded in [text, *_inside_base64(text)]:
        stage = decoded
        for _ in range(_STAGES):
            plain = _SPACES.sub(" ", unicodedata.normalize("NFC", stage))
            if plain not in seen:
                seen.add(plain)
                yield plain
                bare = _TAG.sub("", plain)
                if bare not in seen:
                    seen.add(bare)
                    yield bare
            following = stage
            for decode in _DECODERS:
                following = decode(following)
            if following == stage:
                break
            stage = following


def _json_decoded(text: str) -> str:
    def letter(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else found[2] or " "

    # pairs of surrogates become letters; a lone one stays, and is found nowhere
    decoded = _JSON.sub(letter, text)
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_DECODERS: Final[tuple[Callable[[str], str], ...]] = (html.unescape, _json_decoded, unquote)


def _inside_base64(text: str) -> Iterator[str]:
    """Yield the texts that runs of base64 hold, also compressed ones, as one text."""
    found = []
    for run in _BASE64.findall(text):
        body = run.rstrip("=").replace("-", "+").replace("_", "/")
        raw = base64.b64decode(body + "=" * (-len(body) % 4)) if len(body) % 4 != 1 else b""
        for data in (raw, _inflated(raw)):
            try:
                found.append(data.decode("utf-8"))
            except UnicodeDecodeError:
                continue
    if any(found):
        yield "\n".join(found)


def _inflated(raw: bytes) -> bytes:
    """Return what is compressed by zlib or gzip, at most 10 MB; nothing for other bytes."""
    if raw[:1] not in (b"\x78", b"\x1f"):
        return b""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw, 10_000_000)
    except zlib.error:
        return b""
