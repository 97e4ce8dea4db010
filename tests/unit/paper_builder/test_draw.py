"""The draw: exact, repeatable, and telling nothing that it should not."""

import hashlib
import re
from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from exam_core.errors import InputError
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import BankItemId, FormNumber
from exam_core.model.items import ItemType
from paper_builder.assembly import (
    DrawnPaper,
    draw_paper,
    encode_draft,
    encode_record,
    parse_draft,
    parse_record,
)
from paper_builder.assembly.layout import _FormMaker
from paper_builder.assembly.pool import freeze_pool
from paper_builder.assembly.rng import Drbg
from paper_builder.assembly.selection import Cell, select_items
from paper_builder.assembly.table import TableMethod
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import (
    DOMAINS,
    OTHER_SEED,
    SEED,
    Stock,
    bank_item,
    blueprint,
)

KNOWN_DRAW = "bbf7501fa064feb77df4caceee21834e4054d1cd0798baee5a6ed271ded5fd89"


def _bytes(drawn: DrawnPaper) -> bytes:
    return encode_record(drawn.record) + encode_draft(drawn.draft) + drawn.pool.as_bytes()


def test_counts_are_the_blueprints() -> None:
    """Items by domain and by type are exactly what was asked, and the table says the same."""
    plan = blueprint()
    drawn = draw_paper(Stock().items(), plan, SEED)
    by_domain = Counter(item.domain for item in drawn.draft.items)
    by_type = Counter(item.item_type for item in drawn.draft.items)
    assert tuple(by_domain[entry.domain] for entry in plan.domains) == plan.domain_totals()
    assert tuple(by_type[kind] for kind in ItemType) == (8, 5, 4, 3, 2, 2)
    assert tuple(map(sum, drawn.record.table)) == plan.domain_totals()
    assert drawn.record.table_method is TableMethod.CONTROLLED_ROUNDING
    assert len({item.bank_item_id for item in drawn.draft.items}) == 24


def test_the_same_inputs_give_the_same_bytes() -> None:
    """In whatever order the bank hands out its items, and however the seed is written."""
    items = Stock().items()
    first = draw_paper(items, blueprint(), SEED)
    again = draw_paper(reversed(items), blueprint(), f" {SEED.upper()}\n")
    assert _bytes(first) == _bytes(again)


def test_known_answer() -> None:
    """A digest that must never change under this method's name, or old draws are lost."""
    drawn = draw_paper(Stock(knowledge_points=3).items(), blueprint(knowledge_point_max=9), SEED)
    assert hashlib.sha256(_bytes(drawn)).hexdigest() == KNOWN_DRAW


@pytest.mark.parametrize("change", ["seed", "blueprint", "pool"])
def test_any_other_input_gives_another_paper(change: str) -> None:
    """Seed, blueprint and pool all decide; even an item that is not drawn."""
    items = Stock().items()
    first = draw_paper(items, blueprint(), SEED)
    if change == "seed":
        other = draw_paper(items, blueprint(), OTHER_SEED)
    elif change == "blueprint":
        other = draw_paper(items, msgspec.structs.replace(blueprint(), title="别的"), SEED)
    else:
        other = draw_paper([*items, bank_item("Z", domain="别的领域")], blueprint(), SEED)
    assert first.record.selection != other.record.selection
    assert first.record.paper_id != other.record.paper_id


def test_forms_hold_the_same_items_in_their_own_order() -> None:
    """Grouped by type in the fixed order, shuffled within; case parts keep their order."""
    drawn = draw_paper(Stock().items(), blueprint(), SEED, forms=6)
    orders = []
    kinds = list(ItemType)
    for laid_out in drawn.draft.forms:
        order = [item.bank_item_id for item in laid_out.form_map.items]
        orders.append(order)
        shown = [kinds.index(item.item_type) for item in laid_out.form.items]
        assert shown == sorted(shown)
        for item in laid_out.form.items:
            if item.item_type is ItemType.CASE:
                assert [part.item_type for part in item.parts] == [
                    ItemType.SINGLE_CHOICE,
                    ItemType.SHORT_ANSWER,
                ]
    assert len({frozenset(order) for order in orders}) == 1
    assert all(first != second for first, second in pairwise(orders))


def test_a_form_does_not_depend_on_how_many_there_are() -> None:
    """Form 1 of two is form 1 of five: spares can be added."""
    items = Stock().items()
    two = draw_paper(items, blueprint(), SEED, forms=2)
    five = draw_paper(items, blueprint(), SEED, forms=5)
    assert five.draft.forms[:2] == two.draft.forms
    assert five.record.forms[:2] == two.record.forms


def test_the_map_leads_back_to_the_author() -> None:
    """Each choice id stands for the letter whose text it shows."""
    drawn = draw_paper(Stock().items(), blueprint(), SEED)
    keyed = {item.bank_item_id: item for item in drawn.draft.items}
    for laid_out in drawn.draft.forms:
        for item, mapped in zip(laid_out.form.items, laid_out.form_map.items, strict=True):
            assert item.item_id == mapped.item_id
            source = keyed[mapped.bank_item_id]
            for part, mapped_part, author in zip(
                item.parts, mapped.parts, source.parts, strict=True
            ):
                assert part.part_id == mapped_part.part_id
                assert len(part.choices) == len(author.choices)
                for choice in part.choices:
                    letter = mapped_part.letters[choice.choice_id]
                    assert author.choices["ABCDEFGH".index(letter)] == choice.text


