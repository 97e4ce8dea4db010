"""The prepared room."""

from tests.support.room_fixtures import prepared_room, world

__all__ = ["prepared_room", "world"]
