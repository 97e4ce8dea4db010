"""A slow disk: a library, preloaded into the server, that waits before every sync.

It stands between the program and the C library, so SQLite, the audit log and everything else feel
it, and nothing in the program knows of it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_a_little(void) {
    const char *text = getenv("SYNC_DELAY_MS");
    long delay_ms = text ? atol(text) : 0;
    struct timespec pause = { delay_ms / 1000, (delay_ms % 1000) * 1000000L };
    nanosleep(&pause, 0);
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
    wait_a_little();
    return real(file);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    wait_a_little();
    return real(file);
}
"""


def slow_sync_environment(folder: Path, *, delay_ms: int) -> dict[str, str]:
    """The environment in which a program's syncs take so much longer."""
    source, library = folder / "slow_sync.c", folder / "slow_sync.so"
    if not library.exists():
        source.write_text(_SOURCE)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "SYNC_DELAY_MS": str(delay_ms)}
