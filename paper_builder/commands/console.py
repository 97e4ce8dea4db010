"""How do the commands speak? Results on stdout, progress and refusals on stderr."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from exam_core.errors import ExamError

JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", help="以 JSON 输出结果。")]


def show_json(value: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def show_line(text: str) -> None:
    """Print one line of result on stdout."""
    typer.echo(text)


def show_table(table: Table) -> None:
    """Print a table on stdout; without a terminal it is as wide as it needs to be."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def show_refusal(error: ExamError) -> None:
    """Print code, message and advice on stderr."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold red]错误[/] {escape(error.code)}：{escape(error.message)}")
    if error.advice:
        console.print(f"{escape(error.advice)}")


@contextmanager
def progress_bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while the block runs, when stderr is a terminal; yields "so many more"."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        task = progress.add_task(name, total=total)
        yield lambda count: progress.advance(task, count)
