"""Who runs the writer's rounds beside the event loop: a thread; in a simulation, the simulation.

A round takes what is queued, writes it and hands the answers back. What runs rounds decides
nothing, so a test that drives them itself sees every order of events that threads could bring.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

Round = Callable[[], bool]
"""Takes what is queued, waiting for it if need be; False when it was the last round."""


class Rounds(Protocol):
    """Runs one round after another, never two at once."""

    def start(self, one_round: Round) -> None:
        """Begin; called in the event loop."""

    def wake(self) -> None:
        """Something was queued; called in the event loop, on the hot path."""

    async def ended(self) -> None:
        """Return when the last round is over."""


class ThreadRounds:
    """Rounds in a thread of their own, which sleeps in the queue."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None

    def start(self, one_round: Round) -> None:
        """Begin."""

        def run() -> None:
            while one_round():
                pass

        self._thread = threading.Thread(target=run, name=self._name)
        self._thread.start()

    def wake(self) -> None:
        """The queue itself wakes the thread."""

    async def ended(self) -> None:
        """Wait for the thread off the loop."""
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
