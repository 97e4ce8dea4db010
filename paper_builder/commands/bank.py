"""The commands about the item bank: template, import, export, coverage."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.markup import escape
from rich.table import Table

from exam_core.errors import InputError, declare
from exam_core.model.items import TITLES_ZH, ItemType
from paper_builder.bank.coverage import Coverage
from paper_builder.bank.importing import read_bank_file, take_in
from paper_builder.bank.pictures import picture_name
from paper_builder.bank.report import Finding, ImportReport, PutCounts
from paper_builder.bank.store import ItemBank
from paper_builder.bank.text_item import TextDefaults
from paper_builder.bank.xlsx import write_items, write_template
from paper_builder.commands.console import (
    JsonFlag,
    progress_bar,
    show_json,
    show_line,
    show_table,
)
from paper_builder.files import PRIVATE, refuse_existing, write_file

IMPORT_NOTHING = declare("import.nothing", "请按报告逐条改正后重新导入；题库没有改动。")

BankOption: TypeAlias = Annotated[
    str, typer.Option("--bank", help="题库：SQLite 文件的路径，或数据库地址。")
]

OutputFile: TypeAlias = Annotated[
    Path, typer.Argument(help="要写出的 .xlsx 文件；已有同名文件时拒绝。", readable=False)
]

_FINDINGS_SHOWN = 50


def template(
    file: OutputFile,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Write the empty template."""
    refuse_existing(file)
    write_template(file)
    if as_json:
        show_json({"file": str(file)})
    else:
        show_line(f"已写出题库表：{file}")


def import_(
    file: Annotated[
        Path, typer.Argument(help="题库表（.xlsx）或文本题库（.txt）。", readable=False)
    ],
    bank: BankOption,
    domain: Annotated[str, typer.Option(help="文本题库中试题的领域。")] = "",
    knowledge_point: Annotated[str, typer.Option(help="文本题库中试题的知识点。")] = "",
    legal_basis: Annotated[str, typer.Option(help="文本题库中试题的法律依据。")] = "",
    *,
    as_json: JsonFlag = False,
) -> None:
    """Report every malformed item of a file and take in the others."""
    defaults = (
        TextDefaults(domain=domain, knowledge_point=knowledge_point, legal_basis=legal_basis)
        if domain
        else None
    )
    read = read_bank_file(file, defaults)
    if read.problems and not read.items:
        report = ImportReport(read=read, counts=PutCounts(added=0, changed=0, unchanged=0))
    else:
        with progress_bar("入库", total=len(read.items)) as advance:
            report = take_in(bank, read, advance)
    if as_json:
        show_json(report.as_dict())
    else:
        _show_report(report)
    if report.read.problems and not report.read.items:
        raise InputError(IMPORT_NOTHING, f"{file.name} 中没有一道可用的试题")


def export(
    file: OutputFile,
    bank: BankOption,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Write the current version of every item as a workbook."""
    refuse_existing(file)
    with ItemBank.open(bank) as store:
        items = store.items()
        write_items(file, items, store.remarks())
        pictures = {image.sha256: image for item in items for image in item.images}
        for digest, content in store.images(pictures).items():
            write_file(file.parent / picture_name(pictures[digest]), content, PRIVATE)
    if as_json:
        show_json({"file": str(file), "items": len(items)})
    else:
        show_line(f"已写出 {len(items)} 题：{file}")


def coverage(bank: BankOption, *, as_json: JsonFlag = False) -> None:
    """Show how many items there are of each domain and type."""
    with ItemBank.open(bank) as store:
        found = store.coverage()
    if as_json:
        show_json({"total": found.total, "counts": found.as_dict()})
    else:
        show_table(_coverage_table(found))


def _coverage_table(found: Coverage) -> Table:
    table = Table("领域", title=f"题库覆盖表（共 {found.total} 题）", show_footer=True)
    table.columns[0].footer = "合计"
    for kind in ItemType:
        table.add_column(TITLES_ZH[kind], justify="right", footer=str(found.of_type(kind)))
    table.add_column("合计", justify="right", footer=str(found.total))
    for domain in found.domains:
        counts = [str(found.of(domain, kind)) for kind in ItemType]
        table.add_row(escape(domain), *counts, str(found.of_domain(domain)))
    return table


def _show_report(report: ImportReport) -> None:
    read, counts = report.read, report.counts
    skipped = len(read.problems) + read.problems_unlisted
    show_line(
        f"{read.file}：新增 {counts.added} 题，更新 {counts.changed} 题，"
        f"未变 {counts.unchanged} 题，略过 {skipped} 题"
    )
    if read.problems:
        show_table(_findings_table("略过的试题", read.problems, skipped))
    if read.notes:
        show_table(_findings_table("已自动改正，请核对", read.notes, len(read.notes)))


def _findings_table(title: str, findings: list[Finding], total: int) -> Table:
    table = Table("行", "列", "题", "原因", title=f"{title}（{total}）")
    for finding in findings[:_FINDINGS_SHOWN]:
        cells = (finding.column, finding.item, finding.reason)
        table.add_row(str(finding.row), *map(escape, cells))
    if total > _FINDINGS_SHOWN:
        table.add_row("…", "", "", "其余用 --json 查看")
    return table
