"""Bank items and blueprints for these tests, in one line each."""

from dataclasses import dataclass, field

from exam_core.keys.model import (
    BlanksKey,
    ChoiceKey,
    KeyedItem,
    KeyedPart,
    MarkingKey,
    MarkingPoint,
    PartKey,
    ScoringScheme,
)
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder.assembly.blueprint import Blueprint, DomainRatio, TypeDemand

DOMAINS = ("就业创业", "社会保险", "人事人才")
SEED = "5e" * 32
OTHER_SEED = "5f" * 32

POINTS_MILLI = {
    ItemType.SINGLE_CHOICE: 1000,
    ItemType.MULTIPLE_CHOICE: 1500,
    ItemType.TRUE_FALSE: 1000,
    ItemType.FILL_BLANK: 1000,
    ItemType.SHORT_ANSWER: 4000,
    ItemType.CASE: 6000,
}


def bank_part(kind: ItemType, name: str = "题", points_milli: int = 1000) -> KeyedPart:
    """A part of any type but case, with wording made from `name`."""
    key: PartKey
    choices: tuple[str, ...]
    match kind:
        case ItemType.SINGLE_CHOICE:
            key, choices = ChoiceKey(letters="C"), ("甲项", "乙项", "丙项", "丁项")
        case ItemType.MULTIPLE_CHOICE:
            key, choices = ChoiceKey(letters="ABD"), ("甲项", "乙项", "丙项", "丁项")
        case ItemType.TRUE_FALSE:
            key, choices = ChoiceKey(letters="B"), ("正确", "错误")
        case ItemType.FILL_BLANK:
            blanks = BlanksKey(blanks=(("30日", "三十日"), ("公平",)))
            return KeyedPart(
                item_type=kind, stem=f"{name}（）与（）", points_milli=points_milli, key=blanks
            )
        case _:
            points = (
                MarkingPoint(text=f"{name}要点一", points_milli=points_milli // 2),
                MarkingPoint(text=f"{name}|要点二", points_milli=points_milli - points_milli // 2),
            )
            return KeyedPart(
                item_type=ItemType.SHORT_ANSWER,
                stem=f"简述{name}",
                points_milli=points_milli,
                key=MarkingKey(marking_points=points),
            )
    return KeyedPart(
        item_type=kind, stem=f"{name}（）", points_milli=points_milli, key=key, choices=choices
    )


def bank_item(
    name: str = "A-1",
    kind: ItemType = ItemType.SINGLE_CHOICE,
    *,
    domain: str = DOMAINS[0],
    knowledge_point: str = "",
    points_milli: int | None = None,
) -> KeyedItem:
    """A valid item; a case has a single_choice and a short_answer part."""
    points = POINTS_MILLI[kind] if points_milli is None else points_milli
    parts: tuple[KeyedPart, ...]
    if kind is ItemType.CASE:
        parts = (
            bank_part(ItemType.SINGLE_CHOICE, f"{name}小题一", points // 3),
            bank_part(ItemType.SHORT_ANSWER, f"{name}小题二", points - points // 3),
        )
    else:
        parts = (bank_part(kind, f"{name}题干", points),)
    return KeyedItem(
        bank_item_id=BankItemId(name),
        version=1,
        item_type=kind,
        domain=domain,
        knowledge_point=knowledge_point,
        difficulty_milli=850,
        legal_basis="《中华人民共和国劳动法》第三条",
        parts=parts,
        material=f"{name}的材料" if kind is ItemType.CASE else "",
        explanation=f"{name}的解析",
    )


@dataclass(kw_only=True)
class Stock:
    """A bank with so many items in every cell; `at` overrides single cells."""

    each: int = 6
    domains: tuple[str, ...] = DOMAINS
    knowledge_points: int = 0
    at: dict[tuple[str, ItemType], int] = field(default_factory=dict)

    def items(self) -> list[KeyedItem]:
        """All items, in the order of domains and types."""
        return [
            bank_item(
                f"{row}{column}-{number}",
                kind,
                domain=domain,
                knowledge_point=self._point(number),
            )
            for row, domain in enumerate(self.domains)
            for column, kind in enumerate(ItemType)
            for number in range(self.at.get((domain, kind), self.each))
        ]

    def _point(self, number: int) -> str:
        return f"知识点{number % self.knowledge_points}" if self.knowledge_points else ""


def blueprint(
    total: int = 24,
    *,
    domains: tuple[int, ...] = (20, 50, 30),
    types: tuple[int, ...] = (8, 5, 4, 3, 2, 2),
    knowledge_point_max: int = 0,
    forms: int = 2,
) -> Blueprint:
    """A blueprint over the first domains and types, as many as there are ratios."""
    return Blueprint(
        title="业务技能比武笔试",
        total_items=total,
        duration_ms=90 * 60_000,
        forms=forms,
        knowledge_point_max=knowledge_point_max,
        domains=tuple(
            DomainRatio(domain=name, ratio_milli=ratio * 1000)
            for name, ratio in zip(DOMAINS, domains, strict=False)
            if ratio
        ),
        types=tuple(
            TypeDemand(item_type=kind, ratio_milli=ratio * 1000, points_milli=POINTS_MILLI[kind])
            for kind, ratio in zip(ItemType, types, strict=False)
            if ratio
        ),
        scoring=ScoringScheme(),
    )
