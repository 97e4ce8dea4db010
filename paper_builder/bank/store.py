"""What does the item bank hold? Items, immutable by version, in one database.

One call is one transaction: it happens whole, or `bank.storage` is raised and nothing changed.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from sqlalchemy import Connection, Engine, and_, bindparam, func, insert, select, update

from exam_core.errors import InputError, StorageError
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.keys.model import KeyedItem
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder.bank.check import ITEM_MALFORMED, check_item
from paper_builder.bank.coverage import Coverage
from paper_builder.bank.database import BANK_STORAGE, open_engine, storage_errors
from paper_builder.bank.models import ImageRow, ItemRow, ItemVersionRow
from paper_builder.bank.report import PutCounts
from paper_builder.content import content_sha256

_CHUNK = 500  # ids in one query; SQLite takes some thousand bound values

Progress = Callable[[int], None]
"""Told how many more items are done."""


class _Held(NamedTuple):
    version: int
    content_sha256: str


class ItemBank:
    """An open item bank; close it, or use it as a context manager."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms

    @classmethod
    def open(
        cls,
        location: str | Path,
        *,
        is_new_allowed: bool = False,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> Self:
        """Open a bank by path or database URL, bringing an older one up to date.

        Raises:
            InputError: `bank.file`, `bank.newer`.
            StorageError: `bank.storage`.
        """
        return cls(open_engine(str(location), is_new_allowed=is_new_allowed), now_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def put(
        self,
        items: Sequence[KeyedItem],
        remarks: Mapping[BankItemId, str] | None = None,
        on_progress: Progress = lambda _count: None,
        *,
        images: Mapping[str, bytes] | None = None,
    ) -> PutCounts:
        """Take all these items in, in one transaction; all are on disk when this returns.

        `images` are their pictures by SHA-256 in hex; the bank keeps each once, for ever.

        An id that is new is added; one with other content becomes its next version; one with the
        same content is left as it is. The versions that the items name do not matter.

        Raises:
            InputError: `import.item`, naming the first item that a bank may not hold.
            StorageError: `bank.storage`; the bank is unchanged.
        """
        for item in items:
            try:
                check_item(item)
            except InputError as error:
                raise InputError(
                    ITEM_MALFORMED, f"试题 {item.bank_item_id}：{error.message}", **error.facts
                ) from error
        added = changed = 0
        with storage_errors(), self._engine.begin() as db:
            position = db.scalar(select(func.max(ItemRow.position))) or 0
            for start in range(0, len(items), _CHUNK):
                chunk = items[start : start + _CHUNK]
                now_added, now_changed = self._put_chunk(db, chunk, position + added)
                added += now_added
                changed += now_changed
                on_progress(len(chunk))
            _put_images(db, images or {})
            _put_remarks(db, items, remarks or {})
        return PutCounts(added=added, changed=changed, unchanged=len(items) - added - changed)

    def items(self) -> list[KeyedItem]:
        """The current version of every item, in the order of first import.

        Raises:
            StorageError: `bank.storage`.
        """
        with storage_errors(), self._engine.connect() as db:
            rows = db.execute(
                select(ItemVersionRow.content)
                .join(
                    ItemRow,
                    and_(
                        ItemRow.bank_item_id == ItemVersionRow.bank_item_id,
                        ItemRow.version == ItemVersionRow.version,
                    ),
                )
                .order_by(ItemRow.position)
            )
            return [_decode(content) for (content,) in rows]

    def versions(self, bank_item_id: BankItemId) -> list[KeyedItem]:
        """Every version of one item, oldest first; empty when the bank does not know it.

        Raises:
            StorageError: `bank.storage`.
        """
        with storage_errors(), self._engine.connect() as db:
            rows = db.execute(
                select(ItemVersionRow.content)
                .where(ItemVersionRow.bank_item_id == bank_item_id)
                .order_by(ItemVersionRow.version)
            )
            return [_decode(content) for (content,) in rows]

    def images(self, digests: Iterable[str]) -> dict[str, bytes]:
        """The pictures with these digests, whole.

        Raises:
            StorageError: `bank.storage`, also when one is missing or was changed.
        """
        found: dict[str, bytes] = {}
        with storage_errors(), self._engine.connect() as db:
            for digest in sorted(set(digests)):
                query = select(ImageRow.content).where(ImageRow.sha256 == digest)
                content = db.execute(query).scalar_one_or_none()
                if content is None or hashlib.sha256(content).hexdigest() != digest:
                    raise StorageError(BANK_STORAGE, f"题库中的图片 {digest[:16]} 缺失或已损坏")
                found[digest] = content
        return found

    def remarks(self) -> dict[BankItemId, str]:
        """The authors' remarks, of items that have one.

        Raises:
            StorageError: `bank.storage`.
        """
        with storage_errors(), self._engine.connect() as db:
            query = select(ItemRow.bank_item_id, ItemRow.remark).where(ItemRow.remark != "")
            return {BankItemId(item_id): remark for item_id, remark in db.execute(query)}

    def coverage(self) -> Coverage:
        """How many items there are of each domain and type.

        Raises:
            StorageError: `bank.storage`.
        """
        with storage_errors(), self._engine.connect() as db:
            query = select(ItemRow.domain, ItemRow.item_type, func.count()).group_by(
                ItemRow.domain, ItemRow.item_type
            )
            return Coverage(
                counts={
                    (domain, ItemType(kind)): count for domain, kind, count in db.execute(query)
                }
            )

    def _put_chunk(
        self, db: Connection, chunk: Sequence[KeyedItem], position: int
    ) -> tuple[int, int]:
        held = _held(db, (item.bank_item_id for item in chunk))
        new_heads, changed_heads, versions = [], [], []
        for item in chunk:
            before = held.get(item.bank_item_id)
            digest = content_sha256(item)
            if before is not None and before.content_sha256 == digest:
                continue
            version = before.version + 1 if before else 1
            held[item.bank_item_id] = _Held(version, digest)
            head = {
                "version": version,
                "content_sha256": digest,
                "item_type": item.item_type.value,
                "domain": item.domain,
            }
            if before is None:
                position += 1
                identity = {"bank_item_id": item.bank_item_id, "position": position, "remark": ""}
                new_heads.append(head | identity)
            else:
                changed_heads.append(head | {"at": item.bank_item_id})
            versions.append(
                {
                    "bank_item_id": item.bank_item_id,
                    "version": version,
                    "content": encode_canonical(msgspec.structs.replace(item, version=version)),
                    "imported_at_ms": self._now_ms(),
                }
            )
        if new_heads:
            db.execute(insert(ItemRow), new_heads)
        if changed_heads:
            db.execute(
                update(ItemRow).where(ItemRow.bank_item_id == bindparam("at")), changed_heads
            )
        if versions:
            db.execute(insert(ItemVersionRow), versions)
        return len(new_heads), len(changed_heads)


def _held(db: Connection, ids: Iterable[BankItemId]) -> dict[BankItemId, _Held]:
    query = select(ItemRow.bank_item_id, ItemRow.version, ItemRow.content_sha256).where(
        ItemRow.bank_item_id.in_(list(ids))
    )
    return {BankItemId(name): _Held(version, digest) for name, version, digest in db.execute(query)}


def _put_images(db: Connection, images: Mapping[str, bytes]) -> None:
    for digest, content in images.items():
        query = select(ImageRow.sha256).where(ImageRow.sha256 == digest)
        if db.execute(query).scalar_one_or_none() is None:
            db.execute(insert(ImageRow).values(sha256=digest, content=content))


def _put_remarks(
    db: Connection, items: Sequence[KeyedItem], remarks: Mapping[BankItemId, str]
) -> None:
    rows = [
        {"at": item.bank_item_id, "remark": remarks.get(item.bank_item_id, "")} for item in items
    ]
    if rows:
        db.execute(update(ItemRow).where(ItemRow.bank_item_id == bindparam("at")), rows)


def _decode(content: bytes) -> KeyedItem:
    return decode_canonical(content, KeyedItem, ITEM_MALFORMED, "题库中的试题")
