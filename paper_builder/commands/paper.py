"""The commands about a paper: draw and print."""

import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from exam_core.errors import InputError, declare
from exam_core.model.items import TITLES_ZH
from paper_builder import limits
from paper_builder.assembly.blueprint import scoring_note
from paper_builder.assembly.blueprint_file import load_blueprint, preset_names
from paper_builder.assembly.draft import (
    DrawRecord,
    PaperDraft,
    encode_draft,
    encode_record,
    parse_draft,
    with_images,
)
from paper_builder.assembly.draw import draw_paper
from paper_builder.bank.store import ItemBank
from paper_builder.commands.bank import BankOption
from paper_builder.commands.console import (
    JsonFlag,
    progress_bar,
    show_json,
    show_line,
    show_table,
)
from paper_builder.files import read_file, refuse_existing, write_folder
from paper_builder.publish.print_answers import answers_pdf
from paper_builder.publish.print_paper import PrintOptions, paper_pdf

PRINT_FORM = declare("publish.form", "请核对卷号。")

RECORD_FILE = "draw.json"
POOL_FILE = "pool.jsonl"
DRAFT_FILE = "paper.draft"


def read_draft(path: Path) -> PaperDraft:
    """The draft of a file, or of the folder that `draw` wrote.

    Raises:
        InputError: `builder.file`, `builder.too_large`, `draft.file`.
    """
    file = path / DRAFT_FILE if path.is_dir() else path
    return parse_draft(read_file(file, limits.draft_bytes_max, "试卷稿"))


def draw(
    bank: BankOption,
    blueprint: Annotated[
        str, typer.Option(help=f"蓝图文件（.toml），或预设：{'、'.join(preset_names())}。")
    ],
    out: Annotated[Path, typer.Option(help="写入的新目录；内容在考试结束前保密。", readable=False)],
    seed: Annotated[
        str, typer.Option(help="种子：64 位十六进制数字；不给则由系统随机产生并记入组卷记录。")
    ] = "",
    forms: Annotated[int | None, typer.Option(help="卷数；不给则按蓝图。")] = None,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Draw a paper and write its record, its frozen pool and its draft into a new folder."""
    refuse_existing(out)
    plan = load_blueprint(blueprint)
    with ItemBank.open(bank) as store:
        items = store.items()
    with progress_bar("编排各卷", total=plan.forms if forms is None else forms) as advance:
        drawn = draw_paper(
            items, plan, seed or secrets.token_hex(32), forms=forms, on_progress=advance
        )
    with ItemBank.open(bank) as store:
        pictures = store.images(image.sha256 for item in drawn.draft.items for image in item.images)
    files = {
        RECORD_FILE: encode_record(drawn.record),
        POOL_FILE: drawn.pool.as_bytes(),
        DRAFT_FILE: encode_draft(with_images(drawn.draft, pictures)),
    }
    write_folder(out, files)
    if as_json:
        show_json(_summary(drawn.record, out))
        return
    show_table(_cells_table(drawn.record))
    show_line(f"试卷 {drawn.record.paper_id}：{len(drawn.record.forms)} 卷，写在 {out}")
    show_line(f"题库摘要 {drawn.record.pool_digest}")
    show_line(f"蓝图摘要 {drawn.record.blueprint_digest}")


def print_(
    draft: Annotated[
        Path, typer.Argument(help="draw 写出的目录或其中的 paper.draft。", readable=False)
    ],
    out: Annotated[Path, typer.Option(help="写入 PDF 的新目录。", readable=False)],
    form: Annotated[list[int] | None, typer.Option(help="卷号，可重复；不给则为第 1 卷。")] = None,
    banner: Annotated[str, typer.Option(help="密级标识，例如“机密★启用前”。")] = "",
    *,
    as_json: JsonFlag = False,
) -> None:
    """Print forms and their answers as PDF into a new folder."""
    refuse_existing(out)
    paper = read_draft(draft)
    laid_out = {entry.form.form_number: entry for entry in paper.forms}
    wanted = sorted(set(form or [1]))
    unknown = [number for number in wanted if number not in laid_out]
    if unknown:
        raise InputError(PRINT_FORM, f"没有第 {unknown[0]} 卷，共 {len(laid_out)} 卷")
    options = PrintOptions(
        duration_ms=paper.duration_ms,
        banner=banner,
        notes=(f"评分：{scoring_note(paper.scoring)}",),
    )
    files = {}
    with progress_bar("排版", total=len(wanted)) as advance:
        for number, entry in laid_out.items():
            if number not in wanted:
                continue
            files[f"paper-form-{number:03d}.pdf"] = paper_pdf(entry.form, options)
            files[f"answers-form-{number:03d}.pdf"] = answers_pdf(
                entry.form, entry.form_map, paper.items, options
            )
            advance(1)
    write_folder(out, files)
    if as_json:
        show_json({"out": str(out), "files": sorted(files)})
    else:
        show_line(f"已写出 {len(files)} 个 PDF：{out}")


def _summary(record: DrawRecord, out: Path) -> dict[str, object]:
    """What may be said aloud about a draw: not the seed, not the items."""
    totals = record.blueprint.type_totals()
    return {
        "out": str(out),
        "paper_id": record.paper_id,
        "pool_digest": record.pool_digest,
        "blueprint_digest": record.blueprint_digest,
        "forms": len(record.forms),
        "tries": record.tries,
        "table_method": record.table_method.value,
        "table": {
            entry.domain: {
                total.item_type.value: count for total, count in zip(totals, row, strict=True)
            }
            for entry, row in zip(record.blueprint.domains, record.table, strict=True)
        },
    }


def _cells_table(record: DrawRecord) -> Table:
    totals = record.blueprint.type_totals()
    table = Table("领域", title=f"{escape(record.blueprint.title)}：领域 × 题型", show_footer=True)
    table.columns[0].footer = "合计"
    for total in totals:
        table.add_column(TITLES_ZH[total.item_type], justify="right", footer=str(total.items))
    table.add_column("合计", justify="right", footer=str(record.blueprint.total_items))
    for entry, row in zip(record.blueprint.domains, record.table, strict=True):
        table.add_row(escape(entry.domain), *map(str, row), str(sum(row)))
    return table