def test_true_and_false_are_never_shuffled() -> None:
    """正确 stands before 错误 on every form, but their ids tell nothing."""
    drawn = draw_paper(Stock().items(), blueprint(), SEED, forms=20)
    parts = [
        part
        for laid_out in drawn.draft.forms
        for part in laid_out.form.parts()
        if part.item_type is ItemType.TRUE_FALSE
    ]
    assert {tuple(choice.text for choice in part.choices) for part in parts} == {("正确", "错误")}
    ascending = sum(part.choices[0].choice_id < part.choices[1].choice_id for part in parts)
    assert 0.25 < ascending / len(parts) < 0.75


def test_ids_are_opaque_and_of_one_form() -> None:
    """16 hex digits, no two alike anywhere, and no order of theirs is the author's order."""
    drawn = draw_paper(Stock().items(), blueprint(), SEED, forms=30)
    ids: list[str] = []
    places: Counter[str] = Counter()
    sorted_places: Counter[str] = Counter()
    for laid_out in drawn.draft.forms:
        for item, mapped in zip(laid_out.form.items, laid_out.form_map.items, strict=True):
            ids.append(item.item_id)
            for part, mapped_part in zip(item.parts, mapped.parts, strict=True):
                ids.append(part.part_id)
                ids += [choice.choice_id for choice in part.choices]
                if len(part.choices) == 4:
                    shown = [mapped_part.letters[choice.choice_id] for choice in part.choices]
                    places[shown[0]] += 1
                    by_id = sorted(mapped_part.letters.items())
                    sorted_places[by_id[0][1]] += 1
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{16}", name) for name in ids)
    for counts in (places, sorted_places):
        expected = sum(counts.values()) / 4
        chi_square = sum((counts[letter] - expected) ** 2 / expected for letter in "ABCD")
        assert chi_square < 16.3  # 3 degrees of freedom, 99.9 %


def test_a_doubled_id_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal ids on a form would be a broken form; the stream goes on instead."""
    drawn_ids = iter(["aa", "aa", "bb"])
    monkeypatch.setattr(Drbg, "hex_digits", lambda _self, _words: next(drawn_ids))
    maker = _FormMaker(bytes(32), FormNumber(1))
    assert [maker._new_id(), maker._new_id()] == ["aa", "bb"]


def test_points_come_from_the_blueprint() -> None:
    """Objective items get the blueprint's points whatever the bank says; case parts keep theirs."""
    items = [
        bank_item(str(item.bank_item_id), item.item_type, domain=item.domain, points_milli=7000)
        if item.item_type is ItemType.MULTIPLE_CHOICE
        else item
        for item in Stock().items()
    ]
    drawn = draw_paper(items, blueprint(), SEED)
    for laid_out in drawn.draft.forms:
        for item in laid_out.form.items:
            assert item.points_milli == {
                ItemType.MULTIPLE_CHOICE: 1500,
                ItemType.SHORT_ANSWER: 4000,
                ItemType.CASE: 6000,
            }.get(item.item_type, 1000)


def test_marked_items_must_have_the_blueprints_points() -> None:
    """A short answer worth something else is named before anything is drawn."""
    wrong = [
        bank_item(f"W-{number}", ItemType.SHORT_ANSWER, points_milli=5000) for number in range(25)
    ]
    with refuses(InputError, "draw.points_mismatch") as caught:
        draw_paper([*Stock().items(), *wrong], blueprint(), SEED)
    assert "W-0" in caught.value.message
    assert "等 25 题" in caught.value.message
    with refuses(InputError, "draw.points_mismatch") as caught:
        draw_paper([*Stock().items(), wrong[0]], blueprint(), SEED)
    assert caught.value.facts["items"] == ("W-0",)


def test_types_that_are_not_drawn_may_have_any_points() -> None:
    """A share too small for one item asks nothing of the items."""
    plan = blueprint(10, types=(98, 0, 0, 0, 1, 0))
    odd = bank_item("W", ItemType.SHORT_ANSWER, points_milli=5000)
    drawn = draw_paper([*Stock(each=12).items(), odd], plan, SEED)
    assert {item.item_type for item in drawn.draft.items} == {ItemType.SINGLE_CHOICE}


def test_a_bank_that_is_too_small_is_named() -> None:
    """The cell, what it needs and what there is; no paper."""
    stock = Stock(at={(domain, ItemType.CASE): 0 for domain in DOMAINS})
    with refuses(InputError, "draw.infeasible") as caught:
        draw_paper(stock.items(), blueprint(), SEED)
    assert caught.value.facts["missing"] == 2
    assert "案例分析题 需要 1 题，题库有 0 题" in caught.value.message


