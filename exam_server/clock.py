"""The clocks of the server, so that tests can set them.

Only `monotonic_ms` decides anything; `utc_ms` is written beside facts as evidence.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# Linux has a monotonic clock that also counts while the machine sleeps, as the kiosks' time does.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Where a service reads time."""

    def monotonic_ms(self) -> int:
        """Milliseconds since an unknown moment; never goes back."""
        ...

    def utc_ms(self) -> int:
        """Milliseconds since 1970 by the machine's own clock, right or wrong."""
        ...

    def boot_id(self) -> str:
        """Tells one start of the machine, and so of `monotonic_ms`, from another; may be empty."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        try:
            self._boot_id = _BOOT_ID.read_text().strip()
        except OSError:  # not Linux: every start of the server is taken for one of the machine
            self._boot_id = ""

    def monotonic_ms(self) -> int:
        """Milliseconds of CLOCK_BOOTTIME, or of CLOCK_MONOTONIC where there is none."""
        return time.clock_gettime_ns(_MONOTONIC) // 1_000_000

    def utc_ms(self) -> int:
        """Milliseconds of CLOCK_REALTIME."""
        return time.time_ns() // 1_000_000

    def boot_id(self) -> str:
        """As the kernel drew it."""
        return self._boot_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What the machine's clocks said at one moment.

    Attributes:
        boot_id: Which start of the machine `monotonic_ms` counts from; empty where unknown.
        monotonic_ms: The clock that decides.
        utc_ms: The wall clock: evidence, shown to people, deciding nothing.
    """

    boot_id: str
    monotonic_ms: int
    utc_ms: int


NO_READING = ClockReading(boot_id="", monotonic_ms=0, utc_ms=0)
"""Nobody has looked at the clocks."""


def read_clocks(clock: Clock) -> ClockReading:
    """All of them at once."""
    return ClockReading(
        boot_id=clock.boot_id(), monotonic_ms=clock.monotonic_ms(), utc_ms=clock.utc_ms()
    )
