"""`grading verify`: is a file of results or an archive whole, and if not, where was it changed?"""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import InputError, declare
from exam_core.formats.centre_descriptor import verify_centre
from exam_core.formats.trust_root import parse_root
from exam_core.keys.package import open_key_package
from grading import limits
from grading.archive import MAGIC as ARCHIVE_MAGIC
from grading.archive import decode_archive
from grading.archive_file import read_regular
from grading.evidence.faults import LAYER_TITLES, Fault
from grading.evidence.verify import Verdict, Verification, verify_results
from grading.results import recompute

VERIFY_SOURCE = declare(
    "verify.source",
    "核验结果包须同时给出 --identity、--key、--centre、--root；核验成绩档案不用。",
)

NOT_WHOLE = 1
"""Exit status when something does not hold; 2 says that there was nothing to look at."""

_File = Annotated[
    Path,
    typer.Argument(
        help="结果包 .examresults，或成绩档案 .examarchive", metavar="FILE", readable=False
    ),
]


def verify_command(
    file: _File,
    *,
    identity: Annotated[
        Path | None, typer.Option("--identity", help="阅卷点私钥文件", readable=False)
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="答案包 .examkey", readable=False)
    ] = None,
    centre: Annotated[
        Path | None, typer.Option("--centre", help="总部签名的考点文件", readable=False)
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="信任根 root.json", readable=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """Verify a file; exits with 1 when something does not hold."""
    data = _read(file, limits.archive_bytes_max)
    if data.startswith(ARCHIVE_MAGIC):
        archive = decode_archive(data)
        recompute(archive)
        _say_archive(archive.results_sha256, as_json=as_json)
        return
    if identity is None or key is None or centre is None or root is None:
        raise InputError(VERIFY_SOURCE, "缺少打开结果包所需的文件")
    secret = _identity(identity)
    trusted = parse_root(_read(root, limits.small_file_bytes_max))
    found = verify_results(
        data,
        identity=secret,
        key=open_key_package(_read(key, limits.archive_bytes_max), secret, trusted),
        centre=verify_centre(_read(centre, limits.small_file_bytes_max), trusted),
    )
    if as_json:
        statement = {
            "holds": found.holds,
            "verification": found,
            "layers": {verdict.layer: verdict.holds for verdict in found.verdicts},
        }
        sys.stdout.write(msgspec.json.encode(statement, order="sorted").decode() + "\n")
    else:
        _show(found)
    if not found.holds:
        raise typer.Exit(NOT_WHOLE)


def _show(found: Verification) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"结果包 SHA-256 {found.file_sha256}")
    console.print(f"考点 {found.centre_id}，场次 {found.sitting_id}，序号 {found.sequence}")
    console.print(f"签名官员：{'、'.join(found.signed_by) or '无有效签名'}")
    table = Table(title="核验")
    for name in ("层", "结论", "问题数"):
        table.add_column(name)
    for verdict in found.verdicts:
        table.add_row(LAYER_TITLES[verdict.layer], _word(verdict), str(len(verdict.faults)))
    console.print(table)
    for fault in found.faults:
        console.print(
            f"{LAYER_TITLES[fault.layer]}　{_place(fault)}{fault.message}（{fault.code}）"
        )
    console.print("全部相符。" if found.holds else "有不符之处，见上。保留原件并上报。")


def _word(verdict: Verdict) -> str:
    if not verdict.is_checked:
        return "无法查看"
    return "不符" if verdict.faults else "相符"


def _place(fault: Fault) -> str:
    parts = [
        f"考生 {fault.admission_number}" if fault.admission_number else "",
        f"段 {fault.segment_id[:8]}" if fault.segment_id else "",
        f"第 {fault.entry} 条" if fault.entry >= 0 else "",
        f"日志第 {fault.line} 行" if fault.line else "",
    ]
    text = " ".join(part for part in parts if part)
    return f"[{text}] " if text else ""


def _say_archive(results_sha256: str, *, as_json: bool) -> None:
    if as_json:
        statement = {"holds": True, "results_sha256": results_sha256}
        sys.stdout.write(msgspec.json.encode(statement, order="sorted").decode() + "\n")
        return
    sys.stdout.write(f"成绩档案完整，重算的成绩与档案记载相符。\n成绩摘要 {results_sha256}\n")


def _identity(path: Path) -> SealingIdentity:
    text = _read(path, limits.small_file_bytes_max).decode("utf-8", "replace")
    keys = [line.strip() for line in text.splitlines() if line.startswith("AGE-SECRET-KEY-")]
    if len(keys) != 1:
        raise InputError(VERIFY_SOURCE, "私钥文件中没有唯一的一把私钥")
    return SealingIdentity(keys[0])


def _read(path: Path, bytes_max: int) -> bytes:
    data = read_regular(path, bytes_max=bytes_max, code=VERIFY_SOURCE)
    if len(data) > bytes_max:
        raise InputError(VERIFY_SOURCE, f"{path.name} 过大")
    return data
