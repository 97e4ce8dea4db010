"""Items as authors could write them: any wording that the bank accepts."""

from hypothesis import assume
from hypothesis import strategies as st

from exam_core.errors import InputError
from exam_core.keys.model import (
    BlanksKey,
    ChoiceKey,
    KeyedItem,
    KeyedPart,
    MarkingKey,
    MarkingPoint,
)
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder.bank.check import check_item

_CHARS = st.one_of(
    st.sampled_from("甲乙丙（）；|｜=+-@'\"<>&_ ．。：①%‰x0009A_\n𬭎é"),
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
)
WORDS = st.text(_CHARS, min_size=1, max_size=30).map(str.strip).filter(bool)
LINES = WORDS.filter(lambda text: "\n" not in text)
POINTS = st.integers(1, 20_000)


@st.composite
def parts(draw: st.DrawFn, kind: ItemType) -> KeyedPart:
    """A part of one type."""
    stem, points = draw(WORDS), draw(POINTS)
    match kind:
        case ItemType.SINGLE_CHOICE | ItemType.MULTIPLE_CHOICE:
            choices = draw(st.lists(WORDS, min_size=2, max_size=8, unique=True))
            letters = "ABCDEFGH"[: len(choices)]
            many = len(letters) if kind is ItemType.MULTIPLE_CHOICE else 1
            right = draw(st.sets(st.sampled_from(letters), min_size=1, max_size=many))
            key = ChoiceKey(letters="".join(sorted(right)))
            return KeyedPart(
                item_type=kind, stem=stem, points_milli=points, key=key, choices=tuple(choices)
            )
        case ItemType.TRUE_FALSE:
            letter = draw(st.sampled_from("AB"))
            return KeyedPart(
                item_type=kind,
                stem=stem,
                points_milli=points,
                key=ChoiceKey(letters=letter),
                choices=("正确", "错误"),
            )
        case ItemType.FILL_BLANK:
            accepted = st.lists(LINES, min_size=1, max_size=3).map(tuple)
            blanks = draw(st.lists(accepted, min_size=1, max_size=4))
            return KeyedPart(
                item_type=kind,
                stem=stem + "甲（）" * len(blanks),
                points_milli=points,
                key=BlanksKey(blanks=tuple(blanks), is_unordered=draw(st.booleans())),
            )
        case _:
            texts = draw(st.lists(LINES, min_size=1, max_size=4))
            key_points = tuple(MarkingPoint(text=text, points_milli=points) for text in texts)
            return KeyedPart(
                item_type=ItemType.SHORT_ANSWER,
                stem=stem,
                points_milli=points,
                key=MarkingKey(marking_points=key_points),
            )


@st.composite
def items(draw: st.DrawFn, name: str) -> KeyedItem:
    """An item of any type that `check_item` accepts."""
    kind = draw(st.sampled_from(ItemType))
    is_case = kind is ItemType.CASE
    kinds = st.sampled_from([other for other in ItemType if other is not ItemType.CASE])
    all_parts = [
        draw(parts(draw(kinds) if is_case else kind))
        for _ in range(draw(st.integers(1, 3)) if is_case else 1)
    ]
    item = KeyedItem(
        bank_item_id=BankItemId(name),
        version=1,
        item_type=kind,
        domain=draw(LINES),
        knowledge_point=draw(st.one_of(st.just(""), LINES)),
        difficulty_milli=draw(st.integers(1, 1000)),
        legal_basis=draw(st.one_of(st.just(""), WORDS)),
        parts=tuple(all_parts),
        material=draw(WORDS) if is_case else "",
        explanation=draw(st.one_of(st.just(""), WORDS)),
    )
    try:
        check_item(item)
    except InputError:
        assume(False)
    return item
