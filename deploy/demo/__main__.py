"""`python -m deploy.demo`: run the demo with the settings in the environment."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.table import Table

from deploy.demo.conductor import conduct, interrupt_on_term
from deploy.demo.processes import DemoError
from deploy.demo.progress import Steps
from deploy.demo.settings import read_settings


def main() -> int:
    """Run the demo; the exit status is 0 when everything held."""
    console = Console()
    interrupt_on_term()
    try:
        settings = read_settings(os.environ)
        summary = conduct(settings, Steps(console))
    except (DemoError, ValueError) as error:
        Console(stderr=True).print(f"[bold red]demo 失败[/] {error}", highlight=False)
        return 1
    table = Table(title="结果", show_header=False)
    for name in ("candidates", "responses_acknowledged", "responses_lost", "kills", "marks_given"):
        table.add_row(name, str(summary[name]))
    table.add_row("scores_sha256", summary["scores_sha256"][:32] + "…")
    table.add_row("duration_s", str(summary["duration_s"]))
    console.print(table)
    if settings.keep:
        console.print("两个服务器仍在运行；停止：pkill -f 'exam-server .*serve'")
    console.print(f"试卷、成绩、截图、审计日志和 summary.json 在 [bold]{settings.out}[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
