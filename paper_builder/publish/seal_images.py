"""How do a paper's pictures get into the package? Each sealed once, to an identity drawn here.

The identity stands in every form that shows the picture, and nowhere else.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from exam_core import limits as core_limits
from exam_core.crypto.sealing import generate_identity, recipient_of, seal
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import ImageId
from exam_core.model.images import ImageSeal
from exam_core.model.items import Form
from paper_builder import limits
from paper_builder.assembly.draft import PaperDraft

PUBLISH_IMAGE = declare(
    "publish.image", "试卷稿中的图片缺失、过大或过多；请核对题库中的图片后重新组卷。"
)


class SealedImage(NamedTuple):
    """A member of the package, and what opens it."""

    sealed: bytes
    seal: ImageSeal


def seal_images(draft: PaperDraft) -> dict[ImageId, SealedImage]:
    """Every picture of the paper, sealed.

    Raises:
        InputError: `publish.image`, when a form shows a picture that the draft lacks, or more
            than a kiosk may be given.
    """
    sizes = {image.image_id: len(image.content) for image in draft.images}
    for laid_out in draft.forms:
        wanted = laid_out.form.image_ids()
        if not wanted <= sizes.keys():
            raise InputError(PUBLISH_IMAGE, "试卷稿中缺少图片")
        if sum(sizes[name] for name in wanted) > limits.form_image_bytes_max:
            raise InputError(PUBLISH_IMAGE, "一卷的图片加起来过大")
    if max(sizes.values(), default=0) > core_limits.image_bytes_max:
        raise InputError(PUBLISH_IMAGE, "有一张图片过大")
    images = {}
    for image in draft.images:
        identity = generate_identity()
        images[image.image_id] = SealedImage(
            sealed=seal(image.content, [recipient_of(identity)]),
            seal=ImageSeal(image_id=image.image_id, identity=identity, sha256=image.sha256),
        )
    return images


def with_seals(form: Form, images: Mapping[ImageId, SealedImage]) -> Form:
    """The form with what opens its pictures, and no others."""
    seals = tuple(images[name].seal for name in sorted(form.image_ids()))
    return msgspec.structs.replace(form, image_seals=seals)
