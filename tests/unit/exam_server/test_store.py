"""The database: migrations make what the models say, failures are ours."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, text

from exam_core.errors import InputError, StorageError
from exam_server.store import accounts, frames, room
from exam_server.store.base import NAMING, Base
from exam_server.store.engine import Store, sqlite_url
from exam_server.store.migrations import migrate


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A migrated room database."""
    one = Store(sqlite_url(tmp_path / "room.db"))
    migrate(one, "accounts", "room")
    return one


def test_migrations_make_what_the_models_say(store: Store) -> None:
    """No column, constraint or index more or less."""
    tables = {
        row.__tablename__
        for module in (accounts, room, frames)
        for row in vars(module).values()
        if isinstance(row, type) and issubclass(row, Base) and row is not Base
    }
    wanted = MetaData(naming_convention=NAMING)
    frames.frame_table(wanted, "sqlite")
    for table in Base.metadata.sorted_tables:
        if table.name in tables:
            table.to_metadata(wanted)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _is_ours}
        )
        assert compare_metadata(context, wanted) == []


def _is_ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
    return not (kind == "table" and name == "alembic_version")


def test_migrating_twice_changes_nothing(store: Store) -> None:
    """The second run finds nothing to do."""
    migrate(store, "accounts", "room")
    with store.engine.connect() as connection:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).all()
    assert {version for (version,) in versions} == {"accounts_0001", "room_0003"}


def test_sqlite_is_opened_for_durability(store: Store) -> None:
    """WAL, full sync, foreign keys."""
    with store.engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_transaction_that_fails_keeps_nothing(store: Store) -> None:
    """The block's writes are undone together."""

    def fail() -> None:
        with store.transaction() as db:
            db.add(room.SeatRow(seat_id="A01", failed_tries=0, is_locked=False))
            db.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.transaction() as db:
        assert room.list_seats(db) == []


@pytest.mark.parametrize(
    ("problem", "code"),
    [("max_page_count=1", "storage.full"), ("query_only=ON", "storage.failed")],
)
def test_a_database_that_cannot_write_says_so(store: Store, problem: str, code: str) -> None:
    """A full disk and any other failure have codes of their own."""
    with store.engine.connect() as connection:
        connection.execute(text(f"PRAGMA {problem}"))
    with pytest.raises(StorageError) as refusal, store.transaction() as db:
        db.add_all(
            room.SeatRow(seat_id=f"A{n}" + "x" * 1000, failed_tries=0, is_locked=False)
            for n in range(500)
        )
    assert refusal.value.code == code


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "sqlite+nothing:///x"])
def test_a_wrong_database_url_is_refused(url: str) -> None:
    """With an example of a right one."""
    with pytest.raises(InputError, match=r"database\.url"):
        Store(url)


@pytest.mark.loopback
def test_a_database_that_does_not_answer_is_no_failing_disk() -> None:
    """PostgreSQL that is not running is called unreachable."""
    store = Store("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(StorageError) as refusal, store.transaction() as db:
        db.execute(text("SELECT 1"))
    assert refusal.value.code == "database.unreachable"
