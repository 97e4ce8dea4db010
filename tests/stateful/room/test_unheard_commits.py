"""A commit was kept though nobody heard of it: the same step once more brings memory after it."""

import asyncio
from typing import Any

import pytest

from exam_core.errors import StorageError
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_server.room.services import conduct
from exam_server.store.engine import DATABASE_UNREACHABLE
from tests.support import builders
from tests.support.live_room import WANG, LiveRoom, live_room
from tests.support.room_world import RoomWorld
from tests.support.scenes import session_of


class Unheard:
    """Does the work of a service; then the answer is lost, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self._work = getattr(conduct, name)
        self._is_lost = True
        monkeypatch.setattr(conduct, name, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The work, and a lost connection the first time."""
        done = self._work(*args, **kwargs)
        if self._is_lost:
            self._is_lost = False
            raise StorageError(DATABASE_UNREACHABLE, "连不上数据库")
        return done


def test_a_start_and_an_end_that_were_not_heard_of(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try finds the sitting one step on, tells the kiosks, and logs nothing twice."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.open()
            await live.logged_in(2)
            for event, state in [
                (SittingEvent.START, SittingState.RUNNING),
                (SittingEvent.HOLD, SittingState.HELD),
                (SittingEvent.END, SittingState.ENDED),
            ]:
                Unheard(monkeypatch, "change_sitting")
                course = live.room.hub.course
                with pytest.raises(StorageError):
                    await course.change_sitting(event, WANG)
                await course.change_sitting(event, WANG)
                assert live.room.hub.state.clock.state is state
            assert {one.state for one in live.room.hub.state.sessions.values()} == {
                SessionState.CLOSED
            }
            lines = b"".join(live.room.trail.lines())
            assert lines.count(b'"action":"sitting_end"') == 1

    asyncio.run(play())


def test_presence_begin_and_close_that_were_kept(world: RoomWorld) -> None:
    """The database is one step on in each; nothing is refused, and nobody waits for ever."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.logged_in()
            await driver.attach()
            session = session_of(live, driver)
            store, trail = live.room.store, live.room.trail
            conduct.mark_present(store, trail, WANG, seat_id=driver.seat_id)
            with store.transaction() as db:
                conduct.begin_sessions(db, trail, [session.session_id], at_ms=0)
            await live.room.hub.steering.mark_present(WANG, driver.seat_id)
            await driver.wait_begin()
            assert session_of(live, driver).state is SessionState.INTERACTING

            closed = live.room.hub.course.close_submitted
            await _close_unheard(live, driver.seat_id)
            await driver.save(builders.session_submitted())
            closed(session)
            assert await driver.send_submit()
            assert session_of(live, driver).state is SessionState.CLOSED

    asyncio.run(play())


async def _close_unheard(live: LiveRoom, seat_id: str) -> None:
    """The next closing is kept in the database and its answer is lost."""
    changes = live.room.hub.core.changes
    make = changes.make
    lost: list[str] = []

    async def lose(work: Any, show: Any) -> Any:
        if lost:
            return await make(work, show)
        lost.append(seat_id)
        await make(work, lambda _: None)
        raise StorageError(DATABASE_UNREACHABLE, "连不上数据库")

    changes.make = lose  # type: ignore[method-assign]  # the answer, not the work, is lost
