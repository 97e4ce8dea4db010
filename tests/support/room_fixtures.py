"""Fixtures of a prepared room: made once a test run, copied for each test."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from exam_server.room.folder import RoomFolder
from tests.support.postgres_server import name_of, new_database, postgres_url
from tests.support.room_world import RoomWorld, make_room


@pytest.fixture(scope="session")
def prepared_room(tmp_path_factory: pytest.TempPathFactory) -> RoomWorld:
    """A room of four seats with package, roster and accounts; do not change it."""
    return make_room(tmp_path_factory.mktemp("room") / "data")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server with an empty database."""
    with postgres_url() as url:
        yield url


@pytest.fixture(scope="session")
def prepared_postgres_room(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> RoomWorld:
    """The same with its tables on PostgreSQL; do not change it, nor open its database."""
    url = new_database(postgres)
    return make_room(tmp_path_factory.mktemp("room") / "data", database_url=url)


@pytest.fixture
def world(prepared_room: RoomWorld, tmp_path: Path) -> RoomWorld:
    """A copy of the prepared room for one test."""
    return copied_room(prepared_room, tmp_path / "data")


@pytest.fixture
def postgres_world(prepared_postgres_room: RoomWorld, postgres: str, tmp_path: Path) -> RoomWorld:
    """A copy of the prepared room on PostgreSQL, with a database of its own."""
    world = copied_room(prepared_postgres_room, tmp_path / "data")
    config = world.folder.config()
    url = new_database(postgres, name_of(config.database_url))
    world.folder.write_config(msgspec.structs.replace(config, database_url=url))
    return world


@pytest.fixture(params=["sqlite", "postgresql"])
def any_world(request: pytest.FixtureRequest) -> RoomWorld:
    """The prepared room on each kind of database."""
    name = "world" if request.param == "sqlite" else "postgres_world"
    world: RoomWorld = request.getfixturevalue(name)
    return world


def copied_room(world: RoomWorld, data: Path) -> RoomWorld:
    """The room in another folder, known to a machine of its own; the URL stays as it was."""
    shutil.copytree(world.folder.path, data)
    folder = RoomFolder(data)
    config = msgspec.structs.replace(folder.config(), machine=str(data.parent / "machine"))
    folder.write_config(config)
    return dataclasses.replace(world, folder=folder)
