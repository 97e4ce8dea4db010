"""How is a blueprint's TOML read? Strictly, exactly, with the line of whatever is wrong."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from exam_core import limits as core_limits
from exam_core.errors import InputError, declare
from exam_core.keys.model import BlankRule, MultipleChoiceRule, ScoringScheme
from exam_core.model.items import ItemType
from paper_builder import limits
from paper_builder.assembly.blueprint import Blueprint, DomainRatio, TypeDemand
from paper_builder.files import read_file

BLUEPRINT_SYNTAX = declare("blueprint.syntax", "请按提示的行改正蓝图文件的 TOML 写法。")
BLUEPRINT_VALUE = declare("blueprint.value", "请按 docs/blueprint.md 改正蓝图文件中提示的内容。")
BLUEPRINT_OPEN = declare(
    "blueprint.open", "请复制一份蓝图，按主办方的规定补上提示的各项后再组卷；程序不替您假定。"
)

_PRESETS = resources.files("paper_builder.assembly") / "presets"
_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_SECTIONS = {
    "paper": {
        "title",
        "total_items",
        "duration_minutes",
        "duration_seconds",
        "forms",
        "knowledge_point_max",
    },
    "domains": None,
    "types": {item_type.value for item_type in ItemType},
    "points": {item_type.value for item_type in ItemType},
    "scoring": {"multiple_choice", "fill_blank"},
}
_Rule = TypeVar("_Rule", bound=StrEnum)


def preset_names() -> tuple[str, ...]:
    """The blueprints that ship with the program."""
    names = (entry.name for entry in _PRESETS.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_blueprint(source: str | Path) -> Blueprint:
    """The blueprint of a file, or of a preset by its name.

    Raises:
        InputError: `builder.file`, `blueprint.syntax`, `blueprint.value`, `blueprint.open`.
    """
    if str(source) in preset_names():
        return parse_blueprint((_PRESETS / f"{source}.toml").read_bytes(), str(source))
    path = Path(source)
    return parse_blueprint(read_file(path, limits.blueprint_bytes_max, "蓝图"), path.name)


def parse_blueprint(data: bytes, name: str = "蓝图") -> Blueprint:
    """The blueprint of TOML bytes.

    Raises:
        InputError: `blueprint.syntax`; `blueprint.value`, for something wrong; `blueprint.open`,
            for something that is left open, naming all of it.
    """
    try:
        text = data.decode("utf-8-sig")
        document = tomllib.loads(text, parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise InputError(BLUEPRINT_SYNTAX, f"{name} 不是 UTF-8 文本") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        where = f"第 {line[1]} 行" if line else "末尾"
        raise InputError(
            BLUEPRINT_SYNTAX, f"{name} {where}的写法不对", line=int(line[1]) if line else 0
        ) from error
    return _Reader(name, document, _line_numbers(text)).blueprint()


class _Reader:
    def __init__(self, name: str, document: dict[str, Any], lines: dict[str, int]) -> None:
        self._name = name
        self._document = document
        self._lines = lines
        self._open: list[str] = []

    def blueprint(self) -> Blueprint:
        self._check_names()
        paper = self._section("paper")
        total_items = self._whole(paper, "total_items", 1, core_limits.form_items_max)
        duration_ms = self._duration_ms(paper)
        forms = self._whole(paper, "forms", 1, core_limits.package_forms_max, default=1)
        knowledge_point_max = self._whole(
            paper, "knowledge_point_max", 0, core_limits.form_items_max, default=0
        )
        title = paper.get("title", "")
        if not isinstance(title, str) or not title.strip() or len(title) > limits.name_chars_max:
            raise self._wrong("paper.title", "应为不空的标题")
        domains = self._ratios("domains")
        types = self._ratios("types")
        points = {
            name: self._milli(f"points.{name}", value, limits.points_milli_max, is_zero_good=False)
            for name, value in self._section("points").items()
        }
        unpriced = [name for name in types if name not in points]
        self._open += [f"points.{name}" for name in unpriced]
        if self._open:
            raise InputError(
                BLUEPRINT_OPEN,
                f"{self._name} 没有规定：{'、'.join(self._open)}",
                open=tuple(self._open),
            )
        scoring = self._section("scoring")
        return Blueprint(
            title=title.strip(),
            total_items=total_items,
            duration_ms=duration_ms,
            forms=forms,
            knowledge_point_max=knowledge_point_max,
            domains=tuple(
                DomainRatio(domain=domain, ratio_milli=ratio) for domain, ratio in domains.items()
            ),
            types=tuple(
                TypeDemand(
                    item_type=kind, ratio_milli=types[kind.value], points_milli=points[kind.value]
                )
                for kind in ItemType
                if kind.value in types
            ),
            scoring=ScoringScheme(
                multiple_choice=self._rule(scoring, "multiple_choice", MultipleChoiceRule),
                fill_blank=self._rule(scoring, "fill_blank", BlankRule),
            ),
        )

    def _check_names(self) -> None:
        for section, value in self._document.items():
            if section not in _SECTIONS:
                raise self._wrong(section, "不认识这一节")
            if not isinstance(value, dict):
                raise self._wrong(section, f"应写成一节 [{section}]")
            known = _SECTIONS[section]
            for key in value:
                if known is not None and key not in known:
                    raise self._wrong(f"{section}.{key}", "不认识这一项")

    def _section(self, name: str) -> Mapping[str, Any]:
        section: Mapping[str, Any] = self._document.get(name, {})
        return section

    def _whole(
        self,
        section: Mapping[str, Any],
        key: str,
        least: int,
        most: int,
        default: int | None = None,
    ) -> int:
        value = section.get(key, default)
        if value is None:
            self._open.append(f"paper.{key}")
            return least
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(f"paper.{key}", f"应为 {least} 至 {most} 的整数")
        return value

    def _duration_ms(self, paper: Mapping[str, Any]) -> int:
        """The working time; in seconds only for rehearsals, which cannot wait."""
        key, unit_ms = "duration_minutes", _MINUTE_MS
        if "duration_seconds" in paper:
            if key in paper:
                raise self._wrong("paper.duration_seconds", "不能与 duration_minutes 同时使用")
            key, unit_ms = "duration_seconds", _SECOND_MS
        return unit_ms * self._whole(paper, key, 1, core_limits.duration_ms_max // unit_ms)

    def _ratios(self, section: str) -> dict[str, int]:
        ratios = {
            name: self._milli(f"{section}.{name}", value, limits.ratio_milli_max)
            for name, value in self._section(section).items()
        }
        if not ratios:
            self._open.append(section)
        elif not any(ratios.values()):
            raise self._wrong(section, "比例不能全部为零")
        for name in ratios:
            if not name.strip() or len(name) > limits.name_chars_max:
                raise self._wrong(f"{section}.{name}", "名称为空或过长")
        return {name: ratio for name, ratio in ratios.items() if ratio}

    def _milli(self, place: str, value: Any, most: int, *, is_zero_good: bool = True) -> int:
        """A number or decimal string as exact thousandths."""
        try:
            if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
                raise self._wrong(place, "应为数字")
            milli = Decimal(value) * 1000
            if not milli.is_finite() or abs(milli) > most or milli != milli.to_integral_value():
                raise self._wrong(place, "过大，或超过三位小数")
        except (InvalidOperation, ArithmeticError) as error:
            raise self._wrong(place, "应为数字") from error
        if milli < 0 or (milli == 0 and not is_zero_good):
            raise self._wrong(place, "不能为负" if is_zero_good else "应大于零")
        return int(milli)

    def _rule(self, section: Mapping[str, Any], key: str, kind: type[_Rule]) -> _Rule:
        rules = list(kind)
        try:
            return kind(section.get(key, rules[0].value))
        except ValueError as error:
            names = "、".join(rule.value for rule in rules)
            raise self._wrong(f"scoring.{key}", f"应为 {names} 之一") from error

    def _wrong(self, place: str, reason: str) -> InputError:
        line = self._lines.get(place, 0)
        where = f"第 {line} 行 " if line else ""
        return InputError(
            BLUEPRINT_VALUE, f"{self._name} {where}{place}：{reason}", place=place, line=line
        )


def _line_numbers(text: str) -> dict[str, int]:
    """The line of each section and of each plain `key = value` in it, as far as lines show it."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            section = header[1].strip("\"'")
            lines.setdefault(section, number)
        elif pair := re.match(r"\s*(\"[^\"]*\"|'[^']*'|[\w-]+)\s*=", line):
            key = pair[1].strip("\"'")
            lines.setdefault(f"{section}.{key}" if section else key, number)
    return lines
