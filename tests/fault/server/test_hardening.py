"""Killed processes leave no core, and nobody else reads their memory; with real processes.

Each program has its own module for this; both are held to the same.
"""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.room_world import RoomWorld, running

MODULES = ("exam_server.hardening", "exam_client.hardening")
NOBODY = 65534

_CHILD = """
import os, resource, signal, sys, {module} as hardening
if {user}:
    os.setgid({user}); os.setuid({user})
    # Becoming another user closes it already; a service that is started as its user is open.
    __import__("ctypes").CDLL(None).prctl(4, 1, 0, 0, 0)
if {harden}:
    protection = hardening.harden()
    print(protection.sentence(), flush=True)
    print(oct(os.umask(0)), flush=True)
secret = b"form identity " * 1000
for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)  # a shell's background jobs are started deaf to SIGQUIT
print(os.getpid(), flush=True)
sys.stdin.read(1)
os.abort()
"""


def start(
    module: str, folder: Path, *, harden: bool = True, user: int = 0
) -> subprocess.Popen[str]:
    """A process that holds a secret until it is told to abort; cores would be allowed."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD.format(module=module, harden=harden, user=user)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),  # noqa: PLW1509
    )


def told(process: subprocess.Popen[str]) -> str:
    """One line that it printed."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str], number: int) -> int:
    """End it by this signal; the wait status, which says whether a core was dumped."""
    os.kill(process.pid, number)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -number
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    return status


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT])
def test_a_killed_process_leaves_no_core(module: str, number: int, tmp_path: Path) -> None:
    """Whatever kills it; the start-up line says so beforehand, and new files are private."""
    process = start(module, tmp_path)
    assert "不留核心转储" in told(process)
    assert told(process) == "0o77"
    assert int(told(process)) == process.pid
    status = end(process, number)
    assert os.WTERMSIG(status) == number
    assert not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_CORE)[1] == 0
    or Path("/proc/sys/kernel/core_pattern").read_text().startswith("|"),
    reason="this system allows no core files at all",
)
def test_an_unprotected_process_leaves_one(tmp_path: Path) -> None:
    """The test above would notice: without the protection there is a core with the secret."""
    process = start(MODULES[0], tmp_path, harden=False)
    told(process)
    assert os.WCOREDUMP(end(process, signal.SIGSEGV))


_READER = """
import os, sys
os.setgid({user}); os.setuid({user})
try:
    with open("/proc/{pid}/mem", "rb"):
        print("open")
except OSError as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become other users")
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(("harden", "expected"), [(True, "PermissionError"), (False, "open")])
def test_memory_is_closed_even_to_the_same_user(
    module: str, tmp_path: Path, *, harden: bool, expected: str
) -> None:
    """Another program of this very user cannot open /proc/PID/mem; unprotected it can."""
    process = start(module, tmp_path, harden=harden, user=NOBODY)
    for _ in range(3 if harden else 1):
        pid = told(process)
    reader = _READER.format(user=NOBODY, pid=pid)
    done = subprocess.run(
        [sys.executable, "-c", reader], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected
    end(process, signal.SIGKILL)


def test_a_running_room_is_protected_and_says_so(world: RoomWorld) -> None:
    """The service itself: no core at SIGSEGV, and the log has what was granted at its start."""
    with running(world.folder) as server:
        assert server.process is not None
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]
        os.kill(server.process.pid, signal.SIGSEGV)
        _, status = os.waitpid(server.process.pid, 0)
        server.process.returncode = -signal.SIGSEGV
        assert not os.WCOREDUMP(status)
    lines = world.folder.audit_file.read_text().splitlines()
    (started,) = [line for line in lines if '"action":"server_started"' in line]
    assert '"core_dumps":"off"' in started
    assert '"memory":"closed,' in started
