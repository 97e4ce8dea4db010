"""Forks real `exam-server` processes: everything is imported once, so that a start costs little.

The child runs the entry point of the console script with the arguments it is given; what differs
from a start at the command line is only that the interpreter and the modules are there already.
The process that forks is `tests.support.forking`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from exam_server.room.folder import RoomFolder
from tests.support.room_world import ServerProcess


class ForkServer:
    """Another process, which forks; it ends with the block, and its children with it."""

    def __init__(self, *, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forking"],
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
