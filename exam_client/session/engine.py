"""The facade of the kiosk: commands from any thread, snapshots back, one worker thread inside.

The worker thread owns the network, the journal and all state. A command returns at once and is
carried out in the order given; what came of it is in the next snapshot.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from exam_client import limits
from exam_client.config import KioskConfig
from exam_client.journal.files import FileSystem, RealFileSystem
from exam_client.session.core import SessionCore
from exam_client.session.driver import SessionDriver
from exam_client.session.snapshot import KioskSnapshot, Screen
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import Response

_log = logging.getLogger("exam_client.session")

Observer = Callable[[KioskSnapshot], None]
PendingCollector = Callable[[], None]


def monotonic_ms() -> int:
    """This machine's monotonic clock, in the unit of every snapshot."""
    return time.monotonic_ns() // 1_000_000


class SessionEngine:
    """Drives one seat from start-up to receipt.

    Args:
        config: Where this kiosk keeps its files and whom it trusts.
        on_change: Called in the worker thread with every new snapshot; must return at once and
            must not call `stop`. A window hands it over to its own thread by a queued signal.
        collect_pending: Called in the worker thread when time is up or the proctor ends the
            session. It must return at once; whoever holds typed text that was not recorded yet
            then calls `record` for it and `pending_collected` after it. The session closes when
            that is said, or two seconds later. Without a collector it closes at once.
        clock_ms: A monotonic clock, for tests.
        file_system: How files are written, for tests.
    """

    def __init__(
        self,
        config: KioskConfig,
        *,
        on_change: Observer,
        collect_pending: PendingCollector | None = None,
        clock_ms: Callable[[], int] = monotonic_ms,
        file_system: FileSystem | None = None,
    ) -> None:
        self._config = config
        self._on_change = on_change
        self._collect_pending = collect_pending
        self._clock_ms = clock_ms
        self._files = file_system or RealFileSystem()
        self._snapshot = KioskSnapshot(screen=Screen.STARTING, seat_id=config.seat_id)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._driver: SessionDriver | None = None
        self._work: asyncio.Task[None] | None = None
        self._early: list[Callable[[SessionDriver], None]] = []
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=f"session {config.seat_id}")

    @property
    def snapshot(self) -> KioskSnapshot:
        """The latest snapshot."""
        return self._snapshot

    def start(self) -> None:
        """Start the worker thread; to be called once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop cleanly and wait for the worker thread; what was recorded is on disk.

        Stopping again does nothing; commands after it are not carried out.
        """
        with self._lock:
            self._is_stopping = True
            if self._loop is not None and self._work is not None:
                self._loop.call_soon_threadsafe(self._work.cancel)
        if self._thread.is_alive():
            self._thread.join(limits.stop_wait_s)

    def log_in(self, *, admission_number: str, id_number: str, room_code: str) -> None:
        """Log this candidate in at this seat."""
        self._post(lambda driver: driver.log_in(admission_number, id_number, room_code))

    def resume_with_code(self, code: str) -> None:
        """Go on without the server, with a code from the proctor's sealed sheet."""
        self._post(lambda driver: driver.go_on_alone(code))

    def confirm(self) -> None:
        """The candidate says: this is me."""
        self._command(lambda core: core.attempt.confirm())

    def not_me(self) -> None:
        """The candidate says: this is not me; back to log-in."""
        self._post(lambda driver: driver.not_me())

    def rules_read(self) -> None:
        """The candidate has read the rules."""
        self._command(lambda core: core.attempt.rules_read())

    def record(self, part_id: PartId, response: Response) -> None:
        """Record the whole response to one part; each call is one journal entry."""
        self._command(lambda core: core.attempt.record(part_id, response))

    def flag(self, item_id: ItemId, is_flagged: bool) -> None:
        """Mark an item for review, or take the mark away."""
        self._command(lambda core: core.attempt.flag(item_id, is_flagged=is_flagged))

    def submit(self) -> None:
        """Submit for good; what is typed must have been recorded before."""
        self._command(lambda core: core.attempt.submit())

    def pending_collected(self) -> None:
        """All that was typed has been recorded; see `collect_pending`."""
        self._command(lambda core: core.attempt.pending_collected())

    def _command(self, action: Callable[[SessionCore], None]) -> None:
        self._post(lambda driver: driver.command(action))

    def _post(self, action: Callable[[SessionDriver], None]) -> None:
        with self._lock:
            if self._is_stopping:
                return  # after `stop` there is nobody to carry it out
            if self._loop is None or self._driver is None:
                self._early.append(action)
            else:
                self._loop.call_soon_threadsafe(self._perform, action)

    def _perform(self, action: Callable[[SessionDriver], None]) -> None:
        if self._driver is not None:
            driver = self._driver
            driver.perform(lambda: action(driver))

    def _run(self) -> None:
        try:
            asyncio.run(self._work_on())
        finally:
            with self._lock:
                self._loop = self._work = None

    async def _work_on(self) -> None:
        """Run drivers, one after another should one fail by a mistake of ours."""
        try:
            wait_s = limits.restart_wait_s
            while not self._is_stopping:
                started_ms = self._clock_ms()
                try:
                    await self._work_once()
                except Exception:  # noqa: BLE001  the exam goes on: a new driver reads the journal
                    _log.exception("driver_failed")
                    if self._clock_ms() - started_ms > limits.restart_wait_most_s * 1000:
                        wait_s = limits.restart_wait_s  # it worked for a while
                    await asyncio.sleep(wait_s)
                    wait_s = min(2 * wait_s, limits.restart_wait_most_s)
        except asyncio.CancelledError:
            _log.info("engine_stopped")

    async def _work_once(self) -> None:
        driver = SessionDriver(
            self._config,
            files=self._files,
            clock_ms=self._clock_ms,
            publish=self._take,
            collect_pending=self._collect_pending,
        )
        with self._lock:
            self._loop, self._driver = asyncio.get_running_loop(), driver
            self._work = asyncio.current_task()
            early, self._early = self._early, []
            if self._is_stopping:
                return
        for action in early:
            self._perform(action)
        await driver.run()

    def _take(self, snapshot: KioskSnapshot) -> None:
        self._snapshot = snapshot
        self._on_change(snapshot)
