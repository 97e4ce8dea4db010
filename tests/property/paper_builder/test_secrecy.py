"""No key content is in a form: what candidates get has stems and choices and nothing more."""

import io

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import BlanksKey, KeyedItem, KeyedPart, MarkingKey, MarkingPoint
from paper_builder.assembly import draw_paper
from paper_builder.publish import PrintOptions, paper_pdf
from tests.unit.paper_builder.bank_items import Stock, blueprint

CANARY = "金丝雀"
SEEDS = st.binary(min_size=32, max_size=32).map(bytes.hex)


def _with_canaries(item: KeyedItem) -> KeyedItem:
    """The item with a canary in everything that a candidate must not see."""
    return msgspec.structs.replace(
        item,
        explanation=f"{CANARY}解析",
        legal_basis=f"{CANARY}依据",
        knowledge_point=f"{CANARY}知识点{item.bank_item_id}",
        parts=tuple(_part(part) for part in item.parts),
    )


def _part(part: KeyedPart) -> KeyedPart:
    match part.key:
        case BlanksKey(blanks=blanks):
            key = BlanksKey(blanks=tuple((f"{CANARY}{n}",) for n in range(len(blanks))))
            return msgspec.structs.replace(part, key=key)
        case MarkingKey():
            point = MarkingPoint(text=f"{CANARY}要点", points_milli=part.points_milli)
            return msgspec.structs.replace(part, key=MarkingKey(marking_points=(point,)))
        case _:
            return part


@given(seed=SEEDS)
@settings(max_examples=25)
def test_forms_hold_stems_and_choices_and_no_key(seed: str) -> None:
    """Every stem, choice and material is there; no canary, bank id, domain or letter key is."""
    source = [_with_canaries(item) for item in Stock().items()]
    drawn = draw_paper(source, blueprint(), seed)
    for laid_out in drawn.draft.forms:
        content = encode_canonical(laid_out.form).decode()
        for item in drawn.draft.items:
            assert item.material in content
            for part in item.parts:
                assert part.stem in content
                assert all(choice in content for choice in part.choices)
        for hidden in (CANARY, "key", "letters", "marking", "difficulty", "bank_item_id", "domain"):
            assert hidden not in content
        assert all(f'"{item.bank_item_id}"' not in content for item in drawn.draft.items)
        assert seed not in content


def test_a_printed_paper_holds_no_key() -> None:
    """Neither the text of the PDF nor its metadata has a canary."""
    source = [_with_canaries(item) for item in Stock().items()]
    form = draw_paper(source, blueprint(), "5e" * 32).draft.forms[0].form
    reader = PdfReader(io.BytesIO(paper_pdf(form, PrintOptions(duration_ms=60_000))))
    text = "".join(page.extract_text() for page in reader.pages)
    assert "题干" in text
    assert CANARY not in text
    assert CANARY not in str(reader.metadata)
