"""The prepared room, on both databases, and processes that fork servers, also failing ones."""

from collections.abc import Iterator

import pytest

from tests.support.disk_shim import DiskShim
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
    "shim",
    "shimmed_servers",
    "world",
]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Starts servers in a tenth of a second."""
    with ForkServer() as server:
        yield server


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> DiskShim:
    """Compiled once."""
    return DiskShim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def shimmed_servers(shim: DiskShim) -> Iterator[ForkServer]:
    """Forks servers whose calls can be chosen."""
    with ForkServer(environment=shim.environment) as server:
        yield server
