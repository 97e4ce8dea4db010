"""A picture opens only with a form that shows it, and only as the picture that was signed."""

import hashlib
from typing import Any

import msgspec
import pytest

from exam_core import limits
from exam_core.crypto.sealing import SealingIdentity, generate_identity, recipient_of, seal
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.paper_package import (
    PaperPackage,
    open_form,
    open_image,
    seal_form,
    verify_package,
)
from exam_core.keys.model import KeyedImage
from exam_core.model.identifiers import FormNumber, ImageId
from exam_core.model.images import ImageSeal, ItemImage, MediaType
from exam_core.model.items import Form
from tests.support import builders
from tests.support.builders import image, image_seal
from tests.support.pictures import png
from tests.support.refusals import refuses

ONE, TWO = ImageId("1f" * 16), ImageId("2f" * 16)
IDENTITY = generate_identity()


def form(number: int, *images: ItemImage, seals: tuple[ImageSeal, ...] = ()) -> Form:
    """A form whose first item shows these pictures."""
    plain = builders.form(number)
    first = msgspec.structs.replace(plain.items[0], images=images)
    return msgspec.structs.replace(plain, items=(first, *plain.items[1:]), image_seals=seals)


def package(*forms: Form, pictures: dict[ImageId, bytes]) -> PaperPackage:
    """A verified package of these forms and sealed pictures."""
    return verify_package(
        builders.package(*forms, sealed_images=list(pictures.items())), builders.root()
    )


def test_a_form_opens_its_pictures_and_no_others() -> None:
    """Whoever has the identity of form 1 has what opens its picture, and nothing for form 2's."""
    other = generate_identity()
    contents = {ONE: png(grey=1), TWO: png(grey=2)}
    forms = (
        form(1, image(ONE), seals=(image_seal(ONE, contents[ONE], IDENTITY),)),
        form(2, image(TWO), seals=(image_seal(TWO, contents[TWO], other),)),
    )
    held = package(
        *forms,
        pictures={
            ONE: seal(contents[ONE], [recipient_of(IDENTITY)]),
            TWO: seal(contents[TWO], [recipient_of(other)]),
        },
    )
    opened = open_form(
        held.sealed_form(FormNumber(1)),
        builders.FORM_IDENTITY,
        paper_id=builders.PAPER_ID,
        form_number=FormNumber(1),
    )

    (own,) = opened.image_seals
    assert open_image(held, own) == contents[ONE]
    assert other not in encode_canonical(opened).decode()
    stolen = ImageSeal(image_id=TWO, identity=own.identity, sha256=own.sha256)
    with refuses(IntegrityError, "seal.open"):
        open_image(held, stolen)


def test_another_picture_under_the_name_is_refused() -> None:
    """The form signs the digest of the picture; an image that the package lacks is named."""
    held = package(
        form(1, image(ONE), seals=(image_seal(ONE, png(), IDENTITY),)),
        pictures={ONE: seal(b"another", [recipient_of(IDENTITY)])},
    )
    with refuses(IntegrityError, "package.altered"):
        open_image(held, image_seal(ONE, png(), IDENTITY))
    with refuses(InputError, "package.image"):
        open_image(held, image_seal(TWO, png(), IDENTITY))


def test_a_picture_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when its digest is right."""
    monkeypatch.setattr(limits, "image_bytes_max", 10)
    held = package(
        form(1, image(ONE), seals=(image_seal(ONE, png(), IDENTITY),)),
        pictures={ONE: seal(png(), [recipient_of(IDENTITY)])},
    )
    with refuses(IntegrityError, "package.altered"):
        open_image(held, image_seal(ONE, png(), IDENTITY))


@pytest.mark.parametrize("seals", [(), (ONE, TWO), (TWO,)])
def test_pictures_and_seals_of_a_form_must_match(seals: tuple[ImageId, ...]) -> None:
    """A form with a picture too many or a seal too many does not open."""
    shown = form(1, image(ONE))
    plain = msgspec.to_builtins(shown)
    plain["image_seals"] = [msgspec.to_builtins(image_seal(name, b"x", IDENTITY)) for name in seals]
    sealed = seal(encode_canonical(plain), [recipient_of(builders.FORM_IDENTITY)])
    with refuses(InputError, "form.malformed"):
        open_form(
            sealed,
            builders.FORM_IDENTITY,
            paper_id=builders.PAPER_ID,
            form_number=FormNumber(1),
        )


def test_seals_stand_once_and_in_order() -> None:
    """One form has one encoding."""
    two = (image(ONE), image(TWO))
    right = (image_seal(ONE, b"x", IDENTITY), image_seal(TWO, b"y", IDENTITY))
    assert form(1, *two, seals=right).image_ids() == {ONE, TWO}
    for wrong in (right[::-1], (right[0], right[0])):
        with refuses(InputError, "form.malformed"):
            form(1, *two, seals=wrong)


def test_an_item_shows_few_pictures_and_none_twice() -> None:
    """Four at most."""
    five = [image(ImageId(f"{n:032x}")) for n in range(5)]
    for images in (five, [image(ONE), image(ONE)]):
        with refuses(InputError, "form.malformed"):
            builders.item(images=tuple(images))


@pytest.mark.parametrize(
    "fields",
    [
        {"image_id": "x"},
        {"image_id": "AB" * 16},
        {"width": 0},
        {"height": -1},
        {"width": limits.image_side_max + 1},
        {"width": 8192, "height": 8192},
        {"alternative_text": ""},
        {"alternative_text": "x" * 501},
    ],
)
def test_an_image_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """Names, sizes and words have their limits."""
    with refuses(InputError, "image.malformed"):
        image(**({"image_id": ONE} | fields))


def test_a_seal_that_cannot_be_is_refused() -> None:
    """An id and a digest in their one spelling."""
    good = {"image_id": ONE, "identity": SealingIdentity("x"), "sha256": "ab" * 32}
    assert ImageSeal(**good).image_id == ONE  # type: ignore[arg-type]
    for fields in ({"image_id": "x"}, {"sha256": "AB" * 32}):
        with refuses(InputError, "image.malformed"):
            ImageSeal(**(good | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sha256": "x"}, "key.malformed"),
        ({"alternative_text": ""}, "key.malformed"),
        ({"width": 0}, "image.malformed"),
    ],
)
def test_a_keyed_image_that_cannot_be_is_refused(fields: dict[str, Any], code: str) -> None:
    """The author's picture keeps the same limits."""
    good = {
        "sha256": hashlib.sha256(b"x").hexdigest(),
        "media_type": MediaType.PNG,
        "width": 1,
        "height": 1,
        "alternative_text": "图",
    }
    assert KeyedImage(**good).width == 1  # type: ignore[arg-type]
    with refuses(InputError, code):
        KeyedImage(**(good | fields))  # type: ignore[arg-type]


def test_images_stand_behind_forms_in_order() -> None:
    """However they are given, the members are sorted by id."""
    held = package(form(1), pictures={TWO: seal(b"2", [recipient_of(IDENTITY)]), ONE: b"sealed 1"})
    assert [member.name for member in held.manifest.images()] == [ONE, TWO]
    assert held.sealed_image(ONE) == b"sealed 1"
    assert seal_form(form(1), recipient_of(IDENTITY))
