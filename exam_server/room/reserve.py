"""Space on the disk that is kept back for answers, and how the disk stands.

A file of the data folder really takes the space up; it is given back to the file system when that
runs short, so that answers are kept while people make room. It is made anew when there is space
again. What is not an answer asks `has_space_for_extras` first and is left out.

The reserve promises nothing to anybody in particular: whoever writes first uses it. Therefore it
is large, and the proctor is told how long it lasts at the rate at which the disk fills.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from exam_core.errors import declare
from exam_core.limits import MIB
from exam_server import limits
from exam_server.clock import Clock
from exam_server.folder import STORAGE_FULL, sync_folder

STORAGE_LOW = declare(
    "storage.low", "请清理数据文件夹所在的磁盘，或停止其他占用磁盘的程序；考试不受影响。"
)
STORAGE_RESERVE = declare(
    "storage.reserve", "请立即清理数据文件夹所在的磁盘；保留空间用完之前作答照常保存。"
)

RESERVE_NAME = "reserve"


class DiskState(StrEnum):
    """How the disk of the data folder stands."""

    OK = "ok"
    LOW = "low"  # the reserve is held; beside it little is free
    RESERVE = "reserve"  # the reserve was given back: what is free now is all there is
    FULL = "full"  # nothing can be counted on


CODE_OF_STATE = {
    DiskState.LOW: STORAGE_LOW,
    DiskState.RESERVE: STORAGE_RESERVE,
    DiskState.FULL: STORAGE_FULL,
}
"""What the proctor is alarmed with."""


def free_bytes(folder: Path) -> int:
    """What a program without privileges may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class DiskWatch:
    """The reserve and the state of one data folder's disk; safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        reserve_bytes: int,
        free_of: Callable[[Path], int] = free_bytes,
    ) -> None:
        """Look at nothing yet.

        Args:
            folder: The data folder.
            clock: For the rate at which the disk fills.
            reserve_bytes: What is kept back; 0 keeps nothing back, and finds no disk low.
            free_of: Says how much is free.
        """
        self._folder = folder
        self._file = folder / RESERVE_NAME
        self._clock = clock
        self._target = reserve_bytes
        self._free_of = free_of
        self._turn = threading.Lock()
        self._seen: deque[tuple[int, int]] = deque()  # (monotonic ms, bytes left)
        self.state = DiskState.OK
        self.left_bytes = 0  # free, and held back
        self.lasts_s: int | None = None  # None when the disk does not fill

    @property
    def has_space_for_extras(self) -> bool:
        """Whether what is no answer may still be written, as telemetry."""
        return self.state in {DiskState.OK, DiskState.LOW}

    def check(self) -> DiskState:
        """Look at the disk; give the reserve back or make it anew as that asks for. Blocks."""
        with self._turn:
            free = self._free_of(self._folder)
            if self._is_held and free < self._target // limits.reserve_released_share:
                self._drop()
                free = self._free_of(self._folder)
            elif not self._is_held and self._target and free >= self._enough_to_make:
                self._make()
                free = self._free_of(self._folder)
            self.left_bytes = free + (self._target if self._is_held else 0)
            self.state = self._state_at(free)
            self._estimate()
            return self.state

    def give_back(self) -> bool:
        """A write found no space: give the reserve back now; whether there was one to give."""
        with self._turn:
            if not self._is_held:
                return False
            self._drop()
            self.state = DiskState.RESERVE
            return True

    def words(self) -> str:
        """How the disk stands, for the proctor."""
        left = f"{self.left_bytes / MIB:.0f} MB"
        lasts = (
            f"，按现在的速度约可用 {_duration(self.lasts_s)}" if self.lasts_s is not None else ""
        )
        match self.state:
            case DiskState.OK:
                return ""
            case DiskState.LOW:
                return f"磁盘空间不多了，还剩 {left}{lasts}"
            case DiskState.RESERVE:
                return f"磁盘已满，正在使用保留空间，还剩 {left}{lasts}"
            case _:
                return f"磁盘已满，保留空间也已用完（还剩 {left}），新的作答只保存在各考生机上"

    @property
    def _is_held(self) -> bool:
        try:
            return self._file.stat().st_size == self._target > 0
        except FileNotFoundError:
            return False

    @property
    def _enough_to_make(self) -> int:
        # A quarter more than the reserve: made with less it would be given back at once.
        return self._target + self._target // 4

    def _state_at(self, free: int) -> DiskState:
        if self._is_held:
            is_low = free < self._target * limits.reserve_low_times
            return DiskState.LOW if is_low else DiskState.OK
        if self._target == 0:
            return DiskState.OK
        is_full = free < self._target // limits.reserve_full_share
        return DiskState.FULL if is_full else DiskState.RESERVE

    def _make(self) -> None:
        self._file.unlink(missing_ok=True)  # of another size: cut short by a crash, or configured
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._target)
            os.fsync(descriptor)
        except OSError:
            self._file.unlink()  # somebody was faster; the next look decides anew
        finally:
            os.close(descriptor)

    def _drop(self) -> None:
        self._file.unlink()
        sync_folder(self._folder)

    def _estimate(self) -> None:
        now = self._clock.monotonic_ms()
        self._seen.append((now, self.left_bytes))
        while now - self._seen[0][0] > limits.disk_rate_window_ms:
            self._seen.popleft()
        then, left_then = self._seen[0]
        used = left_then - self.left_bytes
        if used > 0 and now > then:
            self.lasts_s = self.left_bytes * (now - then) // (used * 1000)
        else:
            self.lasts_s = None


def _duration(seconds: int) -> str:
    minutes = seconds // 60
    if minutes < 1:
        return "不到 1 分钟"
    return f"{minutes} 分钟" if minutes < 120 else f"{minutes // 60} 小时"  # noqa: PLR2004  two hours
