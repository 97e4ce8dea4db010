"""A PostgreSQL of its own for a test: started from Debian's package, gone afterwards.

It listens on a Unix socket alone. PostgreSQL refuses to run as root, so root runs it as the user
that the package made.
"""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

_NUMBERS = itertools.count(1)
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
        _run(
            account,
            programs / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "exam",
            "-E",
            "UTF8",
            "-N",
        )
        settings = f"-k {folder} -c listen_addresses="
        control = (programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log")
        _run(account, *control, "-o", settings, "start")
        try:
            yield f"postgresql+psycopg://exam@/postgres?host={folder}"
        finally:
            _run(account, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def new_database(url: str, template: str = "template1") -> str:
    """The URL of another database of the same server, a copy of one that nobody is using."""
    name = f"room{next(_NUMBERS)}"
    beside = url.replace(f"/{name_of(url)}?", "/postgres?")  # a template must not be in use
    engine = create_engine(beside, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return url.replace(f"/{name_of(url)}?", f"/{name}?")


def name_of(url: str) -> str:
    """The database that a URL of ours names."""
    return url.split("?", 1)[0].rsplit("/", 1)[-1]


def _run(account: pwd.struct_passwd, *command: str | Path) -> None:
    other = {"user": account.pw_uid, "group": account.pw_gid} if os.getuid() == 0 else {}
    words: Sequence[str] = [str(word) for word in command]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=_SHORT, **other)  # type: ignore[call-overload]
