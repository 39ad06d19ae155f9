"""XML, element by element, in bounded memory."""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from eventsource.sources._checkpoint import UnreadableError
from eventsource.sources._compressed import open_at

__all__ = ["elements", "local_name"]


def elements(path: Path, names: Collection[str]) -> Iterator[tuple[ET.Element, list[ET.Element]]]:
    """Yield each element of some names when it ends, with the elements around it, outermost first.

    It is removed afterwards, so that memory holds one at a time. Entities are not read from elsewhere, and the
    parser bounds how far they expand.

    Args:
        path: the file, plain or compressed.
        names: names without namespaces.

    Raises:
        UnreadableError: the file is not XML; the message names the line.
    """
    around: list[ET.Element] = []
    reader, _ = open_at(path, 0)
    with reader:
        try:
            for kind, element in ET.iterparse(cast("BinaryIO", reader), ("start", "end")):  # noqa: S314 - see above
                if kind == "start":
                    around.append(element)
                    continue
                around.pop()
                if local_name(element) in names:
                    yield element, around
                    if around:
                        around[-1].remove(element)
        except ET.ParseError as error:
            raise UnreadableError(f"not XML: {error}") from error


def local_name(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]
