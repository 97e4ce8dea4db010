"""What a kiosk holds opens one form, and says nothing of the author's order."""

from collections import Counter
from collections.abc import Iterable

import msgspec
import pytest

from exam_core.crypto.sealing import generate_identity, recipient_of, unseal
from exam_core.errors import IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.paper_package import (
    PaperPackage,
    build_package,
    open_form,
    seal_form,
    verify_package,
)
from exam_core.keys.model import LETTERS, MappedPart
from exam_core.model.identifiers import FormNumber
from exam_core.model.items import ItemType, Part
from paper_builder.assembly import PaperDraft, draw_paper
from tests.support import builders
from tests.unit.paper_builder.bank_items import SEED, Stock, blueprint

FORMS = 1000
CHI_SQUARE_3 = 27.9  # exceeded by chance once in 260,000 tables of three degrees of freedom


@pytest.fixture(scope="module")
def draft() -> PaperDraft:
    """A paper of a thousand forms of the same items."""
    return draw_paper(Stock().items(), blueprint(), SEED, forms=FORMS).draft


def mapped_choices(draft: PaperDraft) -> Iterable[tuple[Part, MappedPart]]:
    """Every part with four choices, as shown and as mapped back to the author's letters."""
    for laid_out in draft.forms:
        for item, mapped in zip(laid_out.form.items, laid_out.form_map.items, strict=True):
            for part, letters in zip(item.parts, mapped.parts, strict=True):
                if len(part.choices) == len("ABCD"):
                    yield part, letters


def chi_square(pairs: Iterable[tuple[str, int]]) -> dict[str, float]:
    """For each author's letter, how far its four places are from equally many."""
    counts = Counter(pairs)
    found = {}
    for letter in "ABCD":
        row = [counts[letter, place] for place in range(4)]
        expected = sum(row) / 4
        found[letter] = sum((one - expected) ** 2 / expected for one in row)
    return found


def test_one_identity_opens_one_form_of_a_thousand(draft: PaperDraft) -> None:
    """With the identity of one form, all 999 others stay shut."""
    identities = [generate_identity() for _ in draft.forms]
    package = verify_package(
        build_package(
            exam_id=builders.EXAM_ID,
            sitting_id=builders.SITTING_ID,
            paper_id=draft.paper_id,
            title=draft.title,
            sequence=1,
            duration_ms=draft.duration_ms,
            scoring_note="",
            results_recipients=[builders.recipient()],
            sealed_forms=[
                seal_form(laid_out.form, recipient_of(identity))
                for laid_out, identity in zip(draft.forms, identities, strict=True)
            ],
            keys=[builders.SETTER, builders.APPROVER],
        ),
        builders.root(),
    )

    shut = 0
    for number in range(1, FORMS + 1):
        sealed = package.sealed_form(FormNumber(number))
        if number == 500:
            opened = open_form(
                sealed, identities[499], paper_id=draft.paper_id, form_number=FormNumber(500)
            )
            assert opened == draft.forms[499].form
            continue
        with pytest.raises(IntegrityError, match=r"seal\.open"):
            unseal(sealed, identities[499])
        shut += 1
    assert shut == FORMS - 1
    _sizes_tell_nothing(package, draft)


def _sizes_tell_nothing(package: PaperPackage, draft: PaperDraft) -> None:
    """A form's size depends on its items, whatever their order and whatever the choices'.

    age adds a grease stanza of random length to its header, so the plaintexts are compared and
    the sealed sizes only bounded.
    """
    by_digits: dict[int, set[int]] = {}
    for laid_out in draft.forms:
        digits = len(str(laid_out.form.form_number))
        by_digits.setdefault(digits, set()).add(len(encode_canonical(laid_out.form)))
    assert all(len(sizes) == 1 for sizes in by_digits.values())
    assert len({member.size for member in package.manifest.forms()}) > 1


def test_the_place_of_a_choice_tells_nothing_of_its_letter(draft: PaperDraft) -> None:
    """Over a thousand forms each of the author's letters stands in each place equally often."""
    told = chi_square(
        (letters.letters[choice.choice_id], place)
        for part, letters in mapped_choices(draft)
        for place, choice in enumerate(part.choices)
    )

    assert max(told.values()) < CHI_SQUARE_3, told


def test_the_order_of_choice_ids_tells_nothing_of_their_letters(draft: PaperDraft) -> None:
    """Sorting the ids of a part, or taking their last digits, sorts no letters."""
    by_rank, by_digit = [], []
    for part, letters in mapped_choices(draft):
        ids = sorted(choice.choice_id for choice in part.choices)
        by_rank += [(letters.letters[name], rank) for rank, name in enumerate(ids)]
        by_digit += [(letters.letters[name], int(name[-1], 16) % 4) for name in ids]

    assert max(chi_square(by_rank).values()) < CHI_SQUARE_3
    assert max(chi_square(by_digit).values()) < CHI_SQUARE_3


def test_the_right_choice_is_as_likely_anywhere(draft: PaperDraft) -> None:
    """For items whose key is C, the right choice has no favourite place and no favourite rank."""
    keyed = [
        (part, letters)
        for part, letters in mapped_choices(draft)
        if part.item_type is ItemType.SINGLE_CHOICE
    ]
    for places in (
        [[choice.choice_id for choice in part.choices] for part, _ in keyed],
        [sorted(choice.choice_id for choice in part.choices) for part, _ in keyed],
    ):
        counts = Counter(
            ids.index(next(name for name, letter in letters.letters.items() if letter == "C"))
            for ids, (_, letters) in zip(places, keyed, strict=True)
        )
        expected = len(keyed) / 4
        assert sum((counts[at] - expected) ** 2 / expected for at in range(4)) < CHI_SQUARE_3


def test_ids_are_opaque_of_one_length_and_never_repeated(draft: PaperDraft) -> None:
    """No id of one form stands on another, all have 64 bits, and another draw shares none."""
    other = draw_paper(Stock().items(), blueprint(), "77" * 32, forms=2).draft
    seen: Counter[str] = Counter()
    for laid_out in (*draft.forms, *other.forms):
        for item in laid_out.form.items:
            seen[item.item_id] += 1
            for part in item.parts:
                seen[part.part_id] += 1
                seen.update(choice.choice_id for choice in part.choices)

    assert set(map(len, seen)) == {16}
    assert set(seen.values()) == {1}


def test_another_key_gives_a_form_of_the_same_size(draft: PaperDraft) -> None:
    """Exchanging choices, as another key would, changes no size, before and after sealing."""
    form = draft.forms[0].form
    turned = msgspec.structs.replace(
        form,
        items=tuple(
            msgspec.structs.replace(
                item,
                parts=tuple(
                    msgspec.structs.replace(part, choices=part.choices[::-1]) for part in item.parts
                ),
            )
            for item in form.items
        ),
    )

    assert turned != form
    assert len(encode_canonical(turned)) == len(encode_canonical(form))
    assert LETTERS.startswith("ABCD")
