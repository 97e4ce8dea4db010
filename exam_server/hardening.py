"""Keeps what is in this process's memory out of files and out of other programs' sight.

The identities of an open paper and the answer key exist in memory only; a core dump, a swap file
or a debugger would put them elsewhere. `exam_client.hardening` is the kiosk's own copy of this:
the programs never import each other.
"""

import ctypes
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # on fault: what is never touched costs nothing
_CAP_IPC_LOCK = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What the system granted.

    Attributes:
        has_no_core: The process leaves no core file.
        is_undumpable: No other process of this user can read its memory, whatever kills it.
        is_memory_locked: Nothing of its memory goes to a swap file.
    """

    has_no_core: bool
    is_undumpable: bool
    is_memory_locked: bool

    @property
    def core_dumps(self) -> str:
        """For the log."""
        return "off" if self.has_no_core else "on"

    @property
    def memory(self) -> str:
        """For the log: who could read it, and whether it can reach a swap file."""
        seen = "closed" if self.is_undumpable else "readable"
        return f"{seen},{'locked' if self.is_memory_locked else 'unlocked'}"

    def sentence(self) -> str:
        """For the start-up line."""
        return "进程保护：{}；{}；{}。".format(
            "不留核心转储" if self.has_no_core else "核心转储未能关闭",
            "其他程序读不到内存" if self.is_undumpable else "内存可被同一用户的程序读取",
            "内存不换出到磁盘" if self.is_memory_locked else "内存未锁定（见安装说明）",
        )


def harden() -> Protection:
    """Close this process off as far as the system lets it; safe to call again.

    Files that it makes from now on belong to its user alone (umask 077). Memory is locked only
    where no limit stands in the way: under a limit a later allocation would fail instead.
    """
    os.umask(0o077)
    if sys.platform != "linux":
        return Protection(has_no_core=False, is_undumpable=False, is_memory_locked=False)
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return Protection(
        has_no_core=resource.getrlimit(resource.RLIMIT_CORE) == (0, 0),
        is_undumpable=libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
        is_memory_locked=_may_lock()
        and libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0,
    )


def _may_lock() -> bool:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return soft == resource.RLIM_INFINITY or _has_capability(_CAP_IPC_LOCK)


def _has_capability(bit: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> bit & 1)
    return False
