"""The sample bank that ships is whole: it imports, it is large enough, and nothing in it is odd."""

from collections import Counter
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest

from exam_core.keys.model import ChoiceKey, KeyedItem
from exam_core.model.items import ItemType
from paper_builder.bank.importing import read_bank_file

BANK = Path("paper_builder/bank/sample/sample-bank.xlsx")
DOMAINS = {"就业创业": 20, "社会保险": 35, "人事人才": 10, "劳动关系": 25, "综合服务标准规范": 10}
TYPES = {
    ItemType.SINGLE_CHOICE: 50,
    ItemType.MULTIPLE_CHOICE: 20,
    ItemType.TRUE_FALSE: 10,
    ItemType.FILL_BLANK: 10,
    ItemType.SHORT_ANSWER: 5,
    ItemType.CASE: 5,
}
PAPER_ITEMS = 100


@pytest.fixture(scope="module")
def items() -> list[KeyedItem]:
    """The items of the sample bank, as the importer reads them."""
    read = read_bank_file(BANK)
    assert not read.problems
    assert not read.notes
    return read.items


def test_every_cell_has_four_times_what_a_paper_needs(items: list[KeyedItem]) -> None:
    """At least 440 items, and 4 times the ceiling of each domain and type of the 100-item paper."""
    counts = Counter((item.domain, item.item_type) for item in items)

    assert len(items) >= 440
    for domain, domain_share in DOMAINS.items():
        for item_type, type_count in TYPES.items():
            need = 4 * ceil(Fraction(domain_share * type_count, PAPER_ITEMS))
            assert counts[domain, item_type] >= need, (domain, item_type)


def test_every_item_names_its_source(items: list[KeyedItem]) -> None:
    """Each item has a knowledge point, a difficulty and a law with its article."""
    for item in items:
        assert item.knowledge_point, item.bank_item_id
        assert 0 < item.difficulty_milli < 1000, item.bank_item_id
        assert item.legal_basis.startswith("《"), item.bank_item_id
        assert "条" in item.legal_basis, item.bank_item_id


def test_cases_have_material_and_two_to_four_parts(items: list[KeyedItem]) -> None:
    """A case is worth six points in two to four parts under one material."""
    for item in items:
        if item.item_type is ItemType.CASE:
            assert item.material, item.bank_item_id
            assert 2 <= len(item.parts) <= 4, item.bank_item_id
            assert sum(part.points_milli for part in item.parts) == 6000, item.bank_item_id


def test_correct_letters_are_spread(items: list[KeyedItem]) -> None:
    """No letter is right in more than a third of single choices; ticking everything seldom pays."""
    singles: Counter[str] = Counter()
    all_right = multiples = 0
    for item in items:
        part = item.parts[0]
        if isinstance(part.key, ChoiceKey) and item.item_type is ItemType.SINGLE_CHOICE:
            singles[part.key.letters] += 1
        if isinstance(part.key, ChoiceKey) and item.item_type is ItemType.MULTIPLE_CHOICE:
            multiples += 1
            all_right += len(part.key.letters) == len(part.choices)

    assert max(singles.values()) <= sum(singles.values()) / 3
    assert all_right <= multiples / 6
