"""The commands that sign and seal: keys, keys rotate, sign-centre, seal."""

import datetime as dt
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.markup import escape
from rich.table import Table

from exam_core import limits as core_limits
from exam_core.crypto.sealing import Recipient
from exam_core.errors import InputError, declare
from exam_core.formats.centre_descriptor import verify_centre
from exam_core.formats.paper_package import NEEDED_PROGRAM
from exam_core.formats.trust_root import TrustRoot, fingerprint
from exam_core.model.identifiers import CentreId, ExamId, FormNumber, SittingId
from paper_builder.commands.console import (
    JsonFlag,
    progress_bar,
    show_json,
    show_line,
    show_table,
)
from paper_builder.commands.paper import read_draft
from paper_builder.files import read_file, refuse_existing, write_file
from paper_builder.publish.keys import (
    DEFAULT_OFFICES,
    DEFAULT_THRESHOLD,
    ROOT_FILE,
    UPDATE_FILE,
    make_headquarters_keys,
    read_key_file,
    read_root,
    read_signing_key,
    rotate_headquarters_keys,
    write_headquarters_keys,
)
from paper_builder.publish.seal import (
    PUBLISH_CENTRE,
    CentreOrder,
    bundle_file,
    seal_paper,
    sign_centre_file,
    write_codes,
    write_sealed,
)

KeyOption: TypeAlias = Annotated[
    list[Path], typer.Option("--key", help="签名密钥文件，两人各一，可重复。", readable=False)
]
RootOption: TypeAlias = Annotated[
    Path, typer.Option("--root", help="信任根 root.json。", readable=False)
]

PUBLISH_CODES = declare(
    "publish.codes", "启封码不能与启封包放在一起：请为 --codes-out 另选一个目录。"
)
PUBLISH_TIME = declare(
    "publish.time", "时间写成 年-月-日T时:分+时区，例如 2026-11-23T09:00+08:00；也可以不给。"
)

keys = typer.Typer(
    help="生成总部签名密钥和信任根；rotate 更换。",
    invoke_without_command=True,
    no_args_is_help=False,
)

_RANGE = re.compile(r"(?P<path>.+)=(?P<first>\d{1,5})-(?P<last>\d{1,5})")


@keys.callback()
def make_keys(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="写入的新目录；必须给出。", readable=False)
    ] = None,
    office: Annotated[
        list[str] | None, typer.Option(help="岗位，可重复；不给则为 setter 和 approver 各一。")
    ] = None,
    threshold: Annotated[
        int, typer.Option(help="至少几人签名才有效，不少于 2。")
    ] = DEFAULT_THRESHOLD,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Make the signing keys of headquarters and the trust root in a new folder."""
    if context.invoked_subcommand:
        return
    if out is None:
        message = "缺少 --out"
        raise typer.BadParameter(message, ctx=context)
    refuse_existing(out)
    made = make_headquarters_keys(office or DEFAULT_OFFICES, threshold)
    write_headquarters_keys(made, out)
    if as_json:
        show_json({"out": str(out), "fingerprint": fingerprint(made.root)})
    else:
        show_line(f"已写出 {ROOT_FILE} 和 {len(made.private_keys)} 个签名密钥：{out}")
        show_line(f"信任根指纹（请抄录备查）：{fingerprint(made.root)}")


@keys.command()
def rotate(
    *,
    root: RootOption,
    key: KeyOption,
    out: Annotated[Path, typer.Option(help="写入的新目录。", readable=False)],
    keep: Annotated[
        list[Path] | None,
        typer.Option(help="留任者的签名密钥文件，可重复；其余旧密钥作废。", readable=False),
    ] = None,
    office: Annotated[
        list[str] | None, typer.Option(help="新任岗位，可重复；全不给则两岗各换一人。")
    ] = None,
    threshold: Annotated[
        int, typer.Option(help="今后至少几人签名才有效，不少于 2。")
    ] = DEFAULT_THRESHOLD,
    as_json: JsonFlag = False,
) -> None:
    """Replace keys of headquarters: the root that follows, signed by the old and by the new."""
    refuse_existing(out)
    staying = [read_key_file(path) for path in keep or []]
    made = rotate_headquarters_keys(
        read_root(root),
        signers=[read_key_file(path) for path in key],
        staying=staying,
        offices=office or (() if staying else DEFAULT_OFFICES),
        threshold=threshold,
    )
    write_headquarters_keys(made, out)
    mark = fingerprint(made.root)
    if as_json:
        show_json({"out": str(out), "fingerprint": mark, "version": made.root.version})
    else:
        show_line(f"已写出第 {made.root.version} 版信任根、更换文件 {UPDATE_FILE} 和新密钥：{out}")
        show_line("各考点用 exam-server install-root、exam-client install-root 安装更换文件。")
        show_line(f"新信任根指纹（请抄录备查）：{mark}")


def sign_centre(
    file: Annotated[Path, typer.Argument(help="考点送来的考点文件（未签名）。", readable=False)],
    key: KeyOption,
    root: RootOption,
    out: Annotated[
        Path, typer.Option(help="写出的已签名考点文件；已有同名文件时拒绝。", readable=False)
    ],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Sign the descriptor of a centre."""
    refuse_existing(out)
    trusted = read_root(root)
    data = read_file(file, core_limits.manifest_bytes_max, "考点文件")
    signed = sign_centre_file(data, [read_signing_key(path) for path in key], trusted)
    write_file(out, signed)
    centre = verify_centre(signed, trusted)
    if as_json:
        show_json({"out": str(out), "centre_id": centre.centre_id})
    else:
        show_line(f"已签名考点 {centre.centre_id}（{centre.name}）：{out}")


