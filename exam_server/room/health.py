"""How the server is doing, in numbers that a person at the centre can read out on the phone.

The event loop is looked at ten times a second: how much later than asked it came round is what
every kiosk waits at least. Event loop only.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from exam_core.limits import MIB

_LOOK_S = 0.1
_LOOKS_KEPT = 100  # ten seconds
_GOOD_LAG_MS = 50
_SLOW_LAG_MS = 500

View = dict[str, object]


class Health:
    """The numbers of the health line.

    Args:
        waiting_rows: How many rows the writer still has to write.
        last_commit_ms: How long its last commit took.
        free_bytes: What is free on the disk of the data folder.
    """

    def __init__(
        self,
        *,
        waiting_rows: Callable[[], int],
        last_commit_ms: Callable[[], int],
        free_bytes: Callable[[], int],
    ) -> None:
        self._waiting_rows = waiting_rows
        self._last_commit_ms = last_commit_ms
        self._free_bytes = free_bytes
        self._lags_ms: deque[int] = deque(maxlen=_LOOKS_KEPT)
        self.worst_lag_ms = 0

    async def watch(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            self.note(round(1000 * (loop.time() - due)))

    def note(self, lag_ms: int) -> None:
        """The loop came round so much too late."""
        self._lags_ms.append(max(0, lag_ms))
        self.worst_lag_ms = max(self.worst_lag_ms, lag_ms)

    def view(self) -> View:
        """The numbers now, and the sentence about them."""
        lag_ms = max(self._lags_ms, default=0)
        waiting, commit_ms = self._waiting_rows(), self._last_commit_ms()
        free_mib = self._free_bytes() // MIB
        tone, verdict = _verdict(lag_ms)
        return {
            "tone": tone,
            "lag_ms": lag_ms,
            "waiting": waiting,
            "commit_ms": commit_ms,
            "free_mib": free_mib,
            "words": (
                f"{verdict}：响应延迟 {lag_ms} 毫秒，待写 {waiting} 条，"
                f"最近一次写盘 {commit_ms} 毫秒，磁盘剩余 {free_mib / 1024:.1f} GB"
            ),
        }


def _verdict(lag_ms: int) -> tuple[str, str]:
    if lag_ms <= _GOOD_LAG_MS:
        return "good", "服务器运行正常"
    if lag_ms <= _SLOW_LAG_MS:
        return "warn", "服务器繁忙"
    return "bad", "服务器响应缓慢，请技术人员查看"
