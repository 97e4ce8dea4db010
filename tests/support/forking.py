"""The process that forks `exam-server`; `tests.support.fork_server` speaks to it.

Run as a module. With FAULT in the environment the fault of that name is planted first
(`tests.teeth.plugin`), so that a whole server can be run with it.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LOADED_LATE = (  # by a server that starts; loaded before the fork they cost each start nothing
    "exam_server.room.cli",
    "sqlalchemy.dialects.sqlite",
    "typer._adapters",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "websockets.server",
)


def main() -> None:
    """Answer one request a line until the input ends."""
    if os.environ.get("FAULT"):
        importlib.import_module("tests.teeth.plugin")
    entry_point = importlib.import_module("exam_server.cli").main
    for name in _LOADED_LATE:
        importlib.import_module(name)
    libc = ctypes.CDLL(None)
    gc.freeze()
    for line in sys.stdin.buffer:
        what, *arguments = json.loads(line)
        answer = None
        if what == "fork":
            answer = os.fork()
            if answer == 0:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                _become(*arguments)
                entry_point()
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
    main()
