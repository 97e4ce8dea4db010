"""The machine that was measured, in words for the page."""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import sqlite3
import ssl
import subprocess
from pathlib import Path

_GB = 1e9


def describe_machine(folder: Path) -> list[str]:
    """One fact a line; with the load at the beginning, since figures of a busy machine are low."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    load = os.getloadavg()[0]
    return [
        f"Date: {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}",
        f"Processor: {os.cpu_count()} cores, {_processor()}; {memory / _GB:.0f} GB of memory",
        f"System: {platform.system()} {platform.release()}, {_libraries()}",
        f"Disk: {_file_system(folder)}, {shutil.disk_usage(folder).free / _GB:.0f} GB free",
        f"Load before the run: {load:.2f}" + (" (BUSY: read ratios only)" if load > 1 else ""),
        "Server, load generator and peers share these cores, one server at a time",
    ]


def _libraries() -> str:
    python = platform.python_version()
    return f"Python {python}, SQLite {sqlite3.sqlite_version}, {ssl.OPENSSL_VERSION}"


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def _file_system(folder: Path) -> str:
    done = subprocess.run(
        ["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
