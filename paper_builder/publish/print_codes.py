"""What goes to the release desk, and what goes into each official's envelope? One sheet each.

A sheet has one code and nothing that opens with it; no two codes stand on one sheet, so that
nobody who handles a sheet sees two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable, Spacer, Table

from exam_core.formats.opening_locks import ENVELOPES, OpeningCodes
from exam_core.model.identifiers import CentreId, SittingId
from grading.reporting.fonts import paragraph_style, register_fonts
from paper_builder.publish.pages import (
    BODY_SIZE,
    TEXT_WIDTH,
    PageTexts,
    body_style,
    build_pdf,
    heading_style,
    text,
    title_style,
)

_BANNER = "绝密★启封前"
_RULE = HexColor("#888888")
_FACT_WIDTH = 110.0
_CODE_SIZE = 24
_LINE_HEIGHT = 30.0

_SLIP_STEPS = (
    "本单由总部值班人员保管，不得与启封包、启封密钥同路传递，不得拍照、转发。",
    "到约定时间，考点来电后先挂断，按通讯录登记的号码回拨，核对对方姓名和职务。",
    "逐组读出，每组五位，请对方逐组复述；考点网页会当场标出听错的一组，只重报那一组。",
    "报出后立即填写下表；启封码报出即视为试卷已可启封。",
)
_SLIP_RECORD = ("报出时间", "报出人签字", "考点接听人", "回拨号码")

_ENVELOPE_STEPS = (
    "本页装入不透光信封，封口处签字、盖章，由第 {number} 号负责人保管，不得与另两个信封同处存放。",
    "只有电话等都无法取得启封码时才可拆封。凭任意两个信封，加上考点启封密钥和口令，即可启封试卷。",
    "拆封须三人在场：两位信封负责人和带来启封密钥的人；密钥由带来的人用自己的账号提交。",
    "两个信封由另一人用自己的账号在“启封”页面输入：信封编号、负责人姓名和号码，都记入日志。",
    "每组五位，输错的一组网页会当场标出。没有用到的信封，考后原封交回总部。",
)
_ENVELOPE_RECORD = ("拆封时间", "拆封人签字", "见证人签字", "拆封原因")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the sheets of one centre name."""

    title: str
    sitting_id: SittingId
    sequence: int
    centre_id: CentreId
    centre_name: str
    manifest_sha256: str


def code_sheets(delivery: Delivery, codes: OpeningCodes) -> Mapping[str, bytes]:
    """The four PDFs of one centre by file name: the slip, and one for each envelope.

    Raises:
        InputError: `report.font`, `report.missing_glyph`.
    """
    register_fonts()
    sheets = {
        f"slip-{delivery.centre_id}.pdf": _sheet(
            delivery, "启封码单（总部值班）", codes.opening_code, _SLIP_STEPS, _SLIP_RECORD
        )
    }
    for number, code in zip(ENVELOPES, codes.envelope_codes, strict=True):
        steps = tuple(step.format(number=number) for step in _ENVELOPE_STEPS)
        name = f"启封信封 第 {number} 号（共 {len(ENVELOPES)} 个）"
        sheets[f"envelope-{delivery.centre_id}-{number}.pdf"] = _sheet(
            delivery, name, code, steps, _ENVELOPE_RECORD
        )
    return sheets


def _sheet(
    delivery: Delivery, name: str, code: str, steps: tuple[str, ...], record: tuple[str, ...]
) -> bytes:
    one_step = paragraph_style("step", BODY_SIZE, spaceAfter=6)
    story: list[Flowable] = [
        text(name, title_style(18)),
        Spacer(0, 8),
        _facts(delivery),
        text("号码（6 组，每组 5 位）", heading_style()),
        _groups(code),
        text("怎么用", heading_style()),
        *(text(f"{at}．{step}", one_step) for at, step in enumerate(steps, 1)),
        text("记录", heading_style()),
        _record(record),
    ]
    around = PageTexts(banner=_BANNER, name=f"考点 {delivery.centre_id}")
    return build_pdf(story, title=name, around=around)


def _facts(delivery: Delivery) -> Table:
    fingerprint = delivery.manifest_sha256[:16]
    rows = [
        ("考试", delivery.title),
        ("场次", f"{delivery.sitting_id}　第 {delivery.sequence} 次制包"),
        ("考点", f"{delivery.centre_id}　{delivery.centre_name}"),
        ("试卷包指纹", " ".join(fingerprint[at : at + 4] for at in range(0, 16, 4)) + " ……"),
    ]
    return _grid(rows, [_FACT_WIDTH, TEXT_WIDTH - _FACT_WIDTH])


def _groups(code: str) -> Table:
    groups = code.split()
    heads = [text(f"第 {place} 组", body_style(alignment=1)) for place in range(1, len(groups) + 1)]
    digits = title_style(_CODE_SIZE)
    rows: list[Any] = [heads, [text(group, digits) for group in groups]]
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, _RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("BOTTOMPADDING", (0, 1), (-1, 1), 8),
    ]
    return Table(rows, colWidths=[TEXT_WIDTH / len(groups)] * len(groups), style=style)


def _record(names: tuple[str, ...]) -> Table:
    return _grid(
        [(name, "") for name in names],
        [_FACT_WIDTH, TEXT_WIDTH - _FACT_WIDTH],
        row_height=_LINE_HEIGHT,
    )


def _grid(
    rows: list[tuple[str, str]], widths: list[float], row_height: float | None = None
) -> Table:
    cells = [[text(cell, body_style()) for cell in row] for row in rows]
    style = [("GRID", (0, 0), (-1, -1), 0.5, _RULE), ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]
    heights = None if row_height is None else [row_height] * len(rows)
    return Table(cells, colWidths=widths, rowHeights=heights, style=style)
