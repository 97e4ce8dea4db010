"""An answer key is whole and consistent, and only the grading site opens it."""

from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import recipient_of, seal
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.keys.model import BlanksKey, ChoiceKey, KeyedPart, MarkingKey, MarkingPoint
from exam_core.keys.package import MAGIC, build_key_package, open_key_package
from exam_core.model.identifiers import BankItemId, ChoiceId, ItemId, PartId
from exam_core.model.items import ItemType
from tests.support.builders import (
    APPROVER,
    FORM_IDENTITY,
    GRADING_IDENTITY,
    SETTER,
    answer_key,
    form_map,
    keyed_item,
    keyed_part,
    root,
    short_answer_part,
)
from tests.support.refusals import refuses

RECIPIENT = recipient_of(GRADING_IDENTITY)
BLANKS = {"item_type": ItemType.FILL_BLANK, "choices": ()}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"item_type": ItemType.MULTIPLE_CHOICE, "key": ChoiceKey(letters="ACD")},
        {
            "item_type": ItemType.TRUE_FALSE,
            "choices": ("正确", "错误"),
            "key": ChoiceKey(letters="A"),
        },
        BLANKS | {"key": BlanksKey(blanks=(("公平", "公平性"), ("就业",)), is_unordered=True)},
        {"choices": tuple("甲乙丙丁戊己庚辛"), "key": ChoiceKey(letters="H")},
    ],
)
def test_good_parts_can_be_made(fields: dict[str, Any]) -> None:
    """Every kind of key that the bank knows is accepted."""
    assert isinstance(keyed_part(**fields), KeyedPart)
    assert isinstance(short_answer_part(), KeyedPart)


def points(*worth: int) -> MarkingKey:
    """A marking key with points of these worths."""
    return MarkingKey(
        marking_points=tuple(MarkingPoint(text="要点", points_milli=one) for one in worth)
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"points_milli": 0},
        {"item_type": ItemType.SHORT_ANSWER},
        {"item_type": ItemType.CASE},
        {"key": ChoiceKey(letters="")},
        {"key": ChoiceKey(letters="E")},
        {"key": ChoiceKey(letters="AB")},
        {"item_type": ItemType.MULTIPLE_CHOICE, "key": ChoiceKey(letters="BA")},
        {"item_type": ItemType.MULTIPLE_CHOICE, "key": ChoiceKey(letters="AA")},
        {"item_type": ItemType.MULTIPLE_CHOICE, "key": ChoiceKey(letters="a")},
        {"key": BlanksKey(blanks=(("甲",),))},
        BLANKS | {"key": BlanksKey(blanks=())},
        BLANKS | {"key": BlanksKey(blanks=((),))},
        BLANKS | {"key": BlanksKey(blanks=(("甲", ""),))},
        BLANKS | {"key": BlanksKey(blanks=(("甲",),)), "points_milli": -1},
        {"key": points(1000)},
        {"item_type": ItemType.SHORT_ANSWER, "key": points(400, 500)},
        {"item_type": ItemType.SHORT_ANSWER, "key": points(2000, 0)},
        {"item_type": ItemType.SHORT_ANSWER, "key": points()},
        {"item_type": ItemType.SHORT_ANSWER, "key": points(), "points_milli": 0},
    ],
)
def test_a_key_that_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    """Key, type, choices and points must agree."""
    with refuses(InputError, "key.malformed"):
        keyed_part(**fields)


def mapped(**fields: Any) -> dict[str, Any]:
    """Fields of an answer key whose form's only part is changed."""
    one = form_map().items[0]
    part = msgspec.structs.replace(one.parts[0], **fields)
    return {"forms": (form_map(items=(msgspec.structs.replace(one, parts=(part,)),)),)}


def mapped_item(**fields: Any) -> dict[str, Any]:
    """Fields of an answer key whose form's only item is changed."""
    return {"forms": (form_map(items=(msgspec.structs.replace(form_map().items[0], **fields),)),)}


@pytest.mark.parametrize(
    "fields",
    [
        {"key_version": 0},
        {"items": (keyed_item(), keyed_item())},
        {"items": ()},
        {"forms": (form_map(1), form_map(1))},
        {"journal_secrets": {"C01": ""}},
        {"journal_secrets": {"C01": "AB" * 32}},
        mapped_item(bank_item_id=BankItemId("B9")),
        mapped_item(parts=()),
        mapped(letters={}),
        mapped(letters={ChoiceId("a"): "A", ChoiceId("b"): "B", ChoiceId("c"): "C"}),
        mapped(letters={ChoiceId(c): "A" for c in "abcd"}),
        mapped(letters={ChoiceId(c): c.upper() for c in "abce"}),
        mapped(order=""),
        mapped(order="ABC"),
        mapped(order="AABC"),
    ],
)
def test_a_key_that_is_not_whole_is_refused(fields: dict[str, Any]) -> None:
    """Every item on every form has its key, and every choice id its letter."""
    with refuses(InputError, "key.malformed"):
        answer_key(**fields)


def test_parts_without_choices_have_no_letters() -> None:
    """A form maps a short answer with an empty table."""
    key = answer_key(
        items=(keyed_item(parts=(short_answer_part(),)),),
        **mapped(letters={}, order="", part_id=PartId("p7")),
    )

    assert key.forms[0].items[0].item_id == ItemId("i1")


def test_only_the_grading_site_opens_the_package() -> None:
    """The grading site's identity and headquarters' signatures give the key back."""
    data = build_key_package(answer_key(), [SETTER, APPROVER], [RECIPIENT])

    assert open_key_package(data, GRADING_IDENTITY, root()) == answer_key()
    assert "下列哪一项正确".encode() not in data
    with refuses(IntegrityError, "seal.open"):
        open_key_package(data, FORM_IDENTITY, root())
    with refuses(IntegrityError, "seal.open"):
        open_key_package(data[:-1], GRADING_IDENTITY, root())


@pytest.mark.parametrize("data", [b"", MAGIC[:-1], b"EXPK1\n"])
def test_another_file_is_refused(data: bytes) -> None:
    """A file of another kind is refused before any key is used."""
    with refuses(InputError, "key.file"):
        open_key_package(data, GRADING_IDENTITY, root())


def test_what_is_sealed_must_be_signed() -> None:
    """Anyone can seal to the grading site; only headquarters can sign."""
    data = build_key_package(answer_key(), [SETTER], [RECIPIENT])
    kind = "application/vnd.gongyuan.examkey.v1+json"
    empty = MAGIC + seal(sign_envelope(b"{}", kind, [SETTER, APPROVER]), [RECIPIENT])
    other = sign_envelope(encode_canonical(answer_key()), "text/plain", [SETTER, APPROVER])

    with refuses(IntegrityError, "signature.threshold"):
        open_key_package(data, GRADING_IDENTITY, root())
    with refuses(InputError, "key.malformed"):
        open_key_package(empty, GRADING_IDENTITY, root())
    with refuses(InputError, "signature.type"):
        open_key_package(MAGIC + seal(other, [RECIPIENT]), GRADING_IDENTITY, root())
