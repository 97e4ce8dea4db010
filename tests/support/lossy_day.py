"""Plays a network day in a namespace of its own whose loopback loses packets; a program.

    unshare -n python -m tests.support.lossy_day FOLDER SEATS PERCENT

Of a hundred packets to and from the kiosks' port it takes so many away, at random, and plays:
real servers and engines, TCP and TLS as the kernel has them, the product's own time limits.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.network_day import NetworkDay
from tests.support.room_world import make_room

KIOSK_PORT, CONSOLE_PORT = 8443, 8444  # nobody else is in this namespace

RULES = """
table inet loss {{
    chain arriving {{
        type filter hook input priority 0;
        tcp dport {port} numgen random mod 100 < {percent} counter drop
        tcp sport {port} numgen random mod 100 < {percent} counter drop
    }}
}}
"""


def lose(percent: int) -> None:
    """From here on the loopback of this namespace is bad."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    rules = RULES.format(percent=percent, port=KIOSK_PORT).encode()
    subprocess.run(["nft", "-f", "-"], input=rules, check=True)


def lost_packets() -> int:
    """How many packets were taken away."""
    told = subprocess.run(["nft", "list", "ruleset"], capture_output=True, check=True).stdout
    return sum(int(one.split()[0]) for one in told.decode().split("counter packets ")[1:])


def main() -> None:
    """Play, and say how much was lost."""
    folder, seats, percent = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    world = make_room(folder / "data", seats=seats)
    lose(percent)
    with ForkServer() as forking:
        server = ForkedServer(world.folder, forking)
        try:
            asyncio.run(
                NetworkDay(
                    world, server, folder, 1, breaks=0, ports=(KIOSK_PORT, CONSOLE_PORT)
                ).play()
            )
        finally:
            if server.process and server.process.poll() is None:
                server.kill()
    print(f"kiosks {seats} lost_packets {lost_packets()}")  # noqa: T201  the test reads it


if __name__ == "__main__":
    main()
