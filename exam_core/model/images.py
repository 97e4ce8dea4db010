"""Pictures that belong to an item: what is shown, and with which key it opens.

The picture itself is a member of the package, an age file to an identity of its own. That
identity stands inside the forms that use it, so whoever opens a form opens its pictures, and no
others.
"""

import re
from enum import StrEnum

import msgspec

from exam_core import limits
from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import ImageId

IMAGE_MALFORMED = declare(
    "image.malformed", "图片只收 PNG 和 JPEG，大小见说明；请用看图软件另存后重新导入。"
)

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class MediaType(StrEnum):
    """The kinds of picture that are shown."""

    PNG = "image/png"
    JPEG = "image/jpeg"


class ItemImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture above an item's stem, or above a case's material.

    `width` and `height` are pixels; `alternative_text` says in words what the picture shows, for
    who does not see it and while it is not there.
    """

    image_id: ImageId
    media_type: MediaType
    width: int
    height: int
    alternative_text: str

    def __post_init__(self) -> None:
        if not image_id_is_valid(self.image_id):
            raise InputError(IMAGE_MALFORMED, "图片编号不对")
        check_image_size(self.width, self.height)
        if not 0 < len(self.alternative_text) <= limits.image_text_chars_max:
            raise InputError(IMAGE_MALFORMED, "图片说明为空或过长")


class ImageSeal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What opens one picture of a form, and the SHA-256 of what must then be there, in hex."""

    image_id: ImageId
    identity: SealingIdentity
    sha256: str

    def __post_init__(self) -> None:
        if not image_id_is_valid(self.image_id) or not _DIGEST.fullmatch(self.sha256):
            raise InputError(IMAGE_MALFORMED, "图片编号或摘要不对")


def image_id_is_valid(text: str) -> bool:
    """Whether this is an image id in its one spelling."""
    return _ID.fullmatch(text) is not None


def check_image_size(width: int, height: int) -> None:
    """Refuse a picture that has no pixels or more than a kiosk can hold.

    Raises:
        InputError: `image.malformed`.
    """
    side = limits.image_side_max
    if not (1 <= width <= side and 1 <= height <= side) or width * height > limits.image_pixels_max:
        raise InputError(IMAGE_MALFORMED, f"图片尺寸 {width}×{height} 超出范围")
