"""The server's machine: the real room in a process that can die, on a disk that can refuse.

What was committed is on the disk; a killed process loses everything else. A commit can fail for
want of space, or fail in a way that leaves its outcome unknown.
"""

import asyncio
import functools
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from exam_core.errors import StorageError
from exam_server.folder import STORAGE_FAILED, STORAGE_FULL
from exam_server.room.folder import RoomFolder
from exam_server.room.hub import RoomHub
from exam_server.room.saving.rounds import Round
from exam_server.room.serve import build_room
from exam_server.room.web.applications import build_kiosk_application
from exam_server.store.engine import Store
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.network import Network

_COMMIT_S_MAX = 0.01


class ServerClock:
    """The machine's clocks: the wall clock is whatever somebody set it to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.boots = 1
        self.booted_ms = 0
        self.wall_ms = 1_800_000_000_000

    def monotonic_ms(self) -> int:
        """Since the machine was switched on."""
        return int(self._loop.time() * 1000) + 5_000 + self.booted_ms

    def utc_ms(self) -> int:
        """The wall clock."""
        return self.wall_ms + int(self._loop.time() * 1000)

    def boot_id(self) -> str:
        """Which start of the machine it is."""
        return f"boot {self.boots}"


class ServerDisk:
    """How the disk behaves now.

    Attributes:
        is_full: Nothing more is kept.
        fails_once: The next commit fails; whether it was kept, nobody is told.
        refused: How many commits it refused.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.is_full = False
        self.fails_once = False
        self.refused = 0

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Around a transaction's work, inside of it: raise, and nothing is kept."""
        yield
        if self.is_full:
            self.refused += 1
            raise StorageError(STORAGE_FULL, "磁盘已满")
        if self.fails_once and self.rng.random() < 0.5:
            self.fails_once = False
            self.refused += 1
            raise StorageError(STORAGE_FAILED, "写入失败")

    def committed(self) -> None:
        """The transaction was kept; perhaps nobody is told so."""
        if self.fails_once:
            self.fails_once = False
            self.refused += 1
            raise StorageError(STORAGE_FAILED, "写入失败")


class SimulatedStore(Store):
    """The real store on a real file, whose commits the simulated disk may refuse.

    A start of the server opens the file anew and keeps what SQLAlchemy has compiled: that alone
    would take longer than the rest of an exam.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._disk = ServerDisk(random.Random(0))  # noqa: S311  replaced before use
        self._changes = 0

    def put_on(self, disk: ServerDisk) -> None:
        """This disk, from now on; the file is opened when it is used, and nobody holds it yet."""
        self.guard = None
        self._disk = disk
        self._changes = 0

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """See `Store`."""
        with super().transaction() as db:
            yield db
            db.flush()
            is_change = self._has_changed(db.connection())
            if is_change:
                with self._disk.commit():
                    pass
        if is_change:
            self._disk.committed()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """See `Store`."""
        with super().connection() as connection:
            yield connection
            is_change = self._has_changed(connection)
            if is_change:
                with self._disk.commit():
                    pass
        if is_change:
            self._disk.committed()

    def _has_changed(self, connection: Connection) -> bool:
        """Whether the transaction under way wrote anything."""
        sqlite = connection.connection.driver_connection
        assert isinstance(sqlite, sqlite3.Connection)
        before, self._changes = self._changes, sqlite.total_changes
        return self._changes != before


@functools.cache
def _store_at(url: str) -> SimulatedStore:
    return SimulatedStore(url)


class SimulatedRounds:
    """The writer's thread: a round at a drawn moment after something was queued."""

    def __init__(self, loop: SimulatedLoop, process: Process, delay_s: Callable[[], float]) -> None:
        self._loop = loop
        self._process = process
        self._delay_s = delay_s
        self._round: Round = lambda: False
        self._is_due = False
        self._is_over = asyncio.Event()

    def start(self, one_round: Round) -> None:
        """See `Rounds`."""
        self._round = one_round

    def wake(self) -> None:
        """See `Rounds`."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_later(self._delay_s(), self._write, context=self._process.context)

    async def ended(self) -> None:
        """See `Rounds`."""
        if self._process.is_alive:
            await self._is_over.wait()

    def _write(self) -> None:
        self._is_due = False
        if self._process.is_alive and not self._round():
            self._loop.call_soon_threadsafe(self._is_over.set)  # behind the last answers


class ServerMachine:
    """See the module.

    Attributes:
        hub: Of the running program; None while there is none.
        starts: How often it was started.
        commit_s_max: The longest time of a commit.
    """

    def __init__(
        self, loop: SimulatedLoop, rng: random.Random, folder: RoomFolder, network: Network
    ) -> None:
        self.clock = ServerClock(loop)
        self.disk = ServerDisk(rng)
        self.hub: RoomHub | None = None
        self.starts = 0
        self.commit_s_max = _COMMIT_S_MAX
        self.store: SimulatedStore | None = None
        self.process: Process | None = None
        self._loop = loop
        self._rng = rng
        self._folder = folder
        self._network = network
        self._leave = asyncio.Event()
        self._living: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the program; it serves when this returns, with the paper shut.

        When it cannot start, because the disk keeps nothing, it is tried again every second.
        """
        if self.process is not None:
            return
        self.starts += 1
        process = self.process = Process(f"server {self.starts}", self._loop)
        rounds = SimulatedRounds(
            self._loop, process, lambda: self._rng.random() * self.commit_s_max
        )
        self.store = _store_at(f"sqlite:///{self._folder.path}/room.db")
        self.store.put_on(self.disk)
        try:
            room = process.context.run(
                build_room, self._folder, self.store, self.clock, writing=rounds
            )
        except StorageError:
            process.kill()
            self.process, store = None, self.store
            self.store = None
            store.close()
            self._loop.call_later(1, self.start)
            return
        self.hub = room.hub
        self._leave = asyncio.Event()
        self._living = process.spawn(self._live(room.hub, self._leave))
        self._network.serve(build_kiosk_application(room), process)

    def crash(self, *, is_power: bool) -> None:
        """The program is gone at once; with the power, kiosks hear of it only by their pings."""
        process, store = self.process, self.store
        self.hub = self.process = self.store = None
        if process is not None:
            process.kill()
        if is_power:
            self.clock.boots += 1
            self.clock.booted_ms = self._rng.randrange(-4_000, 10_000_000)
        self._network.server_gone(
            kiosks_after_s=lambda: self._rng.random() * 10 if is_power else 0.0
        )
        if store is not None:
            store.close()

    async def stop(self) -> None:
        """As SIGTERM does: no more answers, then what is queued is written."""
        living, process, store = self._living, self.process, self.store
        self._network.server_gone(kiosks_after_s=lambda: 0.0)
        self._leave.set()
        if living is not None:
            await asyncio.wait({living})
        if process is not None and process is self.process:
            self.hub = self.process = self.store = None
            process.kill()
            if store is not None:
                store.close()

    async def _live(self, hub: RoomHub, leave: asyncio.Event) -> None:
        try:
            async with hub.life():
                await leave.wait()
        except StorageError:
            pass  # the last value of the clock was not kept; the one of the second before is
