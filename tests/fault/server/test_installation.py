"""The installed services: users of their own, folders of their own, units that systemd accepts."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from exam_core.errors import ExamError
from exam_core.model.states import SittingState
from exam_server.machine import Machine, RoomStatus

ROOT = Path(__file__).resolve().parents[3]
UNITS = ("gongyuan-room.service", "gongyuan-grade.service")
ROOM_ID = "ab" * 8

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0
    or not shutil.which("systemd-sysusers")
    or not shutil.which("systemd-analyze"),
    reason="needs root and systemd's programs",
)


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """The tree that `install-server.sh` makes; reachable for other users, as `/` is."""
    tree = Path(tempfile.mkdtemp(prefix="gongyuan-install-"))
    tree.chmod(0o755)
    command = [str(ROOT / "deploy/install-server.sh"), "--prefix", str(tree / "opt")]
    command += ["--root", str(tree)]
    for _ in range(2):  # safe to repeat
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    yield tree
    shutil.rmtree(tree)


def user_of(tree: Path, name: str) -> tuple[int, int, list[int]]:
    """User, group and further groups, as the tree's own /etc has them."""
    for line in (tree / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name:
            groups = [
                int(group.split(":")[2])
                for group in (tree / "etc/group").read_text().splitlines()
                if name in group.split(":")[3].split(",")
            ]
            return int(fields[2]), int(fields[3]), groups
    raise AssertionError(f"no user {name}")


def as_user(tree: Path, name: str, act: Callable[[], str]) -> str:
    """What a real process of this user gets: the function's answer, or the error's name."""
    uid, gid, groups = user_of(tree, name)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups(groups)
        os.setgid(gid)
        os.setuid(uid)
        try:
            answer = act()
        except ExamError as error:
            answer = error.code
        except OSError as error:
            answer = type(error).__name__
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    return answer


def test_neither_user_reads_the_other_s_folder(installed: Path) -> None:
    """Two real users: each writes and reads its own folder; the other's is closed both ways."""
    lib = installed / "var/lib/gongyuan"

    def write(folder: Path) -> str:
        (folder / "file").write_text("x")
        return (folder / "file").read_text()

    for me, mine, other in (
        ("gongyuan-room", lib / "room", lib / "grade"),
        ("gongyuan-grade", lib / "grade", lib / "room"),
    ):
        assert as_user(installed, me, partial(write, mine)) == "x"
        for act in (other.iterdir, (other / "file").read_text, partial(write, other)):
            assert as_user(installed, me, partial(_text_of, act)) == "PermissionError"
    assert user_of(installed, "gongyuan-room")[0] != user_of(installed, "gongyuan-grade")[0]


def _text_of(act: Callable[[], object]) -> str:
    found = act()
    return found if isinstance(found, str) else str(list(found))  # type: ignore[call-overload]  # a folder's files


def test_the_two_know_of_each_other_through_the_machine_alone(installed: Path) -> None:
    """The room registers, the grading site reads; it can change nothing there."""
    machine = Machine(installed / "var/lib/gongyuan/machine")

    def register(state: SittingState) -> str:
        machine.register(ROOM_ID, RoomStatus(centre_id="C01", sitting_id="S1", state=state))
        return "told"

    def ask() -> str:
        machine.prepare()
        machine.refuse_open_sittings("key.sitting_open")
        return "free"

    assert as_user(installed, "gongyuan-grade", ask) == "free"
    assert as_user(installed, "gongyuan-room", lambda: register(SittingState.RUNNING)) == "told"
    assert as_user(installed, "gongyuan-grade", ask) == "key.sitting_open"
    closed = as_user(installed, "gongyuan-grade", lambda: register(SittingState.CLOSED))
    assert closed == "machine.registry"
    status = machine.folder / f"{ROOM_ID}.json"
    for spoil in (status.unlink, partial(status.write_text, "x")):
        spoiled = as_user(installed, "gongyuan-grade", partial(_text_of, spoil))
        assert spoiled == "PermissionError"
    assert as_user(installed, "gongyuan-room", lambda: register(SittingState.CLOSED)) == "told"
    assert as_user(installed, "gongyuan-grade", ask) == "free"


def test_systemd_accepts_the_units(installed: Path) -> None:
    """No unknown setting, no missing program; the exposure is what systemd calls OK."""
    bin_folder = installed / "opt/.venv/bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "exam-server").symlink_to("/bin/true")
    units = [str(installed / "etc/systemd/system" / unit) for unit in UNITS]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    assert not [line for line in verified.stderr.splitlines() if "gongyuan" in line], (
        verified.stderr
    )
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-2000:] + judged.stderr
    levels = re.findall(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert len(levels) == 2
    assert all(float(level) <= 2.5 for level in levels)


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_keep_memory_off_the_disk(unit: str) -> None:
    """What the hardening asks of the system is in each unit."""
    lines = (ROOT / "deploy/systemd" / unit).read_text().splitlines()
    for wanted in (
        "LimitCORE=0",
        "LimitMEMLOCK=infinity",
        "MemorySwapMax=0",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "StateDirectoryMode=0700",
        "UMask=0077",
    ):
        assert wanted in lines
    (user,) = [line for line in lines if line.startswith("User=")]
    assert user == f"User={unit.removesuffix('.service')}"
