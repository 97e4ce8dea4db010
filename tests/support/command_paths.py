"""Every file argument and option of a command line, as Typer will check it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import typer


class CommandPath(NamedTuple):
    """One parameter that names a file, and which checks the library would make of it."""

    name: str
    exists: bool
    readable: bool
    help: str


def paths_of(app: typer.Typer) -> Iterator[CommandPath]:
    """The file parameters of all commands of a program."""
    for command in app.registered_commands:
        assert command.callback
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            kind, *settings = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            if kind is not Path and Path not in get_args(kind):
                continue
            found: list[Any] = [one for one in settings if hasattr(one, "readable")]
            where = f"{command.name or command.callback.__name__} {name}"
            one = found[0] if found else typer.Argument()
            yield CommandPath(where, one.exists, one.readable, one.help or "")
