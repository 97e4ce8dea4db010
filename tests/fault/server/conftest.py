"""The prepared room, and a process that forks servers."""

from collections.abc import Iterator

import pytest

from tests.support.fork_server import ForkServer
from tests.support.room_fixtures import prepared_room, world

__all__ = ["fork_server", "prepared_room", "world"]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Starts servers in a tenth of a second."""
    with ForkServer() as server:
        yield server
