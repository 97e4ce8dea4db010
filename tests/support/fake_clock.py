"""A clock that tests set."""


class FakeClock:
    """Stands still until `advance`."""

    def __init__(
        self,
        monotonic_ms: int = 1_000_000,
        utc_ms: int = 1_800_000_000_000,
        boot: str = "",
    ) -> None:
        self.now = monotonic_ms
        self.utc = utc_ms
        self.boot = boot

    def monotonic_ms(self) -> int:
        """The present moment."""
        return self.now

    def utc_ms(self) -> int:
        """The wall clock, which may be anything."""
        return self.utc

    def boot_id(self) -> str:
        """The start of the machine that `monotonic_ms` counts from; empty: nobody knows."""
        return self.boot

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now += milliseconds
        self.utc += milliseconds
