"""One connection from Attach to its end: says what the core has to say, hands it what arrives.

Two tasks, one for each direction; when either is done with the connection, both are.
"""

import asyncio
from collections.abc import Callable

from exam_client import limits
from exam_client.session.core import SessionCore
from exam_client.sync.link import Link
from exam_client.sync.room_http import ROOM_AWAY
from exam_core import limits as core_limits
from exam_core.errors import TransportError
from exam_core.protocol.messages import ServerMessage

_ATTACH_MS_MAX = int(limits.open_timeout_s * 1000)


class Conversation:
    """Carries one session over one link.

    Args:
        link: The open connection.
        core: The session.
        clock_ms: The monotonic clock.
        wake: Set whenever there may be something to say.
        is_current: Whether this session is still the seat's.
        on_message: Told of each message after the core took it.
    """

    def __init__(
        self,
        link: Link,
        core: SessionCore,
        *,
        clock_ms: Callable[[], int],
        wake: asyncio.Event,
        is_current: Callable[[], bool],
        on_message: Callable[[ServerMessage], None],
    ) -> None:
        self._link = link
        self._core = core
        self._clock_ms = clock_ms
        self._wake = wake
        self._is_current = is_current
        self._on_message = on_message

    async def run(self) -> None:
        """Attach, then send and receive until either side is done with the connection.

        Raises:
            TransportError: `room.away`.
            StateError: `session.superseded`.
            InputError: `protocol.malformed`, `room.answer`.
        """
        await self._link.send(self._core.attach_message())
        speaking = asyncio.create_task(self._speak())
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.wait({speaking, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            speaking.cancel()
            listening.cancel()
            outcomes = await asyncio.gather(speaking, listening, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _listen(self) -> None:
        core = self._core
        while self._is_current() and not (core.wants_reattach or core.attach_refusal):
            message = await self._link.receive()
            core.on_message(message)
            self._on_message(message)

    async def _speak(self) -> None:
        core = self._core
        opened_ms = beaten_ms = self._clock_ms()
        while self._is_current() and not core.wants_reattach:
            message = core.next_message()
            now_ms = self._clock_ms()
            is_beat_due = now_ms >= beaten_ms + core_limits.heartbeat_interval_ms
            if message is None and core.is_attached and is_beat_due:
                message, beaten_ms = core.heartbeat(), now_ms
            if message is not None:
                await self._link.send(message)
                continue
            if not core.is_attached and now_ms >= opened_ms + _ATTACH_MS_MAX:
                raise TransportError(ROOM_AWAY, "服务器没有应答")
            await woken(self._wake, limits.tick_ms / 1000)


async def woken(wake: asyncio.Event, timeout_s: float) -> None:
    """Wait until something changed, or so long."""
    try:
        async with asyncio.timeout(timeout_s):
            await wake.wait()
    except TimeoutError:
        return
    wake.clear()
