"""What does a paper have to be? The blueprint: a TOML file as a value that cannot be wrong.

The file is described in `docs/blueprint.md`; reading it is in `blueprint_file`.
"""

import hashlib
from typing import NamedTuple

import msgspec

from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import BlankRule, MultipleChoiceRule, ScoringScheme
from exam_core.model.items import ItemType
from paper_builder.assembly.margins import largest_remainder


class DomainRatio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A domain and its share, in thousandths of whatever unit the file uses."""

    domain: str
    ratio_milli: int


class TypeDemand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item type, its share, and what one item of it is worth."""

    item_type: ItemType
    ratio_milli: int
    points_milli: int


class TypeTotal(NamedTuple):
    """How many items of a type a paper has, and what one is worth."""

    item_type: ItemType
    items: int
    points_milli: int


class Blueprint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Totals, ratios and constraints of a paper; ratios count items.

    `types` stand in the order of ItemType. `knowledge_point_max` is the most items of one
    knowledge point, 0 for no limit; items without a knowledge point are never limited.
    """

    title: str
    total_items: int
    duration_ms: int
    forms: int
    knowledge_point_max: int
    domains: tuple[DomainRatio, ...]
    types: tuple[TypeDemand, ...]
    scoring: ScoringScheme

    def domain_totals(self) -> tuple[int, ...]:
        """Items of each domain, by largest remainder."""
        return largest_remainder(self.total_items, [entry.ratio_milli for entry in self.domains])

    def type_totals(self) -> tuple[TypeTotal, ...]:
        """Items of each type, by largest remainder, and their points."""
        counts = largest_remainder(self.total_items, [entry.ratio_milli for entry in self.types])
        return tuple(
            TypeTotal(entry.item_type, count, entry.points_milli)
            for entry, count in zip(self.types, counts, strict=True)
        )

    def points_milli(self) -> int:
        """What the whole paper is worth, in thousandths."""
        return sum(total.items * total.points_milli for total in self.type_totals())

    def digest(self) -> str:
        """SHA-256 of the canonical blueprint, in hex; comments of the file do not count."""
        return hashlib.sha256(encode_canonical(self)).hexdigest()


_MULTIPLE_CHOICE_ZH = {
    MultipleChoiceRule.ALL_OR_NOTHING: "多选题全部选对得分，多选、错选、少选均不得分",
    MultipleChoiceRule.HALF_IF_INCOMPLETE: "多选题全部选对得满分，少选得一半，错选不得分",
    MultipleChoiceRule.PER_CHOICE: "多选题全部选对得满分，少选按选对的比例得分，错选不得分",
}
_FILL_BLANK_ZH = {
    BlankRule.PER_BLANK: "填空题按空给分",
    BlankRule.ALL_OR_NOTHING: "填空题各空全部填对得分",
}


def scoring_note(scoring: ScoringScheme) -> str:
    """The scoring rules as candidates read them."""
    return f"{_MULTIPLE_CHOICE_ZH[scoring.multiple_choice]}；{_FILL_BLANK_ZH[scoring.fill_blank]}。"
