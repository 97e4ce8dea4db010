"""A kiosk's machine: the real driver of a session in a process that can die, on its own disk."""

import asyncio
import random
from collections.abc import Callable

from exam_client.session.core import SessionCore
from exam_client.session.driver import SessionDriver
from exam_client.session.snapshot import KioskSnapshot
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.network import Network
from tests.simulation.world import Seat, SeatTrust
from tests.support.memory_files import PowerLost

Publish = Callable[["KioskMachine", KioskSnapshot], None]


class KioskMachine:
    """One seat's machine.

    Attributes:
        files: Its disk.
        snapshot: What its screen shows; None while it is off.
        boots: How often it was switched on.
        is_gone: It is broken for good, or carried away.
    """

    def __init__(
        self,
        seat: Seat,
        loop: SimulatedLoop,
        rng: random.Random,
        network: Network,
        *,
        publish: Publish,
        collect: Callable[["KioskMachine"], None],
    ) -> None:
        self.seat = seat
        self.seat_id = seat.config.seat_id
        self.trust = SeatTrust(machine=self.seat_id, certificate_der=seat.certificate_der)
        self.files = seat.disk()
        self.snapshot: KioskSnapshot | None = None
        self.boots = 1
        self.is_gone = False
        self.starts = 0
        self.failures: list[str] = []
        self.process: Process | None = None
        self.driver: SessionDriver | None = None
        self._loop = loop
        self._rng = rng
        self._network = network
        self._publish = publish
        self._collect = collect
        self._booted_ms = rng.randrange(10_000_000)

    def clock_ms(self) -> int:
        """The machine's monotonic clock, since it was switched on."""
        return int(self._loop.time() * 1000) + self._booted_ms

    @property
    def core(self) -> SessionCore | None:
        """The session that it works for."""
        return self.driver.core if self.driver else None

    def start(self) -> None:
        """Start the program."""
        if self.is_gone or self.process is not None:
            return
        self.starts += 1
        process = self.process = Process(f"{self.seat_id} {self.starts}", self._loop)

        def publish(snapshot: KioskSnapshot) -> None:
            if process.is_alive:
                self.snapshot = snapshot
                self._publish(self, snapshot)

        def collect() -> None:
            if process.is_alive:
                self._collect(self)

        self.driver = process.context.run(
            lambda: SessionDriver(
                self.seat.config,
                files=self.files,
                clock_ms=self.clock_ms,
                publish=publish,
                collect_pending=collect,
            )
        )
        process.spawn(self._work(self.driver, process))

    def kill(self) -> None:
        """The program is gone; what it wrote is seen by the next one."""
        self._end(server_after_s=0.0)
        self.files = self.files.survivors()

    def lose_power(self) -> None:
        """The plug is pulled: what was not synced may be lost; the server hears nothing."""
        self._end(server_after_s=40.0)
        self.files = self.files.power_off(self._rng)
        self.boots += 1
        self._booted_ms = self._rng.randrange(1_000)

    def carry_away(self) -> None:
        """The machine never comes back."""
        self._end(server_after_s=40.0)
        self.is_gone = True

    def do(self, action: Callable[[SessionDriver], None]) -> bool:
        """One command at the screen; whether it was carried out."""
        driver, process = self.driver, self.process
        if driver is None or process is None:
            return False
        done = False

        def act() -> None:
            nonlocal done
            action(driver)
            done = True

        process.context.run(driver.perform, act)
        return done

    def _end(self, *, server_after_s: float) -> None:
        process, self.process, self.driver, self.snapshot = self.process, None, None, None
        if process is not None:
            process.kill()
            self._network.machine_gone(self.seat_id, server_after_s=server_after_s)

    async def _work(self, driver: SessionDriver, process: Process) -> None:
        try:
            await driver.run()
        except asyncio.CancelledError:
            raise
        except (Exception, PowerLost) as error:  # noqa: BLE001  the simulation reports it
            if process.is_alive:
                self.failures.append(f"{self.seat_id}: the driver failed: {error!r}")
