"""The prepared room, on both databases, and a process that forks servers."""

from collections.abc import Iterator

import pytest

from tests.support.fork_server import ForkServer
from tests.support.room_fixtures import (
    any_world,
    postgres,
    postgres_world,
    prepared_postgres_room,
    prepared_room,
    world,
)

__all__ = [
    "any_world",
    "fork_server",
    "postgres",
    "postgres_world",
    "prepared_postgres_room",
    "prepared_room",
    "world",
]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Starts servers in a tenth of a second."""
    with ForkServer() as server:
        yield server
