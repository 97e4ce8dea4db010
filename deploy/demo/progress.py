"""Shows the steps of the demo as they happen, and remembers how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Steps:
    """The steps of one run, printed in order; with a terminal, long ones have a bar."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.done: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step, and record its time when it is done."""
        self.console.print(f"[bold cyan]{len(self.done) + 1:2d}[/] {name}")
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        self.done.append((name, round(seconds, 2)))
        self.console.print(f"   [green]✓[/] {seconds:.1f} 秒", highlight=False)

    def say(self, text: str) -> None:
        """One line of detail below the current step."""
        self.console.print(f"   {text}", highlight=False)

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A progress bar; call the value with how far it has come."""
        columns = (
            TextColumn("   {task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
        )
        quiet = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=quiet) as progress:
            task = progress.add_task(label, total=total)
            yield lambda completed: progress.update(task, completed=completed)
