"""The tables of an item bank. Versions are inserted, never changed."""

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from paper_builder import limits


class Base(DeclarativeBase):
    """Root of the bank's tables; constraints have names on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ItemRow(Base):
    """One item and which of its versions is current.

    `position` keeps the order of first import; `remark` is the author's note, no part of the item.
    """

    __tablename__ = "item"

    bank_item_id: Mapped[str] = mapped_column(String(limits.item_id_chars_max), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, unique=True)
    version: Mapped[int] = mapped_column(Integer)
    content_sha256: Mapped[str] = mapped_column(String(64))
    item_type: Mapped[str] = mapped_column(String(20))
    domain: Mapped[str] = mapped_column(String(limits.name_chars_max))
    remark: Mapped[str] = mapped_column(Text)


class ImageRow(Base):
    """The bytes of a picture, by their digest; pictures are inserted, never changed."""

    __tablename__ = "image"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ItemVersionRow(Base):
    """One version of an item, for ever; `content` is the canonical KeyedItem."""

    __tablename__ = "item_version"

    bank_item_id: Mapped[str] = mapped_column(
        String(limits.item_id_chars_max), ForeignKey("item.bank_item_id"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    imported_at_ms: Mapped[int] = mapped_column(BigInteger)  # UTC, since 1970
