"""Only the server that took the room last may change it, on SQLite and on PostgreSQL."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, create_engine, text
from websockets.exceptions import ConnectionClosed

from exam_core.errors import InputError, StateError, StorageError
from exam_core.protocol.messages import Saved
from exam_server import limits
from exam_server.accounts.people import People
from exam_server.clock import NO_READING, SystemClock
from exam_server.room.live import CLOSE_LATER
from exam_server.room.serve import open_store, sole_store
from exam_server.room.services import conduct
from exam_server.store import room as tables
from exam_server.store.base import Base
from exam_server.store.engine import Store
from exam_server.store.fence import Fence, join_room, take_room
from exam_server.store.frame_log import FrameLog
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import live_room
from tests.support.postgres_server import new_database
from tests.support.refusals import refuses
from tests.support.room_world import RoomWorld
from tests.support.scenes import until


def _append(store: Store) -> None:
    with store.connection() as connection:
        FrameLog({}).append(connection, [], [(builders.SEGMENT_ID, 0, "x")])


WRITES: tuple[Callable[[Store], object], ...] = (
    _append,
    lambda store: conduct.persist_elapsed(store, 77, NO_READING),
    lambda store: People(store, SystemClock()).knows("wang"),
    Store.require_guard,
)


def _kept(store: Store) -> tuple[int | None, int]:
    with store.engine.connect() as connection:
        elapsed = connection.scalar(text("SELECT elapsed_ms FROM sitting"))
        rows = "SELECT (SELECT count(*) FROM frame) + (SELECT count(*) FROM frame_flag)"
        return elapsed, connection.scalar(text(rows)) or 0


def test_a_fenced_server_changes_nothing(any_world: RoomWorld) -> None:
    """Frames, acts and even reads are refused from the moment another server took the room."""
    old, new = open_store(any_world.folder), open_store(any_world.folder)
    first = take_room(old)
    conduct.persist_elapsed(old, 5, NO_READING)
    second = take_room(new)

    assert first is not None
    assert second == first + 1
    for write in WRITES:
        with refuses(StorageError, "server.fenced"):
            write(old)
    assert _kept(new) == (5, 0)
    conduct.persist_elapsed(new, 6, NO_READING)
    assert _kept(new) == (6, 0)
    old.close()
    new.close()


def test_a_command_changes_nothing_once_a_server_was_started(any_world: RoomWorld) -> None:
    """It has no number of its own, and holds only as long as nobody takes one."""
    command, server = open_store(any_world.folder), open_store(any_world.folder)
    join_room(command)
    conduct.persist_elapsed(command, 5, NO_READING)
    take_room(server)
    with refuses(StorageError, "server.fenced"):
        conduct.persist_elapsed(command, 6, NO_READING)
    assert _kept(server) == (5, 0)
    command.close()
    server.close()


def test_a_folder_without_a_sitting_has_nothing_to_take() -> None:
    """Imports into an empty room work; there is no number yet."""
    store = Store("sqlite://")
    with store.connection() as connection:
        Base.metadata.create_all(connection)
    join_room(store)
    assert take_room(store) is None
    assert store.guard is None
    store.close()


def test_servers_started_together_get_numbers_of_their_own(postgres_world: RoomWorld) -> None:
    """Twenty starts at once count to twenty: no number is given twice."""
    stores = [open_store(postgres_world.folder) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        numbers = [number for _ in range(5) for number in pool.map(take_room, stores)]
    assert sorted(number or 0 for number in numbers) == list(range(1, 21))
    for store in stores:
        store.close()


def test_who_takes_the_room_waits_for_a_commit_under_way(postgres_world: RoomWorld) -> None:
    """What the former server commits before is there when the new one begins to read."""
    old, new = open_store(postgres_world.folder), open_store(postgres_world.folder)
    take_room(old)
    with ThreadPoolExecutor(1) as pool:
        with old.transaction() as db:
            sitting = tables.find_sitting(db)
            assert sitting
            sitting.elapsed_ms = 5
            db.flush()
            taking = pool.submit(take_room, new)
            deadline = time.monotonic() + 20
            while not _waits(new):
                assert not taking.done()
                assert time.monotonic() < deadline
        assert taking.result(20) is not None
    assert _kept(new)[0] == 5
    old.close()
    new.close()


class _TakenMeanwhile(Fence):
    """Another server takes the room after the first check, before the commit."""

    def __init__(self, number: int, other: Store) -> None:
        super().__init__(number)
        self._other = other

    def check(self, connection: Connection) -> None:
        super().check(connection)
        take_room(self._other)


def test_a_room_taken_in_the_middle_of_a_transaction_undoes_it(postgres_world: RoomWorld) -> None:
    """The number is compared again at the end, under a lock that holds until the commit."""
    old, new = open_store(postgres_world.folder), open_store(postgres_world.folder)
    number = take_room(old)
    assert number is not None
    old.guard = _TakenMeanwhile(number, new)
    with refuses(StorageError, "server.fenced"):
        conduct.persist_elapsed(old, 7, NO_READING)
    assert _kept(new)[0] == 0
    old.close()
    new.close()


def _waits(store: Store) -> bool:
    with store.engine.connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_a_server_that_lost_its_room_lets_go_of_its_kiosks(
    any_world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No acknowledgement, the connection closed with "come again", said on the page, then over."""
    monkeypatch.setattr(limits, "fenced_notice_s", 0)

    async def scene() -> None:
        async with live_room(any_world) as live:
            await live.start()
            driver = await live.writing()
            idle = await live.writing(2)
            hub = live.room.hub
            other = open_store(any_world.folder)
            take_room(other)
            driver.append(builders.response_recorded("i1.1"))
            await driver.send_frames(driver.segment_id, 1)
            assert await _closed(driver) == CLOSE_LATER
            assert await _closed(idle) == CLOSE_LATER
            await until(hub.leaving.is_set)
            assert "server.fenced" in hub.state.storage_problem
            assert _kept(other)[1] == 2
            with pytest.raises(ConnectionClosed):
                await driver.reattach()
            other.close()

    asyncio.run(scene())


