"""What does a draw leave behind? A record anyone can repeat, and a draft that can be sealed.

Both are secret until the sitting has closed: the record holds the seed, the draft the keys.
"""

from collections.abc import Mapping

import msgspec

from exam_core.errors import InputError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.keys.model import KeyedItem, ScoringScheme
from exam_core.model.identifiers import BankItemId, FormNumber, ImageId, PaperId
from paper_builder.assembly.blueprint import Blueprint
from paper_builder.assembly.layout import LaidOutForm
from paper_builder.assembly.table import TableMethod

DRAFT_FILE = declare("draft.file", "请选择 paper-builder draw 写出的文件；不要改动其中的内容。")

METHOD = "gongyuan-draw/1"
"""Names the whole procedure; a change in it that changes any draw is a new method."""


class DrawnItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item drawn."""

    bank_item_id: BankItemId
    version: int


class FormDigests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SHA-256 of the canonical form and of its map, in hex."""

    form_number: FormNumber
    form_sha256: str
    map_sha256: str


class DrawRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decided a draw, and what came of it.

    `seed` is 64 hex digits. `table` counts items by domain (in the blueprint's order) and type.
    """

    method: str
    paper_id: PaperId
    pool_digest: str
    pool_items: int
    blueprint_digest: str
    blueprint: Blueprint
    seed: str
    table_method: TableMethod
    table: tuple[tuple[int, ...], ...]
    tries: int
    selection: tuple[DrawnItem, ...]
    forms: tuple[FormDigests, ...]

    def __post_init__(self) -> None:
        if self.method != METHOD:
            raise InputError(DRAFT_FILE, f"不认识的组卷方法 {self.method[:30]}")


class DraftImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture under its name on this paper, with its bytes and their SHA-256 in hex."""

    image_id: ImageId
    sha256: str
    content: bytes


class PaperDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paper before sealing: items with keys and the points of this paper, forms and maps.

    `images` are the pictures of its items by their ids. A draw names them; their bytes are added
    from the bank (`with_images`), because a draw is a function of facts alone.
    """

    paper_id: PaperId
    title: str
    duration_ms: int
    scoring: ScoringScheme
    items: tuple[KeyedItem, ...]
    forms: tuple[LaidOutForm, ...]
    images: tuple[DraftImage, ...] = ()


def with_images(draft: PaperDraft, contents: Mapping[str, bytes]) -> PaperDraft:
    """The draft with the bytes of its pictures, given by their SHA-256 in hex.

    Raises:
        KeyError: A picture of the paper is not among them.
    """
    named = _image_digests(draft)
    images = tuple(
        DraftImage(image_id=name, sha256=digest, content=contents[digest])
        for name, digest in sorted(named.items())
    )
    return msgspec.structs.replace(draft, images=images)


def _image_digests(draft: PaperDraft) -> dict[ImageId, str]:
    """The digest of every picture on the paper; item and form list them in the same order."""
    keyed = {item.bank_item_id: item for item in draft.items}
    found: dict[ImageId, str] = {}
    for laid_out in draft.forms[:1]:  # every form has the same items
        for item, mapped in zip(laid_out.form.items, laid_out.form_map.items, strict=True):
            sources = keyed[mapped.bank_item_id].images
            for image, source in zip(item.images, sources, strict=True):
                found[image.image_id] = source.sha256
    return found


def encode_record(record: DrawRecord) -> bytes:
    """The bytes of `draw.json`."""
    return encode_canonical(record)


def parse_record(data: bytes) -> DrawRecord:
    """The record from its bytes.

    Raises:
        InputError: `draft.file`.
    """
    return decode_canonical(data, DrawRecord, DRAFT_FILE, "组卷记录")


def encode_draft(draft: PaperDraft) -> bytes:
    """The bytes of `paper.draft`."""
    return encode_canonical(draft)


def parse_draft(data: bytes) -> PaperDraft:
    """The draft from its bytes.

    Raises:
        InputError: `draft.file`, `form.malformed`, `key.malformed`.
    """
    return decode_canonical(data, PaperDraft, DRAFT_FILE, "试卷稿")
