"""The model that an option or the project names, imported from the user's own code."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

from eventsource.cli._errors import UsageError
from eventsource.messages import suggestion
from eventsource.model import Model, plan_of
from eventsource.plan import Plan

__all__ = ["load_plan"]


def load_plan(name: str | None, folder: Path) -> Plan:
    """Return the plan of the model that a text such as ``models:Customer`` names.

    Args:
        name: module and class; the module may be a file of the project's folder.
        folder: the project's folder; it becomes the first entry of the module path.

    Raises:
        UsageError: the module or the class does not exist, or the import of the module fails.
    """
    if name is None:
        raise UsageError(
            "expected a model, got none",
            hint='--model models:Customer, or model = "models:Customer" under [tool.eventsource]',
        )
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise UsageError(f"expected a model as module:Class, got {name!r}", hint="--model models:Customer")
    module = _imported(module_name, folder)
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None:
        known = [key for key, value in vars(module).items() if _is_model(value)]
        raise UsageError(f"module {module_name}: unknown model {path!r}", hint=suggestion(path, known))
    return plan_of(found)


def _imported(name: str, folder: Path) -> Any:
    """Import a module, and return it."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _import_error(name, error) from error
        known = [path.stem for path in folder.glob("*.py")]
        raise UsageError(f"module {name!r} does not exist in {folder}", hint=suggestion(name, known)) from error
    except (Exception, SystemExit) as error:
        raise _import_error(name, error) from error


def _import_error(name: str, error: BaseException) -> UsageError:
    what = f"{type(error).__name__}: {error}"
    return UsageError(
        f"module {name} cannot be imported: {what}{_where(error)}", hint=f'try it alone: python -c "import {name}"'
    )


def _where(error: BaseException) -> str:
    """Return file and line of the user's own code in which an error was raised, or nothing."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_foreign(frame.filename)]
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _is_foreign(file: str) -> bool:
    return file.startswith("<") or Path(__file__).parents[1] in Path(file).parents or file == importlib.__file__


def _is_model(value: Any) -> bool:
    return isinstance(value, Plan) or (isinstance(value, type) and issubclass(value, Model) and value is not Model)
