"""A real server whose machine's clock has gone on between two starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.room_world import RoomWorld, ServerProcess, open_paper, running, sign_in

pytestmark = pytest.mark.faults

AWAY_S = 1_200
# A time namespace shifts the monotonic clock of the process in it, and nothing else.
LATER = ("unshare", "-T", "--fork", "--kill-child", "--boottime", str(AWAY_S))


def has_time_namespaces() -> bool:
    """Whether this machine lets us shift a clock."""
    try:
        return subprocess.run([*LATER, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


class LaterServer(ServerProcess):
    """A server on the same machine, twenty minutes later."""

    def _spawn(self, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
        command = [*LATER, sys.executable, "-m", "exam_server.cli", *arguments]
        with log.open("ab") as file:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)


@pytest.mark.skipif(not has_time_namespaces(), reason="no right to make a time namespace")
def test_twenty_minutes_without_a_server_have_passed(world: RoomWorld) -> None:
    """Killed while the sitting runs; the next start sees the same machine, 20 minutes later."""
    with running(world.folder) as server:
        open_paper(server, world)
        chief = sign_in(server, world, "zhang")
        assert chief.post("/proctor/start").json()["ok"]
        before = chief.get("/proctor/state").json()["room"]["time_left_s"]
        chief.close()
        server.kill()
    later = LaterServer(world.folder)
    later.start()
    try:
        chief = sign_in(later, world, "zhang")
        room = chief.get("/proctor/state").json()["room"]
        chief.close()
    finally:
        later.kill()
    assert 0 <= before - AWAY_S - room["time_left_s"] <= 30  # the machine is busy
    assert room["absence_min"] in {20, 21}
    assert [one["code"] for one in room["alarms"]] == ["server.away"]
