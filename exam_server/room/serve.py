"""The composition root of the exam room: opens what it needs and serves until stopped."""

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from exam_core.errors import InputError, declare
from exam_core.limits import MIB
from exam_core.protocol.acknowledgements import AckBook
from exam_server.accounts.people import People
from exam_server.clock import Clock, SystemClock
from exam_server.command_line import say
from exam_server.folder import only_user, write_atomically
from exam_server.hardening import Protection
from exam_server.pacing import Pacer
from exam_server.room.backup.holding import BackupDesk
from exam_server.room.folder import RoomFolder
from exam_server.room.hub import RoomHub
from exam_server.room.loading import load_room
from exam_server.room.orders import OrderBook
from exam_server.room.reserve import DiskWatch
from exam_server.room.room_log import CheckpointReason, open_room_log
from exam_server.room.saving.rounds import Rounds
from exam_server.room.services.assignment import log_assignment_in_force
from exam_server.room.services.comparison import Comparisons
from exam_server.room.services.enrolment import JoinCodes
from exam_server.room.services.opening_desk import OpeningDesk
from exam_server.room.services.sitting_authority import ensure_sitting_authority
from exam_server.room.web.applications import build_console_application, build_kiosk_application
from exam_server.room.web.context import RoomContext
from exam_server.room.web.kiosk_socket import session_opener
from exam_server.room.workers.desk import WorkerDesk
from exam_server.room.workers.link import KioskPort
from exam_server.serving import Listener, bind, serve_until_stopped
from exam_server.store.engine import Store, sqlite_file
from exam_server.store.fence import join_room, take_room
from exam_server.store.log_renewal import renew_log
from exam_server.store.migrations import migrate
from exam_server.tls import server_context

SERVE_DATABASE = declare(
    "serve.database",
    "这个选项要求数据库是 PostgreSQL；请去掉它，或在建立数据文件夹时改用 PostgreSQL。",
)


def open_store(folder: RoomFolder) -> Store:
    """The room's database, brought to the present version."""
    store = Store(folder.database_url())
    migrate(store, "accounts", "room")
    return store


@contextmanager
def sole_store(folder: RoomFolder, *, takes_over: bool = False) -> Iterator[Store]:
    """The room's database for one program that has folder and database to itself; then closed.

    What it changes holds only until a server takes the room. With `takes_over` a program that
    holds the database elsewhere loses its connections.

    Raises:
        InputError: `serve.database`, when there is no other program to take over from.
        StateError: `data.in_use`, `database.in_use`.
        StorageError: `database.unreachable`, `database.unsafe`; `storage.full`, `storage.failed`:
            what stands in the database's log is not on the disk.
    """
    with only_user(folder.path):
        database = sqlite_file(folder.database_url())
        if database:
            renew_log(database)
        store = Store(folder.database_url())
        try:
            if takes_over and store.is_sqlite:
                raise InputError(SERVE_DATABASE, "SQLite 的数据库随文件夹，不能从别处接管")
            with store.held(takes_over=takes_over):
                migrate(store, "accounts", "room")
                join_room(store)
                yield store
        finally:
            store.close()


def serve_room(
    data: Path,
    protection: Protection,
    *,
    host: str,
    kiosk_port: int,
    console_port: int,
    takes_over: bool = False,
    workers: int = 0,
) -> None:
    """Serve the room until SIGTERM; `run/ready.json` says when and where it listens.

    What `protection` was granted stands in the audit log with the start. With `workers`, that
    many processes take the kiosks' connections.

    Raises:
        InputError: `data.missing`, `config.malformed`, `serve.database`.
        StateError: `data.in_use`, `database.in_use`, `serve.port`, `sitting.state`.
        StorageError: `machine.registry`, `database.unreachable`, `database.unsafe`;
            `server.fenced`, when another server took the room meanwhile.
        IntegrityError: `audit.*`, `checkpoint.*`, `note.*`: the log was changed; nothing goes on
            before people have looked.
    """
    folder = RoomFolder(data)
    folder.require()
    clock = SystemClock()
    disk_watch(folder, clock).check()  # a server that died on a full disk must be able to start
    with sole_store(folder, takes_over=takes_over) as store:
        try:
            if workers and store.is_sqlite:
                raise InputError(SERVE_DATABASE, "SQLite 只能由一个进程写入，不能使用 --workers")
            ports = (kiosk_port, console_port)
            _serve(
                folder,
                store,
                clock,
                protection=protection,
                host=host,
                ports=ports,
                workers=workers,
            )
        finally:
            folder.ready_file.unlink(missing_ok=True)


