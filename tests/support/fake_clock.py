"""A clock that tests set."""


class FakeClock:
    """Stands still until `advance`."""

    def __init__(self, monotonic_ms: int = 1_000_000, utc_ms: int = 1_800_000_000_000) -> None:
        self.now = monotonic_ms
        self.utc = utc_ms

    def monotonic_ms(self) -> int:
        """The present moment."""
        return self.now

    def utc_ms(self) -> int:
        """The wall clock, which may be anything."""
        return self.utc

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now += milliseconds
        self.utc += milliseconds
