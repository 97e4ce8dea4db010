"""The common base of all tables: names of constraints, and the column types that recur."""

from typing import Annotated

from sqlalchemy import BigInteger, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Fixed names, so that a migration can name what it changes on every database."""


class Base(DeclarativeBase):
    """Base of every row class."""

    metadata = MetaData(naming_convention=NAMING)


IntPk = Annotated[int, mapped_column(primary_key=True, autoincrement=True)]
"""A number given by the database."""

TextPk = Annotated[str, mapped_column(primary_key=True)]
"""An identifier given by us."""

Millis = Annotated[int, mapped_column(BigInteger)]
"""Milliseconds: a duration, or UTC since 1970 where the name ends in `_utc_ms`."""

Bytes = Annotated[bytes, mapped_column(LargeBinary)]
"""Bytes kept verbatim."""