def build_room(
    folder: RoomFolder, store: Store, clock: Clock, *, writing: Rounds | None = None
) -> RoomContext:
    """The room as the database has it, ready to live in an event loop; it is taken first.

    `writing` runs the writer's rounds; a thread of its own unless given.

    Raises:
        StateError: `sitting.state`, when package or roster were not imported.
    """
    trail = open_room_log(folder, store, clock)
    boot = take_room(store)
    log_assignment_in_force(store, folder, trail)
    state = load_room(store, clock)
    assert boot is not None, "there was a sitting to load"  # noqa: S101  narrows
    ensure_sitting_authority(folder, state.sitting_id, clock)
    key, disk = folder.signing_key(), disk_watch(folder, clock)
    order_book = OrderBook(key, sitting_id=state.sitting_id, boot=boot)
    ack_book = AckBook(key, sitting_id=state.sitting_id, boot=boot)
    return RoomContext(
        hub=RoomHub(
            store=store,
            trail=trail,
            clock=clock,
            state=state,
            order_book=order_book,
            ack_book=ack_book,
            disk=disk,
            telemetry_folder=folder.telemetry_folder,
            writing=writing,
        ),
        store=store,
        folder=folder,
        trail=trail,
        clock=clock,
        codes=JoinCodes(clock),
        comparisons=Comparisons(clock, folder.centre().ca_certificate),
        desk=OpeningDesk(clock),
        backups=BackupDesk(
            folder.path,
            store,
            trail,
            database_url=folder.database_url(),
            has_space=lambda: disk.has_space_for_extras,
        ),
        centre=folder.centre(),
        duration_ms=state.clock.duration_ms,
    )


def disk_watch(folder: RoomFolder, clock: Clock) -> DiskWatch:
    """The watch over the data folder's disk."""
    return DiskWatch(folder.path, clock, reserve_bytes=folder.config().reserve_mib * MIB)


def room_listeners(
    room: RoomContext, people: People, *, host: str, kiosk_port: int, console_port: int
) -> tuple[Listener, Listener]:
    """The kiosk port (client certificate required) and the console port (none)."""
    folder = room.folder
    application = build_kiosk_application(room)
    kiosk = Listener(
        application=application,
        open_socket=session_opener(application),
        listening=bind(host, kiosk_port),
        context=server_context(
            certificate_file=folder.server_certificate_file,
            client_authority_file=folder.authority_file,
        ),
        report=room.hub.misconduct.connection_refused,
    )
    return kiosk, _console_listener(room, people, host, console_port)


def _console_listener(room: RoomContext, people: People, host: str, port: int) -> Listener:
    return Listener(
        application=build_console_application(room, people),
        listening=bind(host, port),
        context=server_context(
            certificate_file=room.folder.server_certificate_file,
            client_authority_file=None,
        ),
        report=room.hub.misconduct.connection_refused,
    )


@dataclass(frozen=True, slots=True)
class _Front:
    """What the room serves, and where its kiosks connect."""

    listeners: tuple[Listener, ...]
    kiosk_port: int
    life: Callable[[], AbstractAsyncContextManager[None]]


def _front(
    room: RoomContext, people: People, host: str, ports: tuple[int, int], workers: int
) -> _Front:
    """Kiosks at this process, or at workers that relay them."""
    if not workers:
        listeners = room_listeners(
            room, people, host=host, kiosk_port=ports[0], console_port=ports[1]
        )
        return _Front(listeners, listeners[0].port, room.hub.life)
    application = build_kiosk_application(room)
    desk = WorkerDesk(
        KioskPort(
            application=application,
            open_socket=session_opener(application),
            report=room.hub.misconduct.connection_refused,
            pacer=Pacer(time.monotonic),
        ),
        room.folder,
        host=host,
        port=ports[0],
        count=workers,
        trouble=room.hub.core.trouble,
    )

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        async with room.hub.life(), desk.life():
            yield

    return _Front((_console_listener(room, people, host, ports[1]),), desk.port, life)


def _serve(
    folder: RoomFolder,
    store: Store,
    clock: Clock,
    *,
    protection: Protection,
    host: str,
    ports: tuple[int, int],
    workers: int,
) -> None:
    room = build_room(folder, store, clock)
    folder.report_state(room.hub.state.sitting_id, room.hub.state.clock.state)
    people = People(store, clock)
    front = _front(room, people, host, ports, workers)

    absence = room.hub.state.absence

    def on_ready() -> None:
        room.trail.record(
            "server_started",
            subject=room.hub.state.sitting_id,
            core_dumps=protection.core_dumps,
            memory=protection.memory,
            away_ms=absence.counted_ms if absence else 0,
        )
        room.trail.take_checkpoint(CheckpointReason.SERVER)
        shown = f"[{host}]" if ":" in host else host
        ready = {
            "kiosk_url": f"https://{shown}:{front.kiosk_port}",
            "console_url": f"https://{shown}:{front.listeners[-1].port}",
            "pid": os.getpid(),
        }
        say(protection.sentence())
        write_atomically(folder.ready_file, json.dumps(ready).encode())

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        async with front.life(), room.backups.life():
            yield

    serve_until_stopped(
        front.listeners,
        life=life,
        on_ready=on_ready,
        on_stop=room.hub.stopping.set,
        stop=room.hub.leaving,
    )
    if room.hub.core.fenced_by:
        room.trail.record("server_fenced", subject=room.hub.state.sitting_id)
        raise room.hub.core.fenced_by
    room.trail.record("server_stopped", subject=room.hub.state.sitting_id)
