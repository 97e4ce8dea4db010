"""The room on a real PostgreSQL, started for this test from the system's package."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text

from exam_core.errors import StorageError
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol.messages import Refused
from exam_server.room.serve import open_store
from exam_server.store import room as tables
from exam_server.store.base import NAMING, Base
from exam_server.store.engine import Store
from exam_server.store.frame_log import FrameLog
from exam_server.store.frames import frame_table
from tests.support import builders
from tests.support.live_room import live_room
from tests.support.postgres_server import new_database
from tests.support.refusals import refuses
from tests.support.room_world import make_room


def test_a_sitting_on_postgresql(postgres: str, tmp_path: Path) -> None:
    """Migrations, imports, log-in, saves, repeats, a restart and the submit, as on SQLite."""
    world = make_room(tmp_path / "data", seats=2, database_url=new_database(postgres))

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            for letter in "ABCD":
                await driver.save(builders.response_recorded("i1.1", letter))
            await driver.save(builders.response_recorded("elsewhere"))
            await driver.send_frames(driver.segment_id, 0)
        async with live_room(world) as live:
            driver.kiosk_url = live.kiosk_url
            driver.append(builders.response_recorded("i2.1", "B"))
            await driver.reattach()
            await driver.wait_saved()
            await live.open()
            session = live.room.hub.state.seats[driver.seat_id].session
            assert session
            assert session.tally.answered == 2
            await driver.submit()
            assert session.state is SessionState.CLOSED
            refused = [one.code for one in driver.seen if isinstance(one, Refused)]
            assert refused == ["response.unknown_part"]
            await driver.close()

    asyncio.run(play())
    store = open_store(world.folder)
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM frame")).scalar() == 8
        tables = set(inspect(connection).get_table_names())
        context = MigrationContext.configure(
            connection,
            opts={  # without the grading site's tables, which are known when its module is loaded
                "include_object": lambda _, name, kind, *__: kind != "table" or name in tables
            },
        )
        wanted = MetaData(naming_convention=NAMING)
        frame_table(wanted, "postgresql")
        for table in Base.metadata.sorted_tables:
            table.to_metadata(wanted)
        found = compare_metadata(context, wanted)
    store.close()
    assert found == []


def test_frames_wait_for_an_export_that_runs(postgres: str, tmp_path: Path) -> None:
    """Only locks order transactions here: the frames see the closing and are refused."""
    url = new_database(postgres)
    world = make_room(tmp_path / "data", seats=2, database_url=url)
    store = open_store(world.folder)
    with ThreadPoolExecutor(1) as pool:
        with store.transaction() as db:
            sitting = tables.lock_sitting(db)
            assert sitting
            sitting.state = str(SittingState.CLOSED)
            db.flush()
            appending = pool.submit(_append_a_frame, store)
            deadline = time.monotonic() + 20
            while not _is_waiting(store):
                assert not appending.done()
                assert time.monotonic() < deadline
        with refuses(StorageError, "storage.failed"):
            appending.result(20)
    store.close()


def _append_a_frame(store: Store) -> None:
    with store.connection() as connection:
        FrameLog({}).append(connection, [(1, 0, b"frame", 0, bytes(32))], [])


def _is_waiting(store: Store) -> bool:
    with store.connection() as connection:
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        return bool(connection.execute(text(query)).scalar())