def test_an_idle_server_notices_too(any_world: RoomWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes, the sitting does not run: it asks the database every second."""
    monkeypatch.setattr(limits, "fenced_notice_s", 0)

    async def scene() -> None:
        async with live_room(any_world) as live:
            other = open_store(any_world.folder)
            take_room(other)
            await until(live.room.hub.leaving.is_set)
            other.close()

    asyncio.run(scene())


async def _closed(driver: KioskDriver) -> int | None:
    try:
        await driver.expect(Saved)
    except ConnectionClosed as closing:
        return closing.rcvd.code if closing.rcvd else None
    raise AssertionError("acknowledged by a fenced server")


def test_a_second_program_is_told_who_holds_the_database(postgres_world: RoomWorld) -> None:
    """Another folder, the same database: refused with the address of the first."""
    other = postgres_world.folder.path.with_name("other")
    other.mkdir()
    (other / "config.json").write_bytes((postgres_world.folder.path / "config.json").read_bytes())
    second = type(postgres_world.folder)(other)
    with (
        sole_store(postgres_world.folder),
        refuses(StateError, "database.in_use"),
        sole_store(second),
    ):
        pass
    with sole_store(second):
        pass


def test_a_file_is_taken_over_with_its_folder_alone(world: RoomWorld) -> None:
    """There is no other program to end: the folder is free, or it is in use."""
    with refuses(InputError, "serve.database"), sole_store(world.folder, takes_over=True):
        pass


@pytest.mark.parametrize("setting", ["synchronous_commit", "full_page_writes", "fsync"])
def test_a_database_that_may_lose_commits_is_refused(postgres: str, setting: str) -> None:
    """Each of the three settings alone; with all of them on again it opens."""
    url = new_database(postgres)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        try:
            _reload_until(connection, setting, "off")
            store = Store(url)
            with refuses(StorageError, "database.unsafe"):
                store.require_guard()
        finally:
            connection.execute(text(f"ALTER SYSTEM RESET {setting}"))
            _reload_until(connection, setting, "on")
    engine.dispose()
    store.require_guard()
    store.close()


def _reload_until(connection: Connection, setting: str, value: str) -> None:
    connection.execute(text("SELECT pg_reload_conf()"))
    deadline = time.monotonic() + 20
    while connection.scalar(text(f"SHOW {setting}")) != value:
        assert time.monotonic() < deadline
