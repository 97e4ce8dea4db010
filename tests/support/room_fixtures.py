"""Fixtures of a prepared room: made once a test run, copied for each test."""

import dataclasses
import shutil
from pathlib import Path

import msgspec
import pytest

from exam_server.room.folder import RoomFolder
from tests.support.room_world import RoomWorld, make_room


@pytest.fixture(scope="session")
def prepared_room(tmp_path_factory: pytest.TempPathFactory) -> RoomWorld:
    """A room of four seats with package, roster and accounts; do not change it."""
    return make_room(tmp_path_factory.mktemp("room") / "data")


@pytest.fixture
def world(prepared_room: RoomWorld, tmp_path: Path) -> RoomWorld:
    """A copy of the prepared room for one test."""
    data = tmp_path / "data"
    shutil.copytree(prepared_room.folder.path, data)
    folder = RoomFolder(data)
    config = msgspec.structs.replace(folder.config(), machine=str(tmp_path / "machine"))
    folder.write_config(config)
    return dataclasses.replace(prepared_room, folder=folder)
