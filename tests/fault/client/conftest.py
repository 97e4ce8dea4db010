"""The prepared room, on both databases."""

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
    "postgres",
    "postgres_world",
    "prepared_postgres_room",
    "prepared_room",
    "world",
]