def seal(
    draft: Annotated[
        Path, typer.Argument(help="draw 写出的目录或其中的 paper.draft。", readable=False)
    ],
    *,
    key: KeyOption,
    root: RootOption,
    centre: Annotated[
        list[str],
        typer.Option(
            help="已签名的考点文件，可重复；指定卷号时写成 文件=1-40，不写的均分其余各卷。"
        ),
    ],
    grading_recipient: Annotated[
        list[str], typer.Option(help="阅卷点的公钥（age1…），或写有公钥的文件，可重复。")
    ],
    sitting: Annotated[str, typer.Option(help="场次编号。")],
    out: Annotated[Path, typer.Option(help="写入的新目录。", readable=False)],
    codes_out: Annotated[
        Path,
        typer.Option(
            help="启封码单和启封信封（PDF）写入的新目录；不要与封装目录同路传递。", readable=False
        ),
    ],
    exam: Annotated[str, typer.Option(help="考试编号；不给则与场次编号相同。")] = "",
    sequence: Annotated[int, typer.Option(help="本场次第几次制包，从 1 起递增。")] = 1,
    not_before: Annotated[
        str, typer.Option(help="计划开考时间，例如 2026-11-23T09:00+08:00；考点只据此提醒。")
    ] = "",
    min_program: Annotated[
        str, typer.Option(help="考点和考生机程序不得低于的版本。")
    ] = NEEDED_PROGRAM,
    code: Annotated[
        list[str] | None,
        typer.Option(help="指定启封码：考点编号=启封码，可重复；不给则随机产生。"),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Seal a drawn paper into a new folder, and print the codes into another."""
    refuse_existing(out)
    refuse_existing(codes_out)
    if codes_out.resolve().is_relative_to(out.resolve()):
        raise InputError(PUBLISH_CODES, f"{codes_out} 在封装目录之内")
    trusted = read_root(root)
    signing_keys = [read_signing_key(path) for path in key]
    orders = _orders(centre, code or [], trusted)
    recipients = [_recipient(text) for text in grading_recipient]
    planned = _planned_time(not_before)
    paper = read_draft(draft)
    with progress_bar("封装", total=len(paper.forms) + len(orders)) as advance:
        sealed = seal_paper(
            paper,
            exam_id=ExamId(exam or sitting),
            sitting_id=SittingId(sitting),
            sequence=sequence,
            keys=signing_keys,
            root=trusted,
            centres=orders,
            grading_recipients=recipients,
            not_before_utc_ms=planned,
            min_program=min_program,
            on_progress=advance,
        )
    sheets = write_codes(
        sealed, paper, orders, codes_out, sitting_id=SittingId(sitting), sequence=sequence
    )
    write_sealed(sealed, out)
    if as_json:
        show_json(
            {
                "out": str(out),
                "paper_id": paper.paper_id,
                "manifest_sha256": sealed.manifest_sha256,
                "bundles": {name: bundle_file(name) for name in sealed.bundles},
                "forms": sealed.form_numbers,
                "sheets": [str(codes_out / name) for name in sheets],
                "codes": {name: held.opening_code for name, held in sealed.codes.items()},
                "envelopes": {name: held.envelope_codes for name, held in sealed.codes.items()},
            }
        )
        return
    table = Table("考点", "卷号", "启封包", "启封码单（总部值班）", "启封信封（三位负责人）")
    for name in sealed.codes:
        envelopes = [sheet for sheet in sheets if sheet.startswith(f"envelope-{name}-")]
        slip = f"slip-{name}.pdf"
        forms = _ranges(sealed.form_numbers[name])
        table.add_row(*map(escape, (name, forms, bundle_file(name), slip, "\n".join(envelopes))))
    show_table(table)
    show_line(f"启封码单和信封各为一页：{codes_out}；请逐份打印、逐份封装，打印后删除该目录。")
    show_line(f"已封装 {len(paper.forms)} 卷：{out}")


def _orders(centres: list[str], codes: list[str], root: TrustRoot) -> list[CentreOrder]:
    given: dict[CentreId, str] = {}
    for text in codes:
        name, _, opening_code = text.partition("=")
        given[CentreId(name)] = opening_code
    orders = []
    for text in centres:
        match = _RANGE.fullmatch(text)
        path = Path(match["path"] if match else text)
        data = read_file(path, core_limits.manifest_bytes_max, "考点文件")
        numbers = range(int(match["first"]), int(match["last"]) + 1) if match else None
        centre = verify_centre(data, root)
        orders.append(
            CentreOrder(
                centre=centre,
                form_numbers=None if numbers is None else [FormNumber(n) for n in numbers],
                code=given.pop(centre.centre_id, None),
            )
        )
    if given:
        raise InputError(PUBLISH_CENTRE, f"给了启封码的考点 {next(iter(given))} 不在其中")
    return orders


def _ranges(numbers: Sequence[FormNumber]) -> str:
    """Ascending numbers as 1-40,42: the run that a number is in is told by number minus place."""
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ends = ([number for _, number in run] for _, run in runs)
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in ends)


def _planned_time(text: str) -> int | None:
    if not text:
        return None
    try:
        planned = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(PUBLISH_TIME, f"看不懂计划开考时间“{text[:40]}”") from error
    if planned.tzinfo is None:
        raise InputError(PUBLISH_TIME, "计划开考时间没有写时区，例如 +08:00")
    return int(planned.timestamp() * 1000)


def _recipient(text: str) -> Recipient:
    if text.startswith("age1"):
        return Recipient(text.strip())
    data = read_file(Path(text), core_limits.KIB, "阅卷点公钥")
    return Recipient(data.decode("ascii", "replace").strip())
