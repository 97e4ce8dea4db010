"""`grading trace` and `grading trace-items`: from a photographed page to form and person."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from exam_core.errors import InputError
from exam_core.keys.model import LETTERS, AnswerKey, KeyedItem
from grading import limits
from grading.archive_file import read_regular
from grading.trace.matching import FormIndex, Trace, trace_forms
from grading.trace.readings import TRACE_SEEN, parse_readings
from grading.trace.sources import Sitter, TraceSource, read_source

Source = Annotated[
    Path,
    typer.Argument(help="成绩档案 .examarchive，或答案包 .examkey", metavar="FILE", readable=False),
]
Identity = Annotated[
    Path | None, typer.Option("--identity", help="阅卷点私钥文件（答案包用）", readable=False)
]
Root = Annotated[
    Path | None, typer.Option("--root", help="信任根 root.json（答案包用）", readable=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


def add_commands(app: typer.Typer) -> None:
    """Put both commands on the program."""
    app.command("trace", help="由照片上选项的先后顺序，查出是哪一卷、哪名考生、哪个机位。")(
        trace_command
    )
    app.command("trace-items", help="按题干中的字词查试题，显示题库编号和作者的选项字母。")(
        items_command
    )


def trace_command(
    file: Source,
    *,
    seen: Annotated[
        list[str] | None,
        typer.Option("--seen", help="一条读数，如 B0001=CADB 或 B0001@12=CA?B，可多次"),
    ] = None,
    seen_file: Annotated[
        Path | None, typer.Option("--seen-file", help="读数文件，一行一条", readable=False)
    ] = None,
    identity: Identity = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Find the form."""
    source = read_source(file, identity=identity, root=root)
    lines = [*(seen or ()), *(_lines(seen_file) if seen_file else ())]
    found = trace_forms(FormIndex(source.key), parse_readings(lines, source.key))
    if as_json:
        statement: dict[str, Any] = msgspec.to_builtins(found)
        statement["is_unique"] = len(found.best) == 1
        for match in statement["matches"]:
            match["sitters"] = source.sitters.get(match["form_number"], ())
        sys.stdout.write(msgspec.json.encode(statement, order="sorted").decode() + "\n")
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in _describe(found, source):
        console.print(line)


def items_command(
    file: Source,
    words: Annotated[list[str], typer.Argument(help="题干、材料或选项中的字词，须全部出现")],
    *,
    identity: Identity = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show the author's letters of the items with these words."""
    key = read_source(file, identity=identity, root=root).key
    found = [item for item in key.items if all(word in _text(item) for word in words)]
    shown = found[: limits.trace_items_shown_max]
    if as_json:
        statement = [
            {"bank_item_id": item.bank_item_id, "parts": _lettered(item)} for item in shown
        ]
        sys.stdout.write(msgspec.json.encode(statement, order="sorted").decode() + "\n")
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for item in shown:
        for part in _lettered(item):
            console.print(f"{part['name']}　{part['stem']}")
            for letter, text in part["choices"].items():
                console.print(f"    {letter}  {text}")
    if len(found) != len(shown):
        console.print(f"共 {len(found)} 题，只显示前 {len(shown)} 题；请多给几个字词。")
    elif not found:
        console.print("没有试题含有全部这些字词。")


def _describe(found: Trace, source: TraceSource) -> Iterator[str]:
    yield f"共 {found.forms} 卷，读数 {len(found.readings)} 条：{'，'.join(found.readings)}"
    if not found.matches:
        yield "没有一卷相符（已容许一条读错）。请核对字母和题库编号，并确认是这套试卷。"
        return
    for match in found.matches[: limits.trace_forms_shown_max]:
        wrong = f"，其中 {match.wrong[0]} 不符（可能读错）" if match.wrong else "，全部读数相符"
        yield f"第 {match.form_number} 卷{wrong}{_who(source.sitters.get(match.form_number, ()))}"
    hidden = len(found.matches) - limits.trace_forms_shown_max
    if hidden > 0:
        yield f"另有 {hidden} 卷也相符，未显示。"
    yield f"其余各卷中至少有一卷碰巧同样相符的概率：{found.chance:.2g}"
    if len(found.best) == 1:
        yield f"结论：第 {found.best[0].form_number} 卷。"
    elif found.next_item is not None:
        name = _part_name(found.next_item.bank_item_id, found.next_item.part_number)
        stem = _stem(source.key, found.next_item.bank_item_id, found.next_item.part_number)
        yield (
            f"还不能确定：{len(found.best)} 卷同样相符。再看 {name}（{stem}）的选项顺序，"
            f"平均剩 {found.next_item.remaining:.1f} 卷。"
        )
    else:
        yield f"不能确定：{len(found.best)} 卷同样相符，其余试题也分不开。"


def _who(sitters: Iterable[Sitter]) -> str:
    return "".join(
        f"：{one.name}（{one.admission_number}），{one.unit}，考点 {one.centre_id}，"
        f"机位 {'、'.join(one.seats) or '无记录'}"
        for one in sitters
    )


def _lines(path: Path) -> list[str]:
    data = read_regular(path, bytes_max=limits.small_file_bytes_max, code=TRACE_SEEN)
    if len(data) > limits.small_file_bytes_max:
        raise InputError(TRACE_SEEN, f"{path.name} 过大")
    return data.decode("utf-8-sig", "replace").splitlines()


def _text(item: KeyedItem) -> str:
    parts = (text for part in item.parts for text in (part.stem, *part.choices))
    return "\n".join((item.material, *parts))


def _lettered(item: KeyedItem) -> list[dict[str, Any]]:
    return [
        {
            "name": _part_name(item.bank_item_id, number),
            "stem": part.stem,
            "choices": dict(zip(LETTERS, part.choices, strict=False)),
        }
        for number, part in enumerate(item.parts, 1)
    ]


def _part_name(bank_item_id: str, part_number: int) -> str:
    return bank_item_id if part_number == 1 else f"{bank_item_id}/{part_number}"


def _stem(key: AnswerKey, bank_item_id: str, part_number: int) -> str:
    item = next(one for one in key.items if one.bank_item_id == bank_item_id)
    stem = item.parts[part_number - 1].stem
    return (
        stem
        if len(stem) <= limits.trace_stem_chars_shown
        else (stem[: limits.trace_stem_chars_shown] + "…")
    )
