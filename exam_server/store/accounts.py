"""Tables and queries of the people who work with a program."""

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from exam_server.store.base import Base, IntPk, Millis


class AccountRow(Base):
    """One person's account; `roles` are role names with commas between, in order."""

    __tablename__ = "account"

    account_id: Mapped[IntPk]
    name: Mapped[str] = mapped_column(String, unique=True)
    roles: Mapped[str]
    password_phc: Mapped[str]
    created_utc_ms: Mapped[Millis]


def find_account(db: Session, name: str) -> AccountRow | None:
    """The account of this name."""
    return db.scalar(select(AccountRow).where(AccountRow.name == name))


def list_accounts(db: Session) -> list[AccountRow]:
    """All accounts, in the order in which they were made."""
    return list(db.scalars(select(AccountRow).order_by(AccountRow.account_id)))