def test_a_short_cell_is_served_from_others() -> None:
    """Both margins hold although one cell is empty."""
    stock = Stock(each=8, at={(DOMAINS[1], ItemType.CASE): 0, (DOMAINS[1], ItemType.FILL_BLANK): 0})
    drawn = draw_paper(stock.items(), blueprint(), SEED)
    assert drawn.record.table_method is TableMethod.MIN_COST_FLOW
    assert tuple(map(sum, drawn.record.table)) == blueprint().domain_totals()


def test_no_knowledge_point_comes_too_often() -> None:
    """The limit holds; items without a knowledge point are not limited."""
    items = Stock(each=8, knowledge_points=8).items()
    tries = []
    for seed in (f"{number:064x}" for number in range(8)):
        drawn = draw_paper(items, blueprint(knowledge_point_max=4), seed)
        assert max(Counter(item.knowledge_point for item in drawn.draft.items).values()) <= 4
        tries.append(drawn.record.tries)
    assert max(tries) > 1
    assert draw_paper(Stock().items(), blueprint(knowledge_point_max=1), SEED).record.tries == 1


def test_a_limit_that_cannot_be_kept_names_the_points() -> None:
    """After so many tries the message says which knowledge points are in the way."""
    cell = Cell(items=[bank_item(f"A-{n}", knowledge_point="工伤") for n in range(5)], needed=3)
    with refuses(InputError, "draw.budget") as caught:
        select_items([cell], 2, Drbg(bytes(32), "x"), tries_max=50)
    assert "工伤（50 次）" in caught.value.message


def test_every_feasible_selection_has_the_same_chance() -> None:
    """Two of four items, one pair forbidden: the five others come up alike (χ², 4 d.f., < 18.5)."""
    points = ["甲", "甲", "乙", "丙"]
    items = [bank_item(f"A-{n}", knowledge_point=point) for n, point in enumerate(points)]
    stream = Drbg(bytes(32), "uniform")
    counts: Counter[frozenset[BankItemId]] = Counter()
    rounds = 5000
    for _ in range(rounds):
        picked = select_items([Cell(items=items, needed=2)], 1, stream)
        counts[frozenset(item.bank_item_id for item in picked.items)] += 1
    assert len(counts) == 5
    expected = rounds / 5
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 18.5


@pytest.mark.parametrize("seed", ["", "5e" * 31, "zz" * 32, "5e" * 33])
def test_a_seed_of_another_shape_is_refused(seed: str) -> None:
    """256 bits as 64 hex digits, nothing else."""
    with refuses(InputError, "draw.seed"):
        draw_paper(Stock().items(), blueprint(), seed)


@pytest.mark.parametrize("forms", [0, -1, 20_001])
def test_an_impossible_number_of_forms_is_refused(forms: int) -> None:
    """At least one, at most what a package holds."""
    with refuses(InputError, "draw.forms"):
        draw_paper(Stock().items(), blueprint(), SEED, forms=forms)


def test_progress_is_told_form_by_form() -> None:
    """One call a form."""
    told: list[int] = []
    draw_paper(Stock().items(), blueprint(), SEED, forms=3, on_progress=told.append)
    assert told == [1, 1, 1]


def test_record_and_draft_come_back_from_their_bytes() -> None:
    """Both are canonical; anything else is refused."""
    drawn = draw_paper(Stock().items(), blueprint(), SEED)
    assert parse_record(encode_record(drawn.record)) == drawn.record
    assert parse_draft(encode_draft(drawn.draft)) == drawn.draft
    for parse in (parse_record, parse_draft):
        with refuses(InputError, "draft.file"):
            parse(b'{"x":1}')
    other = encode_record(drawn.record).replace(b"gongyuan-draw/1", b"gongyuan-draw/2")
    with refuses(InputError, "draft.file"):
        parse_record(other)


def test_the_record_ties_everything_together() -> None:
    """Digests of pool, blueprint and every form, and the selection with versions."""
    drawn = draw_paper(Stock().items(), blueprint(), SEED)
    record = drawn.record
    assert record.pool_digest == hashlib.sha256(drawn.pool.as_bytes()).hexdigest()
    assert record.blueprint_digest == blueprint().digest()
    assert record.pool_items == len(drawn.pool.lines)
    assert {entry.bank_item_id for entry in record.selection} == {
        item.bank_item_id for item in drawn.draft.items
    }
    for entry, laid_out in zip(record.forms, drawn.draft.forms, strict=True):
        digest = hashlib.sha256(encode_canonical(laid_out.form)).hexdigest()
        assert entry.form_sha256 == digest


def test_the_pool_holds_no_wording() -> None:
    """Its lines can be published before the draw."""
    item = bank_item("A-1", ItemType.CASE)
    lines = freeze_pool([item]).as_bytes().decode()
    assert lines.startswith('["A-1",1,"case","就业创业","",850,6000,"')
    for wording in (item.material, item.explanation, item.parts[0].stem, "要点"):
        assert wording not in lines


def test_an_item_twice_in_the_pool_is_our_own_mistake() -> None:
    """The bank never hands one out twice."""
    with pytest.raises(ValueError, match="twice"):
        freeze_pool([bank_item("A-1"), bank_item("A-1")])
