"""The database itself keeps marks as they are, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.exc import DatabaseError

import exam_server.store.accounts
from exam_core.crypto.sealing import recipient_of
from exam_core.errors import ExamError, StateError, StorageError
from exam_core.model.identifiers import PartId
from exam_core.model.responses import TextResponse
from exam_server.marking.services.outcome import Outcome
from exam_server.marking.services.queue import MarkingQueue
from exam_server.marking.services.results_import import import_results
from exam_server.marking.site import open_site
from exam_server.store import marking as rows
from exam_server.store.base import Base
from exam_server.store.engine import Store
from exam_server.store.marking import tables
from grading.marking import Mark, MarkerId, PointScores
from tests.support import marking_world
from tests.support.marking_world import (
    World,
    filled_site,
    part_id,
    world_results,
    world_session,
)
from tests.support.postgres_server import postgres_url

OWN_TABLES = {
    row.__tablename__
    for row in vars(tables).values()
    if isinstance(row, type) and issubclass(row, Base) and row is not Base
} | {exam_server.store.accounts.AccountRow.__tablename__}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """One PostgreSQL for all tests here."""
    with postgres_url() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A filled grading site on each kind of database, empty before."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("server")
        store = Store(url)
        with store.connection() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        store.close()
    with filled_site(tmp_path, database_url=url) as made:
        yield made


def _mark(world: World, sequence: int = 1) -> Mark:
    queue = MarkingQueue(world.site)
    task_id = queue.take_next(MarkerId("li"), 2)
    assert task_id
    return Mark(
        task_id=task_id,
        sequence=sequence,
        marker_id=MarkerId("li"),
        judgement=PointScores(scores_milli=(0, 0, 0)),
        marked_at_ms=0,
    )


def test_a_site_works_on_this_database(world: World) -> None:
    """From import through all marks to results, on either database."""
    queue = MarkingQueue(world.site)
    marker = MarkerId("li")
    while task_id := queue.take_next(marker):
        view = queue.open(task_id, marker, may_mark=True)
        zero = PointScores(scores_milli=(0,) * len(view.marking_points))
        queue.give(task_id, marker, sequence=1, judgement=zero, comment="")
    assert len(Outcome(world.site).results().candidates) == 8


def test_what_a_hostile_kiosk_sends_comes_in_on_this_database(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anomalies are kept, and a NUL in a text is shown to markers as a sign for it."""
    part = part_id(1, "C0001", 1)
    given = {part: TextResponse(text="甲\0乙"), PartId("elsewhere"): TextResponse(text="丙")}
    monkeypatch.setattr(marking_world, "world_responses", lambda _: given)
    others = tuple(session for session in map(world_session, range(2, 8)))
    data = world_results(
        recipient=recipient_of(world.identity), sequence=2, sessions=(world_session(1), *others)
    )
    import_results(world.site, data, world.identity, actor="t")

    with world.site.store.transaction() as db:
        found = rows.anomalies(db)
        shown = [one.response_text for one in rows.open_tasks(db, 4)]
        first = rows.sessions(db)[0]
    assert [one.admission_number for one in found] == [
        f"2026{serial:04d}" for serial in range(1, 8)
    ]
    assert {one.anomaly.code for one in found} == {"response.unknown_part"}
    assert shown == ["甲␀乙"]
    assert first.responses == {part: TextResponse(text="甲\0乙")}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE mark SET marker_id = 'x'", "DELETE FROM mark", "UPDATE mark SET sequence = 9"],
)
def test_the_database_refuses_to_change_a_mark(world: World, statement: str) -> None:
    """Whoever reaches the database directly cannot change or remove a mark either."""
    with world.site.store.transaction() as db:
        rows.add_mark(db, _mark(world))
        before = rows.marks(db)
    with (
        pytest.raises((StorageError, DatabaseError), match=r"never changed|storage\.failed"),
        world.site.store.connection() as connection,
    ):
        connection.exec_driver_sql(statement)
    with world.site.store.transaction() as db:
        assert rows.marks(db) == before


def test_two_marks_with_one_sequence_cannot_both_be_kept(world: World) -> None:
    """The second one is told that another came first, and the transaction goes on."""
    with world.site.store.transaction() as db:
        mark = _mark(world)
        rows.add_mark(db, mark)
        with pytest.raises(StateError) as refused:
            rows.add_mark(db, mark)
        assert refused.value.code == "mark.sequence"
        assert rows.mark_count(db) == 1


def test_migrations_make_what_the_tables_say(world: World) -> None:
    """The versions and the row classes describe the same database."""
    wanted = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.sorted_tables:
        if table.name in OWN_TABLES:
            table.to_metadata(wanted)
    with world.site.store.connection() as connection:
        assert compare_metadata(MigrationContext.configure(connection), wanted) == []


def test_one_process_at_a_time(world: World) -> None:
    """A second program on the same folder is refused."""
    with pytest.raises(ExamError) as refused, open_site(world.site.folder, world.clock):
        pass
    assert refused.value.code == "data.in_use"
