"""Scenes in a running room, and what a test reads from it while one is played."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2
from websockets.exceptions import ConnectionClosed

from exam_core.model.states import SittingState
from exam_core.protocol.http import Problem, decode_body
from exam_core.protocol.messages import (
    Restore,
)
from exam_server.room.live import LiveSession
from exam_server.store import frames as frame_tables
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom, live_room
from tests.support.room_world import RoomWorld


def run(world: RoomWorld, scene: Callable[[LiveRoom], Coroutine[Any, Any, None]]) -> None:
    """Play a scene in a running room."""

    async def play() -> None:
        async with live_room(world) as live:
            await scene(live)

    asyncio.run(play())


def code_of(reply: httpx2.Response) -> str:
    """The code of a refusal."""
    return decode_body(reply.content, Problem).code


def state_of(live: LiveRoom) -> SittingState:
    """Where the sitting stands."""
    return live.room.hub.state.clock.state


def session_of(live: LiveRoom, driver: KioskDriver) -> LiveSession:
    """The driver's session as the server has it."""
    session = live.room.hub.state.seats[driver.seat_id].session
    assert session is not None
    return session


def stored(live: LiveRoom, driver: KioskDriver) -> list[bytes]:
    """The frames of the driver's segment in the database."""
    with live.room.store.transaction() as db:
        return frame_tables.read_frames(db, driver.segment_id)


def flags(live: LiveRoom) -> set[tuple[int, str]]:
    """All flags as (seq, code)."""
    with live.room.store.transaction() as db:
        return {(seq, code) for _, seq, code in frame_tables.read_flags(db)}


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110  what is waited for is in a database or a dataclass
            await asyncio.sleep(0.005)


async def closed_with(driver: KioskDriver) -> int | None:
    """Read until the server closes the connection; the code."""
    try:
        while True:
            await driver.expect(Restore)
    except ConnectionClosed as closing:
        return closing.rcvd.code if closing.rcvd else None
