"""A PostgreSQL of this run's own, as durable as it comes: fsync and synchronous_commit on.

It listens on a Unix socket alone. PostgreSQL refuses to run as root, so root runs it as the user
that Debian's package made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHORT = "/tmp"  # noqa: S108  a socket's path has at most 107 bytes


class OwnPostgres:
    """A running server; each database of it is for one room."""

    def __init__(self, programs: Path, folder: Path, account: pwd.struct_passwd) -> None:
        self._programs = programs
        self._folder = folder
        self._account = account

    def database(self, name: str) -> str:
        """The URL of a new, empty database."""
        self.run("createdb", "-h", str(self._folder), "-U", "exam", name)
        return f"postgresql+psycopg://exam@/{name}?host={self._folder}"

    def run(self, program: str, *words: str) -> None:
        """Run one of PostgreSQL's programs as its user."""
        is_root = os.getuid() == 0
        subprocess.run(
            [self._programs / program, *words],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=_SHORT,
            user=self._account.pw_uid if is_root else None,
            group=self._account.pw_gid if is_root else None,
        )


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A server for the length of the block."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[-2])
    account = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_SHORT))
    server = OwnPostgres(programs, folder, account)
    try:
        os.chown(folder, account.pw_uid, account.pw_gid)
        data = str(folder / "data")
        server.run("initdb", "-D", data, "-A", "trust", "-U", "exam", "-E", "UTF8")
        control = ("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"))
        server.run(*control, "-o", f"-k {folder} -c listen_addresses=", "start")
        try:
            yield server
        finally:
            server.run(*control, "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder)
