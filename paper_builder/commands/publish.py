"""The commands that sign and seal: keys, sign-centre, seal."""

import re
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.markup import escape
from rich.table import Table

from exam_core import limits as core_limits
from exam_core.crypto.sealing import Recipient
from exam_core.errors import InputError, declare
from exam_core.formats.centre_descriptor import verify_centre
from exam_core.formats.trust_root import TrustRoot, fingerprint
from exam_core.model.identifiers import CentreId, FormNumber, SittingId
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
    make_headquarters_keys,
    read_root,
    read_signing_key,
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

_RANGE = re.compile(r"(?P<path>.+)=(?P<first>\d{1,5})-(?P<last>\d{1,5})")


def keys(
    out: Annotated[Path, typer.Option(help="写入的新目录。", readable=False)],
    office: Annotated[
        list[str] | None, typer.Option(help="岗位，可重复；不给则为 setter 和 approver。")
    ] = None,
    threshold: Annotated[
        int, typer.Option(help="至少几人签名才有效，不少于 2。")
    ] = DEFAULT_THRESHOLD,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Make the signing keys of headquarters and the trust root in a new folder."""
    refuse_existing(out)
    made = make_headquarters_keys(office or DEFAULT_OFFICES, threshold)
    write_headquarters_keys(made, out)
    if as_json:
        show_json({"out": str(out), "fingerprint": fingerprint(made.root)})
    else:
        show_line(f"已写出 {ROOT_FILE} 和 {len(made.private_keys)} 个签名密钥：{out}")
        show_line(f"信任根指纹（请抄录备查）：{fingerprint(made.root)}")


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
        typer.Option(help="已签名的考点文件，可重复；只给部分卷时写成 文件=1-40。"),
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
    sequence: Annotated[int, typer.Option(help="本场次第几次制包，从 1 起递增。")] = 1,
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
    paper = read_draft(draft)
    with progress_bar("封装", total=len(paper.forms) + len(orders)) as advance:
        sealed = seal_paper(
            paper,
            sitting_id=SittingId(sitting),
            sequence=sequence,
            keys=signing_keys,
            root=trusted,
            centres=orders,
            grading_recipients=recipients,
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
                "sheets": [str(codes_out / name) for name in sheets],
                "codes": {name: held.opening_code for name, held in sealed.codes.items()},
                "envelopes": {name: held.envelope_codes for name, held in sealed.codes.items()},
            }
        )
        return
    table = Table("考点", "启封包", "启封码单（总部值班）", "启封信封（三位负责人）")
    for name in sealed.codes:
        envelopes = [sheet for sheet in sheets if sheet.startswith(f"envelope-{name}-")]
        slip = f"slip-{name}.pdf"
        table.add_row(*map(escape, (name, bundle_file(name), slip, "\n".join(envelopes))))
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


def _recipient(text: str) -> Recipient:
    if text.startswith("age1"):
        return Recipient(text.strip())
    data = read_file(Path(text), core_limits.KIB, "阅卷点公钥")
    return Recipient(data.decode("ascii", "replace").strip())
