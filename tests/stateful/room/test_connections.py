"""Connections of one session: cut, restarted, superseded, doubled, broken."""

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from exam_core.errors import StorageError
from exam_core.protocol import VERSION
from exam_core.protocol.messages import Attach, Attached, Refused, Restore
from exam_core.protocol.orders import Begin
from exam_server.folder import STORAGE_FULL
from exam_server.room.live import CLOSE_LATER
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import closed_with, code_of, run, session_of, stored, until


def test_a_cut_line_loses_nothing(world: RoomWorld) -> None:
    """The same segment attaches again, keeps its epoch, and sends what was not acknowledged."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(builders.response_recorded("i1.1"))
        await driver.close()
        driver.append(builders.response_recorded("i1.1", "B"))
        attached = await driver.reattach()
        assert attached.epochs == {driver.segment_id: 1}
        assert (await driver.expect(Begin)).form_number == driver.begin.form_number  # type: ignore[union-attr]
        await driver.wait_saved()
        assert stored(live, driver) == driver.frames[driver.segment_id]

    run(world, scene)


def test_a_restarted_kiosk_gets_back_what_its_disk_lost(world: RoomWorld) -> None:
    """A new segment has the next epoch; frames of earlier ones that it lacks are restored."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        first = driver.segment_id
        for letter in "ABCD" * 70:
            driver.append(builders.response_recorded("i1.1", letter))
        await driver.save()
        frames = driver.frames[first]
        await driver.close()
        driver.frames[first] = frames[:5]
        attached = await driver.attach()
        assert attached.epochs == {first: 1, driver.segment_id: 2}
        restored: list[bytes] = []
        while len(restored) < len(frames) - 5:
            message = await driver.expect(Restore)
            assert (message.segment_id, message.first_seq) == (first, 5 + len(restored))
            restored.extend(message.frames)
        assert restored == frames[5:]
        driver.frames[first] = frames
        await driver.wait_begin()
        await driver.save(builders.response_recorded("i1.1", "D"))

    run(world, scene)


def test_a_newer_connection_supersedes_the_older_one(world: RoomWorld) -> None:
    """Only one connection speaks for a session."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        old = driver.socket
        await driver.reattach()
        new, driver.socket = driver.socket, old
        assert await closed_with(driver) == 4409
        driver.socket = new
        await driver.expect(Begin)
        await driver.save(builders.response_recorded("i1.1"))

    run(world, scene)


def test_a_second_log_in_while_connected_is_refused(world: RoomWorld) -> None:
    """At the same seat and at another; after the line is cut the candidate may log in again."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        other = await live.kiosk(2)
        for kiosk in (driver, other):
            reply = await kiosk.log_in(live.candidate(), live.room_code)
            assert code_of(reply) == "login.already_active"
        assert code_of(await other.log_in(live.candidate(3), live.room_code)) == (
            "login.wrong_seat"
        )
        await driver.close()
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        await until(lambda: session.connection is None)
        old = driver.log_in_reply
        assert (await driver.log_in(live.candidate(), live.room_code)).status_code == 200
        new, driver.log_in_reply = driver.log_in_reply, old
        with pytest.raises(ConnectionClosed):
            await driver.attach()
        assert [one.code for one in driver.seen if isinstance(one, Refused)] == ["session.token"]
        driver.log_in_reply = new
        await driver.attach()

    run(world, scene)


def test_a_message_that_is_none_ends_the_connection_with_a_reason(world: RoomWorld) -> None:
    """Garbage, text, a message before Attach, a second Attach."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.logged_in()
        assert driver.log_in_reply
        for first in (b"garbage", "text", None):
            if first is None:
                await driver.attach()
                await driver.send(_attach_again(driver))
            else:
                await driver.attach()
                assert driver.socket
                await driver.socket.send(first)
            assert (await driver.expect(Refused)).code == "protocol.malformed"
            assert await closed_with(driver) == 4400
        async with websockets.connect(
            f"{live.kiosk_url.replace('https', 'wss')}/v1/session", ssl=driver.context
        ) as socket:
            driver.socket = socket
            await driver.heartbeat()
            assert (await driver.expect(Refused)).code == "protocol.malformed"

    run(world, scene)


def _attach_again(driver: KioskDriver) -> Attach:
    assert driver.log_in_reply
    return Attach(
        protocol=VERSION,
        session_id=driver.log_in_reply.session_id,
        token=driver.log_in_reply.token,
        segment_id=driver.segment_id,
        held=(),
    )


def test_an_attached_message_says_what_the_server_holds(world: RoomWorld) -> None:
    """Head and count of every segment."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(builders.response_recorded("i1.1"))
        await driver.close()
        attached = await driver.reattach()
        assert isinstance(attached, Attached)
        assert driver.writer
        assert [(one.frames, one.head) for one in attached.held] == [(2, driver.writer.head)]

    run(world, scene)


def test_a_connection_that_breaks_while_it_attaches_does_not_stay(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither when the disk fails on the way nor when the kiosk is gone; the seat is free again."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.logged_in()
        session = session_of(live, driver)
        hub = live.room.hub

        async def fail(*_: object) -> None:
            raise StorageError(STORAGE_FULL, "磁盘已满")

        async def wait_long(*_: object) -> None:
            await hub.stopping.wait()

        monkeypatch.setattr(hub.course, "begin_when_due", fail)
        await driver.attach()
        assert await closed_with(driver) == CLOSE_LATER
        assert session.connection is None

        monkeypatch.setattr(hub.course, "begin_when_due", wait_long)
        await driver.attach()
        assert hub.state.is_active(session.admission_number)
        assert driver.socket
        driver.socket.transport.abort()

        def is_free() -> bool:
            hub.core.send_clock(session)  # the server finds out when it sends
            return session.connection is None

        await until(is_free)
        assert (await driver.log_in(live.candidate(), live.room_code)).status_code == 200

    run(world, scene)
