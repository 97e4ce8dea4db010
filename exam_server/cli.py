"""`exam-server`: the room's commands, and the grading site's under `grade`.

A process is one program or the other: the room's never loads the marking's code, which knows
answer keys, and the grading site's never loads the room's.
"""

import sys

import typer

from exam_server import command_line
from exam_server.hardening import harden

_GRADE = "grade"
_GRADE_HELP = "阅卷点：导入、阅卷、成绩（exam-server grade --help）"


def main() -> None:
    """Entry point of the console script."""
    harden()
    is_grading = sys.argv[1:2] == [_GRADE]
    command_line.run(_grading_program() if is_grading else _room_program())


def _room_program() -> typer.Typer:
    from exam_server.room.cli import app  # noqa: PLC0415  only in the room's process

    # Only the name, for the list of commands: `main` never comes here with it.
    app.add_typer(typer.Typer(help=_GRADE_HELP), name=_GRADE)
    return app


def _grading_program() -> typer.Typer:
    from exam_server.marking.cli import app  # noqa: PLC0415  only in the grading site's process

    program = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    program.callback()(lambda: None)
    program.add_typer(app, name=_GRADE, help=_GRADE_HELP)
    return program


if __name__ == "__main__":
    main()
