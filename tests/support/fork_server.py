"""Forks real `exam-server` processes: everything is imported once, so that a start costs little.

The child runs the entry point of the console script with the arguments it is given; what differs
from a start at the command line is only that the interpreter and the modules are there already.
Run as a module it is the server that forks; imported it is its caller's side.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from exam_server.room.folder import RoomFolder
from tests.support.room_world import ServerProcess

_PR_SET_PDEATHSIG = 1
_LOADED_LATE = (  # by a server that starts; loaded before the fork they cost each start nothing
    "exam_server.room.cli",
    "sqlalchemy.dialects.sqlite",
    "typer._adapters",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "websockets.server",
)


class ForkServer:
    """Another process, which forks; it ends with the block, and its children with it."""

    def __init__(self, *, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        self.ask("ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def ask(self, what: str, *arguments: Any) -> Any:
        """One request, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, *arguments]).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class ForkedProcess:
    """A forked child, as far as tests use `subprocess.Popen`."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, once it ended."""
        if self.returncode is None:
            self.returncode = self._server.ask("poll", self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end."""
        if self.returncode is None:
            self.returncode = int(self._server.ask("wait", self.pid, timeout))
        return self.returncode

    def kill(self) -> None:
        """SIGKILL."""
        if self.returncode is None:  # not yet waited for, so its number is still its own
            os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGTERM)


class ForkedServer(ServerProcess):
    """A real `exam-server serve`, forked."""

    def __init__(self, folder: RoomFolder, fork_server: ForkServer) -> None:
        super().__init__(folder)
        self._fork_server = fork_server

    def _spawn(self, arguments: list[str], log: Path) -> ForkedProcess:
        pid = self._fork_server.ask("fork", ["exam-server", *arguments], str(log))
        return ForkedProcess(self._fork_server, pid)


class _Libc(Protocol):
    def prctl(self, option: int, value: int) -> int: ...


def _main() -> None:
    import ctypes  # noqa: PLC0415  only in the process that forks
    import gc  # noqa: PLC0415
    import importlib  # noqa: PLC0415

    import exam_server.cli  # noqa: PLC0415

    for name in _LOADED_LATE:
        importlib.import_module(name)
    libc: _Libc = ctypes.CDLL(None)
    gc.freeze()
    for line in sys.stdin.buffer:
        what, *arguments = json.loads(line)
        answer = None
        if what == "fork":
            answer = os.fork()
            if answer == 0:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                _become(*arguments)
                exam_server.cli.main()
                os._exit(0)
        elif what == "wait":
            answer = _wait(*arguments)
        elif what == "poll":
            pid, status = os.waitpid(arguments[0], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _wait(pid: int, timeout: float | None) -> int:
    if timeout is not None:
        signal.setitimer(signal.ITIMER_REAL, timeout)  # then this process dies, and the test fails
    _, status = os.waitpid(pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return os.waitstatus_to_exitcode(status)


def _become(arguments: list[str], log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, number in ((nothing, 0), (nothing, 1), (told, 2)):
        os.dup2(descriptor, number)
    sys.argv = arguments


if __name__ == "__main__":
    _main()
