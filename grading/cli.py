"""`grading`: repeat, show and print the results of an archive; trace a photographed page.

It reads the archive and nothing else, so anybody who holds the file can check the result.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from exam_core.crypto.selftest import run_self_test
from exam_core.errors import ExamError
from grading.archive_file import read_archive
from grading.evidence.commands import verify_command
from grading.ranking.policy import describe_policy
from grading.reporting.files import write_reports
from grading.reporting.fonts import register_fonts
from grading.reporting.wording import (
    all_scores,
    decimals_of,
    duration_text,
    standing_text,
    tie_lines,
)
from grading.result_model import Results
from grading.results import recompute
from grading.scoring.outcome import points_text
from grading.trace.commands import add_commands

app = typer.Typer(
    help="成绩复算、排名、成绩文件，由照片追查试卷（只读取成绩档案或答案包）",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

ArchivePath = Annotated[
    Path, typer.Argument(help="成绩档案 .examarchive", metavar="FILE", readable=False)
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with the status of the error that stopped it.

    Args:
        arguments: Without the program name; None takes them from the process.
    """
    try:
        run_self_test()
        app(args=arguments)
    except ExamError as error:
        console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        console.print(f"错误 {error.code}：{error.message}。{error.advice}")
        sys.exit(error.exit_status)


add_commands(app)
app.command("verify", help="核验考点的结果包或成绩档案；不符时指出是哪名考生、哪一条。")(
    verify_command
)


@app.command("recompute", help="由成绩档案重算全部成绩，与档案记载的摘要核对，打印摘要。")
def recompute_command(file: ArchivePath) -> None:
    """Repeat the results, compare them with the stored digest, print it."""
    archive = read_archive(file)
    recompute(archive)
    sys.stdout.write(f"{archive.results_sha256}\n")


@app.command("rank", help="显示个人排名与团体排名。")
def rank_command(
    file: ArchivePath,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="输出全部结果（JSON）")] = False,
) -> None:
    """Show the ranked lists, or everything as JSON."""
    archive = read_archive(file)
    results = recompute(archive)
    if as_json:
        statement = {"results_sha256": archive.results_sha256, "results": results}
        sys.stdout.write(msgspec.json.encode(statement, order="sorted").decode() + "\n")
        return
    console = Console(highlight=False, markup=False)
    console.print(results.title)
    for line in (*describe_policy(results.policy), *tie_lines(results)):
        console.print(line)
    console.print(_candidate_table(results))
    console.print(_team_table(results))
    console.print(f"成绩摘要 SHA-256 {archive.results_sha256}", soft_wrap=True)


@app.command(
    "report", help="写出成绩文件：一个 .xlsx，三个 PDF（成绩排名、团体排名、个人成绩单）。"
)
def report_command(
    file: ArchivePath,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="目标文件夹；已有其中任一成绩文件时拒绝，不覆盖",
            metavar="DIR",
            readable=False,
        ),
    ],
    font: Annotated[
        list[Path] | None,
        typer.Option("--font", help="补充的 TrueType 字体文件，可多次给出", readable=False),
    ] = None,
) -> None:
    """Write the workbook and the PDFs."""
    results = recompute(read_archive(file))
    register_fonts(font or ())
    for path in write_reports(results, out):
        sys.stdout.write(f"{path}\n")


def _candidate_table(results: Results) -> Table:
    decimals = decimals_of(all_scores(results))
    table = Table(title="成绩排名")
    for name in ("名次", "准考证号", "姓名", "代表队"):
        table.add_column(name, overflow="fold")
    for name in ("总分", "净用时"):
        table.add_column(name, justify="right", overflow="fold")
    for row in results.candidates:
        figures = (
            []
            if row.working_ms is None
            else [points_text(row.total.score_milli, decimals), duration_text(row.working_ms)]
        )
        table.add_row(standing_text(row), row.admission_number, row.name, row.team, *figures)
    return table


def _team_table(results: Results) -> Table:
    decimals = decimals_of(all_scores(results))
    names = {row.admission_number: row.name for row in results.candidates}
    table = Table(title="团体排名")
    for name in ("名次", "代表队", "计入成绩的队员"):
        table.add_column(name, overflow="fold")
    table.add_column("团体总分", justify="right")
    for team in results.teams:
        table.add_row(
            str(team.rank),
            team.team,
            "、".join(names[number] for number in team.counted),
            points_text(team.total_milli, decimals),
        )
    return table
