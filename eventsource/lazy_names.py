"""Packages whose public names are imported when they are first used, so that the package itself loads at once."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    module: dict[str, Any],
    homes: Mapping[str, str],
    *,
    submodules: Callable[[], Iterable[str]] = tuple,
    computed: Mapping[str, Callable[[], object]] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package.

    Args:
        module: the ``globals()`` of the package; a name that was imported is kept there.
        homes: public name → the module of the package that defines it.
        submodules: returns the modules that are attributes of the package without an import of their own.
        computed: name → the function that returns its value.
    """
    package, values = module["__name__"], computed or {}

    def get_attribute(name: str) -> Any:
        """Import a public name when it is first used."""
        if name in homes:
            value: Any = getattr(import_module(f"{package}.{homes[name]}"), name)
        elif name in values:
            value = values[name]()
        elif name in submodules():
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module[name] = value
        return value

    return get_attribute, lambda: sorted({*module, *homes, *values, *submodules()})
