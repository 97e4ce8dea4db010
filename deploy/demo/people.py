"""The invented people of the demo: teams of four from invented cities, with seats and staff."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook

from deploy.demo.chance import Chance
from exam_core.model.identifiers import AdmissionNumber, SeatId
from exam_core.model.roster import Candidate, id_number_is_valid

_CITIES = (
    "青河市", "白桦市", "松岭市", "云溪市", "临江市", "安澜市", "长宁州", "北原市",
    "南屏市", "西陵市", "东湖市", "石门市", "玉川市", "金沙市", "海晏市", "平乐市",
)  # fmt: skip
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = (
    "晓燕", "志强", "海波", "雨桐", "建国", "欣怡", "文博", "丽娟", "子涵", "国栋", "秀英", "明哲",
    "佳宁", "俊杰", "思远", "春梅", "天宇", "若曦", "永康", "婉清", "浩然", "静", "磊", "婷", "帆",
)  # fmt: skip
_ROWS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROW_SEATS = 8
_RARE = ("李堃", "王䶮", "阿依古丽·艾山", "欧阳㛃")
"""Names that a font with gaps would spoil."""


def make_roster(seed: str, teams: int) -> list[Candidate]:
    """`4 * teams` candidates, the same for the same seed; seats A01, A02, … in order."""
    chance = Chance(seed, "people")
    names: list[str] = []
    while len(names) < 4 * teams:
        name = chance.pick(_SURNAMES) + chance.pick(_GIVEN)
        if len(names) < len(_RARE):
            name = _RARE[len(names)]
        if name not in names:
            names.append(name)
    return [
        Candidate(
            admission_number=AdmissionNumber(f"2026{position + 1:04d}"),
            name=name,
            id_number=_id_number(chance, position),
            unit=f"{_city(position // 4)}人力资源和社会保障局",
            team=f"{_city(position // 4)}代表队",
            seat_id=SeatId(f"{_ROWS[position // _ROW_SEATS]}{position % _ROW_SEATS + 1:02d}"),
        )
        for position, name in enumerate(names)
    ]


def write_roster(path: Path, roster: list[Candidate]) -> None:
    """The roster as the .xlsx file that `exam-server import-roster` reads."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101  a new workbook has a sheet
    sheet.append(["准考证号", "姓名", "身份证号", "单位", "代表队", "是否替补", "机位"])
    for person in roster:
        sheet.append(
            [
                person.admission_number,
                person.name,
                person.id_number,
                person.unit,
                person.team,
                "是" if person.is_substitute else "否",
                person.seat_id,
            ]
        )
    book.save(path)


def _city(team: int) -> str:
    turn, place = divmod(team, len(_CITIES))
    return _CITIES[place] + ("" if turn == 0 else f"第{turn + 1}")


def _id_number(chance: Chance, position: int) -> str:
    # Region code 990000 belongs to no place, so no living person has such a number.
    year, month, day = 1975 + chance.below(25), 1 + chance.below(12), 1 + chance.below(28)
    body = f"990000{year}{month:02d}{day:02d}{position % 1000:03d}"
    return next(body + check for check in "0123456789X" if id_number_is_valid(body + check))
