"""The clocks of the server, so that tests can set them.

Only `monotonic_ms` decides anything; `utc_ms` is written beside facts as evidence.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Where a service reads time."""

    def monotonic_ms(self) -> int:
        """Milliseconds since an unknown moment; never goes back."""
        ...

    def utc_ms(self) -> int:
        """Milliseconds since 1970 by the machine's own clock, right or wrong."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic_ms(self) -> int:
        """Milliseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns() // 1_000_000

    def utc_ms(self) -> int:
        """Milliseconds of CLOCK_REALTIME."""
        return time.time_ns() // 1_000_000
