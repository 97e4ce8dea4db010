"""Stands between a program and PostgreSQL, and cuts the line at a commit when told to."""

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"COMMIT\0"
_SHORT = "/tmp"  # noqa: S108  a socket's path has at most 107 bytes


class Cut(Enum):
    """When the line is cut."""

    NEVER = "never"
    BEFORE = "the commit never arrives"
    AFTER = "the commit is done, and its answer never arrives"


class CutProxy:
    """Passes everything on until `cut` says otherwise; each cut is for one commit."""

    def __init__(self, place: Path, server: Path) -> None:
        self._server = server / _SOCKET
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(place / _SOCKET))
        self._listening.listen()
        self.cut = Cut.NEVER
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server))
        mute = threading.Event()
        back = threading.Thread(target=self._answer, args=(server, client, mute), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if _COMMIT in data and self.cut is not Cut.NEVER:
                    how, self.cut = self.cut, Cut.NEVER
                    self.cuts += 1
                    if how is Cut.AFTER:
                        mute.set()
                        server.sendall(data)
                        back.join()
                    break
                server.sendall(data)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        back.join()
        client.close()
        server.close()

    def _answer(self, server: socket.socket, client: socket.socket, mute: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if mute.is_set():
                    return  # that was the answer to the commit
                client.sendall(data)


@contextmanager
def cut_proxy(url: str) -> Iterator[tuple[CutProxy, str]]:
    """A proxy before the PostgreSQL of a URL, and the URL of what is behind it."""
    place, server = tempfile.mkdtemp(prefix="cut-", dir=_SHORT), url.rsplit("host=", 1)[1]
    proxy = CutProxy(Path(place), Path(server))
    try:
        yield proxy, url.replace(server, place)
    finally:
        proxy.close()
        shutil.rmtree(place)
