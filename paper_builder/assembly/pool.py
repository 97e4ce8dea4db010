"""What could be drawn? The bank frozen: each item's facts on one canonical line, and their digest.

A draw is a function of this pool, the blueprint and the seed; the lines hold no item's wording.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import KeyedItem
from paper_builder.content import content_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Items in the order of their ids' UTF-8 bytes, with one canonical line for each."""

    items: tuple[KeyedItem, ...]
    lines: tuple[bytes, ...]

    def as_bytes(self) -> bytes:
        """The frozen pool as a file: the lines, each ended by a line feed."""
        return b"".join(line + b"\n" for line in self.lines)

    def digest(self) -> str:
        """SHA-256 of that file, in hex."""
        return hashlib.sha256(self.as_bytes()).hexdigest()


def freeze_pool(items: Iterable[KeyedItem]) -> Pool:
    """The pool of these items, in whatever order they come.

    A line is the canonical JSON array of id, version, type, domain, knowledge point, difficulty
    in thousandths, points in thousandths, and the digest of the content.
    """
    ordered = sorted(items, key=lambda item: item.bank_item_id.encode())
    ids = [item.bank_item_id for item in ordered]
    if len(set(ids)) != len(ids):
        raise ValueError("an item stands twice in the pool")
    return Pool(items=tuple(ordered), lines=tuple(_line(item) for item in ordered))


def _line(item: KeyedItem) -> bytes:
    return encode_canonical(
        [
            item.bank_item_id,
            item.version,
            item.item_type.value,
            item.domain,
            item.knowledge_point,
            item.difficulty_milli,
            sum(part.points_milli for part in item.parts),
            content_sha256(item),
        ]
    )
