"""Commands from functions: click gets arguments, options and help from a function's signature and docstring.

```python
def as_of(asked: QuestionOptions, *, where: Annotated[str | None, Option("--where", help="…")] = None) -> None:
    \"\"\"Show the state of every entity at a moment.\"\"\"
```

A parameter is annotated with an `Argument` or an `Option`. A parameter whose type is a `msgspec.Struct` is a group
of options. Each field of the struct is one option, documented once for all commands that have the group, and its
methods turn what was typed into arguments of the library.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypedDict, Union, Unpack, get_args, get_origin, get_type_hints

import click

__all__ = ["Argument", "Command", "Option", "as_command", "with_default", "write_sections"]

_ARGUMENTS: Final = "Arguments"
_OPTIONS: Final = "Options"
_NAMES: Final = 30
"""Characters of the column of names in the help; the text of a longer name begins on the next line."""


class _Settings(TypedDict, total=False):
    """What an annotation says about an argument or an option.

    The help text, the placeholder of the value, the heading above it in ``--help``, the smallest number, the
    environment variable that sets it, and whether the help shows its default.
    """

    help: str
    metavar: str
    panel: str
    min: int
    envvar: str
    show_default: bool


class Option:
    """Annotation of an option: its names, such as ``"--limit", "-n"``, and its settings."""

    def __init__(self, *names: str, **settings: Unpack[_Settings]) -> None:
        self.names = names
        self.settings = settings


class Argument:
    """Annotation of an argument, and its settings."""

    def __init__(self, **settings: Unpack[_Settings]) -> None:
        self.settings = settings


class _Option(click.Option):
    """An option below a heading of its own in ``--help``."""

    def __init__(self, names: Sequence[str], *, panel: str, **settings: Any) -> None:
        super().__init__(names, **settings)
        self.panel = panel

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the names and the text; click would repeat the range, which the text names."""
        return self.get_help_spec(ctx), with_default(self)


class _Argument(click.Argument):
    """An argument; unlike click's own, its help shows its default."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        return self.make_metavar(ctx), with_default(self)


def with_default(parameter: click.Parameter) -> str:
    """Return what the help says about a parameter: its text, its default and its environment variable."""
    text, default = parameter.help or "", parameter.default
    if getattr(parameter, "show_default", True) and default not in (None, ()) and not parameter.required:
        text += f" Default: {default}."
    return f"{text} Environment: {parameter.envvar}." if parameter.envvar else text


class Command(click.Command):
    """A command; its help has options below headings, and examples at the end."""

    def __init__(self, name: str, *, examples: Sequence[str], **settings: Any) -> None:
        super().__init__(name, **settings)
        self.examples = examples

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: arguments are one of the sections below."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write arguments and options below their headings; those of this command alone come first."""
        sections: dict[str, list[tuple[str, str]]] = {_ARGUMENTS: [], _OPTIONS: []}
        for each in self.get_params(ctx):
            record = each.get_help_record(ctx)
            if record is not None:
                panel = _ARGUMENTS if isinstance(each, click.Argument) else getattr(each, "panel", "")
                sections.setdefault(panel or _OPTIONS, []).append(record)
        write_sections(formatter, sections)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the examples as they are typed, one a line."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}$ eventsource {line}\n")


def write_sections(formatter: click.HelpFormatter, sections: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    """Write names with their texts below headings, in the same two columns everywhere."""
    names = [name for rows in sections.values() for name, _ in rows]
    width = max((len(name) for name in names if len(name) <= _NAMES), default=0)
    for heading, rows in sections.items():
        if rows:
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows], col_max=width)


def as_command(
    function: Callable[..., None], name: str, *, examples: Sequence[str], passes_on: bool = False
) -> Command:
    """Return a function as a command of click.

    Args:
        function: its parameters are the arguments and options, its docstring is the help.
        name: what a user types.
        examples: lines that a user may type, without the name of the program.
        passes_on: whether unknown options are taken too; the function finds them in its `click.Context`.
    """
    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function).parameters
    contexts = [key for key in signature if hints[key] is click.Context]
    groups = {key: hints[key] for key in signature if hasattr(hints[key], "__struct_fields__")}
    own = {
        key: _parameter(key, hints[key], each.default)
        for key, each in signature.items()
        if key not in groups and key not in contexts
    }
    shared = {key: _options(group) for key, group in groups.items()}

    def run(**given: Any) -> None:
        values = {key: group(**{each: given.pop(each) for each in shared[key]}) for key, group in groups.items()}
        function(**values, **given, **dict.fromkeys(contexts, click.get_current_context(silent=True)))

    return Command(
        name,
        params=[*own.values(), *(option for options in shared.values() for option in options.values())],
        callback=run,
        help=_unwrapped(inspect.getdoc(function) or ""),
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True} if passes_on else {},
        examples=examples,
    )


def _options(group: type[Any]) -> Mapping[str, click.Parameter]:
    """Return the fields of a group as options, by their names."""
    from msgspec.structs import fields  # the list of commands does without

    hints = get_type_hints(group, include_extras=True)
    empty = inspect.Parameter.empty
    return {
        each.name: _parameter(each.name, hints[each.name], empty if each.required else each.default)
        for each in fields(group)
    }


def _parameter(name: str, hint: Any, default: Any) -> click.Parameter:
    """Return a parameter of a function as one of click."""
    annotated, annotation = get_args(hint)
    value, many = _value_type(annotated)
    given = dict(annotation.settings)
    least, panel, shown = given.pop("min", None), given.pop("panel", ""), given.pop("show_default", True)
    choices = get_args(value) if get_origin(value) is Literal else ()
    settings: dict[str, Any] = {
        **({"metavar": "|".join(choices)} if choices else {}),
        **given,
        "type": _click_type(value, least),
        "callback": _as_list if many else None,
    }
    is_required = default is inspect.Parameter.empty
    settings |= {"required": True} if is_required else {"default": default}  # for click, None is a default too
    if isinstance(annotation, Argument):
        plain = given["metavar"] if is_required else f"[{given['metavar']}]"
        settings |= {"metavar": f"{plain}..." if many else plain, "nargs": -1 if many else 1}
        return _Argument([name], **settings)
    if value is bool:
        settings |= {"is_flag": True, "type": None}
    show_default = shown and default is not None and value is not bool
    return _Option([name, *annotation.names], panel=panel, show_default=show_default, multiple=many, **settings)


def _value_type(annotated: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there may be many: ``list[str] | None`` is ``(str, True)``."""
    if get_origin(annotated) in (Union, UnionType):
        (annotated,) = (each for each in get_args(annotated) if each is not NoneType)
    if get_origin(annotated) is list:
        return get_args(annotated)[0], True
    return annotated, False


def _click_type(value: Any, least: int | None) -> Any:
    """Return the type of click that reads a value from text."""
    if get_origin(value) is Literal:
        return click.Choice(get_args(value))
    if value is Path:
        return click.Path(path_type=Path, readable=False)
    return value if least is None else click.IntRange(min=least)


def _as_list(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[str] | None:
    """Return the values of a repeated parameter; None if there are none."""
    return list(values) or None


def _unwrapped(text: str) -> str:
    """Return a text with each paragraph in one line: the terminal's width decides where lines end."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
