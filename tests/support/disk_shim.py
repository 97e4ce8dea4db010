"""Lets a chosen call of a program that changes its files kill the program, or fail.

`disk_shim.c` is compiled and loaded before libc; this is the page that both share.
"""

import ctypes
import mmap
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Final

SOURCE = Path(__file__).with_suffix(".c")
_EVERY: Final = 2**32 - 1


class Action(IntEnum):
    """What happens at the call; numbers as in disk_shim.c."""

    COUNT = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    KILL_TORN = 3  # half of a write is done; another call is done whole
    FAIL = 4
    SHORT_WRITE = 5


class Call(IntFlag):
    """Kinds of calls; numbers as in disk_shim.c."""

    WRITE = 1
    SYNC = 2
    TRUNCATE = 4
    NAME = 8
    ANY = 15


class _Page(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("armed", "action", "calls", "nth", "error")),
        *((name, ctypes.c_uint32) for name in ("times", "seen", "hits", "last_hit")),
        ("under", ctypes.c_char * 512),
        ("ending", ctypes.c_char * 64),
    )


class DiskShim:
    """The shim, compiled into a folder, and its page."""

    def __init__(self, folder: Path) -> None:
        """Compile.

        Raises:
            CalledProcessError: The compiler failed: without it there is no campaign.
        """
        library = folder / "disk_shim.so"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl"],
            check=True,
        )
        page = folder / "disk_shim.page"
        page.write_bytes(bytes(mmap.PAGESIZE))
        with page.open("r+b") as file:
            self._page = _Page.from_buffer(mmap.mmap(file.fileno(), mmap.PAGESIZE))
        self.environment = {"LD_PRELOAD": str(library), "DISK_SHIM_PAGE": str(page)}

    @contextmanager
    def armed(  # one field of the page each
        self,
        action: Action,
        *,
        under: Path,
        ending: str = "",
        calls: Call = Call.ANY,
        nth: int = 1,
        error: int = 0,
        times: int = _EVERY,
    ) -> Iterator[None]:
        """For the block: at the nth of these calls, and at `times` from there on, it happens."""
        page = self._page
        page.action, page.calls, page.nth = action, calls, nth
        page.error, page.times = error, times
        page.under, page.ending = str(under).encode(), ending.encode()
        page.seen = page.hits = page.last_hit = 0
        page.armed = 1
        try:
            yield
        finally:
            page.armed = 0

    @property
    def seen(self) -> int:
        """Calls since it was armed."""
        return int(self._page.seen)

    @property
    def hits(self) -> int:
        """To how many of them it happened."""
        return int(self._page.hits)

    @property
    def last_hit(self) -> Call:
        """Of which kind the last one was."""
        return Call(self._page.last_hit)
