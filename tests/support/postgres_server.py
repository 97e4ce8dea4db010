"""A PostgreSQL of its own for a test: started from Debian's package, gone afterwards.

It listens on a Unix socket alone. PostgreSQL refuses to run as root, so root runs it as the user
that the package made.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SHORT = "/tmp"  # noqa: S108  a socket's path has at most 107 bytes


@contextmanager
def postgres_url() -> Iterator[str]:
    """The URL of an empty database."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[-2])
    account = pwd.getpwnam("postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name)
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_SHORT))
    try:
        os.chown(folder, account.pw_uid, account.pw_gid)
        data = folder / "data"
        _run(account, programs / "initdb", "-D", data, "-A", "trust", "-U", "exam", "-E", "UTF8")
        settings = f"-k {folder} -c listen_addresses= -c fsync=off"
        control = (programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log")
        _run(account, *control, "-o", settings, "start")
        try:
            yield f"postgresql+psycopg://exam@/postgres?host={folder}"
        finally:
            _run(account, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _run(account: pwd.struct_passwd, *command: str | Path) -> None:
    other = {"user": account.pw_uid, "group": account.pw_gid} if os.getuid() == 0 else {}
    words: Sequence[str] = [str(word) for word in command]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=_SHORT, **other)  # type: ignore[call-overload]
