"""The seat map for everybody who watches, and the line about the server's health."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from exam_core.limits import MIB
from exam_core.model.identifiers import AdmissionNumber, FormNumber, SeatId, SessionId
from exam_core.model.states import SessionState, SittingState
from exam_server import limits
from exam_server.room.feed import SeatFeed
from exam_server.room.health import Health
from exam_server.room.live import LiveSession, RoomState
from exam_server.room.loading import load_room
from exam_server.room.serve import open_store
from tests.support.fake_clock import FakeClock
from tests.support.room_world import RoomWorld
from tests.support.scenes import until


class Watched:
    """The feed of a room with four seats, one of them with a candidate who writes."""

    def __init__(self, world: RoomWorld) -> None:
        store = open_store(world.folder)
        self.clock = FakeClock()
        self.state: RoomState = load_room(store, self.clock)
        store.close()
        self.session = LiveSession(
            session_id=SessionId("s"),
            admission_number=AdmissionNumber("1"),
            seat_id=SeatId("A01"),
            form_number=FormNumber(1),
            state=SessionState.INTERACTING,
        )
        self.state.seats[SeatId("A01")].session = self.session
        self.state.clock = self.state.clock.entered(SittingState.RUNNING, self.clock.now)
        self.errors: list[Exception] = []
        self.feed = SeatFeed(
            self.state,
            self.clock.monotonic_ms,
            health=lambda: {"words": "正常"},
            on_error=self.errors.append,
        )


@pytest.fixture
def watched(world: RoomWorld, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Looked at as often as the loop allows."""
    monkeypatch.setattr(limits, "event_interval_ms", 1)
    monkeypatch.setattr(limits, "seats_viewed_at_once", 2)
    return Watched(world)


def run(scene: Coroutine[Any, Any, None]) -> None:
    """The scene, at most 20 seconds."""

    async def limited() -> None:
        async with asyncio.timeout(20):
            await scene

    asyncio.run(limited())


def test_first_everything_then_what_changed(watched: Watched) -> None:
    """Of the seats only those that changed; time that passes changes no seat."""

    async def scene() -> None:
        with watched.feed.watching():
            look, patch = await watched.feed.after(0)
            first = json.loads(patch)
            assert [seat["seat_id"] for seat in first["seats"]] == ["A01", "A02", "A03", "A04"]
            assert first["room"]["health"] == {"words": "正常"}
            left = first["room"]["left_s"]

            watched.clock.advance(1_000)
            while not patch or patch == json.dumps(first).encode() or b"seats" in patch:
                look, patch = await watched.feed.after(look)
            assert json.loads(patch)["room"]["left_s"] == left - 1

            watched.session.unsynced = 3
            while b"seats" not in patch:
                look, patch = await watched.feed.after(look)
            (seat,) = json.loads(patch)["seats"]
            assert (seat["seat_id"], seat["unsynced"]) == ("A01", 3)

    run(scene())


def test_all_watchers_get_the_same_look(watched: Watched) -> None:
    """It is made and encoded once, not once for each."""

    async def scene() -> None:
        with watched.feed.watching(), watched.feed.watching():
            look, _ = await watched.feed.after(0)
            watched.session.unsynced = 1
            one, other = await asyncio.gather(watched.feed.after(look), watched.feed.after(look))
            assert one[1] is other[1]

    run(scene())


def test_who_is_far_behind_gets_everything(watched: Watched) -> None:
    """A browser that did not read for ten seconds; one that missed a look gets that one."""

    async def scene() -> None:
        with watched.feed.watching():
            look, _ = await watched.feed.after(0)
            latest = look
            while latest < look + 30:
                latest, _ = await watched.feed.after(latest)
            number, _ = await watched.feed.after(latest - 5)
            assert number == latest - 4
            number, patch = await watched.feed.after(look)
            assert number >= latest
            assert len(json.loads(patch)["seats"]) == 4

    run(scene())


def test_nothing_is_looked_at_while_nobody_watches(watched: Watched) -> None:
    """Who comes later does not see an old look."""

    async def scene() -> None:
        with watched.feed.watching():
            look, _ = await watched.feed.after(0)
        watched.session.unsynced = 7
        await asyncio.sleep(0.01)
        with watched.feed.watching():
            later, patch = await watched.feed.after(0)
            seats = {seat["seat_id"]: seat for seat in json.loads(patch)["seats"]}
            assert seats["A01"]["unsynced"] == 7
            assert later <= look + 2

    run(scene())


def test_a_look_that_fails_is_told_and_the_next_one_comes(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page does not stand still for ever."""

    async def scene() -> None:
        with watched.feed.watching():
            look, _ = await watched.feed.after(0)
            with monkeypatch.context() as broken:
                broken.setattr(watched.state, "seats", None)
                await until(lambda: bool(watched.errors))
            await watched.feed.after(look + 1)

    run(scene())


@pytest.mark.parametrize(
    ("lag_ms", "tone", "verdict"),
    [(3, "good", "正常"), (51, "warn", "繁忙"), (501, "bad", "缓慢")],
)
def test_health_is_said_in_numbers_and_words(lag_ms: int, tone: str, verdict: str) -> None:
    """The worst of the last ten seconds decides; older ones are forgotten."""
    health = Health(
        waiting_rows=lambda: 12, last_commit_ms=lambda: 4, free_bytes=lambda: 2560 * MIB
    )
    health.note(lag_ms)
    health.note(-1)
    view = health.view()

    assert view["tone"] == tone
    assert verdict in str(view["words"])
    assert f"响应延迟 {lag_ms} 毫秒，待写 12 条，最近一次写盘 4 毫秒，磁盘剩余 2.5 GB" in str(
        view["words"]
    )
    for _ in range(100):
        health.note(0)
    assert (health.view()["lag_ms"], health.worst_lag_ms) == (0, lag_ms)


def test_a_stall_of_the_loop_is_measured() -> None:
    """Whoever waits for the loop waits as long as the line says."""

    async def scene() -> None:
        health = Health(waiting_rows=lambda: 0, last_commit_ms=lambda: 0, free_bytes=lambda: 0)
        watch = asyncio.create_task(health.watch())
        loop = asyncio.get_running_loop()
        for _ in range(50):
            await asyncio.sleep(0.01)
            if health.worst_lag_ms >= 50:
                break
            busy_until = loop.time() + 0.2
            while loop.time() < busy_until:
                pass
        watch.cancel()
        assert health.worst_lag_ms >= 50

    run(scene())
