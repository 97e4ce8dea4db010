"""What the server and the program that makes a backup say to each other: JSON lines.

They meet at a socket in the folder `run`, which only the server's user may enter.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

SOCKET_NAME = "backup.sock"


class Done(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Copier: everything is copied. `manifest_sha256` names it, `size_bytes` says how much."""

    manifest_sha256: str
    size_bytes: int


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Server: what became of it; a refusal has a code and a sentence.

    The first answer says that the file is held, the second that it was so until now.
    """

    code: str = ""
    message: str = ""


@contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """A path of the socket in `folder` that is short enough for the system, while it lasts."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)


def listening(folder: Path) -> socket.socket:
    """The server's end; one that a killed server left behind is replaced."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / SOCKET_NAME).unlink(missing_ok=True)
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_path(folder) as path:
            end.bind(path)
        (folder / SOCKET_NAME).chmod(0o600)
        end.listen()
        end.setblocking(False)
    except BaseException:
        end.close()
        raise
    return end
