"""A sitting over real TLS with a clock that the test sets: who gets what, and when."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx2
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from exam_core.formats.journal import receipt_of
from exam_core.formats.journal_entries import SubmitReason
from exam_core.formats.results_bundle import open_results
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.http import Problem, decode_body
from exam_core.protocol.messages import (
    Attach,
    Attached,
    Begin,
    Clock,
    End,
    Refused,
    Restore,
    Save,
    Saved,
    Submit,
    Submitted,
)
from exam_server import limits
from exam_server.room.services.results import export_results
from exam_server.store import room as tables
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom, live_room
from tests.support.room_world import PASSWORD, RoomWorld

DURATION_MS = 5_400_000


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


def stored(live: LiveRoom, driver: KioskDriver) -> list[bytes]:
    """The frames of the driver's segment in the database."""
    with live.room.store.transaction() as db:
        return tables.read_frames(db, driver.segment_id)


def flags(live: LiveRoom) -> set[tuple[int, str]]:
    """All flags as (seq, code)."""
    with live.room.store.transaction() as db:
        return {(seq, code) for _, seq, code in tables.read_flags(db)}


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


def test_the_key_of_the_form_comes_with_presence_and_start_and_not_before(
    world: RoomWorld,
) -> None:
    """Log-in, opening, start: none of them alone brings Begin."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.logged_in()
        await driver.attach()
        await driver.stage("confirmed")
        await driver.stage("rules_read")
        await live.start()
        await driver.heartbeat()
        while (await driver.expect(Clock)).sitting_state is not SittingState.RUNNING:
            pass
        await driver.heartbeat()
        assert not (await driver.expect(Clock)).is_present
        assert not any(isinstance(message, Begin) for message in driver.seen)

        await live.room.hub.steering.mark_present(WANG, driver.seat_id)
        form = await driver.wait_begin()
        assert driver.begin
        assert form.form_number == driver.begin.form_number
        assert driver.begin.time_left_ms == DURATION_MS

    run(world, scene)


def test_a_save_is_on_disk_when_it_is_acknowledged(world: RoomWorld) -> None:
    """Verbatim, and once, however often it is sent."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        for letter in "ABC":
            await driver.save(builders.response_recorded("i1.1", letter))
            assert stored(live, driver) == driver.frames[driver.segment_id]
        await driver.send_frames(driver.segment_id, 0)
        again = await driver.expect(Saved)
        assert again.frames == 4
        assert stored(live, driver) == driver.frames[driver.segment_id]
        assert live.room.hub.state.seats[driver.seat_id].session
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        assert session.tally.answered == 1

    run(world, scene)


def test_a_gap_and_an_unknown_segment_are_refused(world: RoomWorld) -> None:
    """Nothing is stored; what is sent in order is."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        driver.append(builders.response_recorded("i1.1"))
        driver.append(builders.response_recorded("i1.1", "B"))
        await driver.send_frames(driver.segment_id, 2)
        assert (await driver.expect(Refused)).code == "journal.gap"
        await driver.send(
            Save(segment_id=builders.SEGMENT_ID, first_seq=0, frames=(builders.frames()[0],))
        )
        assert (await driver.expect(Refused)).code == "journal.gap"
        assert len(stored(live, driver)) == 1
        await driver.save()
        assert len(stored(live, driver)) == 3

    run(world, scene)


def test_other_bytes_at_a_held_place_raise_the_alarm(world: RoomWorld) -> None:
    """The first stays, the audit log says so, and the connection goes on."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(builders.response_recorded("i1.1"))
        other = builders.frames(b"{}", b"{}", segment_id=driver.segment_id)
        await driver.send(Save(segment_id=driver.segment_id, first_seq=1, frames=(other[1],)))
        refused = await driver.expect(Refused)
        assert (refused.code, refused.seq) == ("journal.conflict", 1)
        await until(lambda: bool(live.room.hub.state.alarms))
        assert live.room.hub.state.alarms[0].code == "journal.conflict"
        assert "journal.conflict" in live.room.folder.audit_file.read_text()
        await driver.save(builders.response_recorded("i1.1", "C"))
        assert stored(live, driver) == driver.frames[driver.segment_id]

    run(world, scene)


def test_frames_that_are_not_sealed_for_this_session_take_no_place(world: RoomWorld) -> None:
    """They are kept aside; the true frames follow."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        forged = builders.frames(b"{}", b"{}", key=bytes(32), segment_id=driver.segment_id)
        await driver.send(Save(segment_id=driver.segment_id, first_seq=1, frames=(forged[1],)))
        assert (await driver.expect(Refused)).code == "journal.frame"
        await driver.save(builders.response_recorded("i1.1"))
        assert stored(live, driver) == driver.frames[driver.segment_id]

        def is_kept() -> bool:
            with live.room.store.transaction() as db:
                return tables.count_refused(db) == 1

        await until(is_kept)

    run(world, scene)


def test_a_response_for_a_part_not_on_the_form_does_not_count(world: RoomWorld) -> None:
    """Refused and flagged, durable all the same; the answers after it count."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(
            builders.response_recorded("elsewhere"),
            builders.response_recorded("i1.1", "nonsense"),
            builders.response_recorded("i2.1", "B"),
        )
        codes = [(one.code, one.seq) for one in driver.seen if isinstance(one, Refused)]
        assert codes == [("response.unknown_part", 1), ("response.misfit", 2)]
        assert flags(live) == {(1, "response.unknown_part"), (2, "response.misfit")}
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        assert session.tally.answered == 1
        await until(lambda: len(live.room.hub.state.alarms) == 2)
        await live.room.hub.steering.settle_alarm(WANG, live.room.hub.state.alarms[0].alarm_id)
        assert len(live.room.hub.state.alarms) == 1

    run(world, scene)


def test_handing_in_closes_the_session_and_later_responses_do_not_count(
    world: RoomWorld,
) -> None:
    """The receipt is the kiosk's own; asking again gives it again."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(builders.response_recorded("i1.1"))
        receipt = await driver.submit()
        assert receipt == await driver.send_submit()
        await driver.save(builders.response_recorded("i1.1", "B"))

        refused = [one.code for one in driver.seen if isinstance(one, Refused)]
        assert refused == ["response.after_end"]
        assert flags(live) == {(3, "response.after_end")}
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        assert (session.state, session.receipt) == (SessionState.CLOSED, receipt)
        await driver.close()
        await until(lambda: session.connection is None)
        reply = await driver.log_in(live.candidate(), live.room_code)
        assert code_of(reply) == "login.closed"

    run(world, scene)


def test_a_submit_without_its_entry_is_refused(world: RoomWorld) -> None:
    """Neither for a frame that did not come nor for one that is no submit entry."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.send(_submit(driver))
        assert (await driver.expect(Refused)).code == "submit.no_entry"
        driver.append(builders.session_submitted())
        await driver.send(_submit(driver))
        assert (await driver.expect(Refused)).code == "journal.gap"

    run(world, scene)


def _submit(driver: KioskDriver) -> Submit:
    frame = driver.frames[driver.segment_id][-1]
    return Submit(
        segment_id=driver.segment_id,
        seq=len(driver.frames[driver.segment_id]) - 1,
        receipt=receipt_of(frame),
    )


def test_a_wrong_receipt_raises_the_alarm(world: RoomWorld) -> None:
    """Kiosk and server must have the same submit entry."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.submit()
        await driver.send(Submit(segment_id=driver.segment_id, seq=1, receipt="0000"))
        assert (await driver.expect(Refused)).code == "submit.receipt"

    run(world, scene)


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


def test_time_up_ends_the_session_and_the_answers_typed_by_then_count(
    world: RoomWorld,
) -> None:
    """End is sent; the kiosk submits within the grace; the sitting ends by itself."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver, slow = await live.writing(1), await live.writing(2)
        await live.room.hub.steering.grant_extra_time(
            WANG, slow.seat_id, extra_ms=60_000, reason="设备故障"
        )
        live.clock.advance(DURATION_MS - 1)
        await live.room.hub.course.tick()
        assert not any(isinstance(one, End) for one in driver.seen)
        live.clock.advance(1)
        await live.room.hub.course.tick()
        assert (await driver.expect(End)).reason == "time_up"
        await driver.submit(SubmitReason.TIME_UP)
        assert state_of(live) is SittingState.RUNNING

        live.clock.advance(60_000)
        await live.room.hub.course.tick()
        assert (await slow.expect(End)).reason == "time_up"
        assert state_of(live) is SittingState.ENDED
        await slow.submit(SubmitReason.TIME_UP)

    run(world, scene)


def test_a_kiosk_that_says_nothing_is_closed_after_the_grace_and_may_still_send(
    world: RoomWorld,
) -> None:
    """What it had is kept as late; with its submit entry the receipt is given."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.close()
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        live.clock.advance(limits.grace_ms)
        await live.room.hub.course.tick()
        await until(lambda: session.state is SessionState.CLOSED)
        assert (session.close_reason, session.receipt) == ("proctor", "")

        driver.append(builders.response_recorded("i1.1"))
        attached = await driver.reattach()
        assert attached.session_state is SessionState.CLOSED
        await driver.wait_saved()
        await driver.submit(SubmitReason.PROCTOR)
        assert flags(live) == {(1, "response.late"), (2, "response.late")}
        assert session.receipt

    run(world, scene)


def test_a_kiosk_that_was_off_at_the_end_hands_in_when_it_comes_back(world: RoomWorld) -> None:
    """It gets its key once more, to open its journal; the receipt is given on each later attach."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(builders.response_recorded("i1.1"))
        await driver.close()
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        live.clock.advance(limits.grace_ms)
        await live.room.hub.course.tick()
        await live.room.hub.core.finish()

        attached = await driver.attach()
        assert attached.session_state is SessionState.CLOSED
        await driver.wait_begin()
        assert (await driver.expect(Clock)).session_state is SessionState.CLOSED
        receipt = await driver.submit(SubmitReason.PROCTOR)
        await driver.close()
        await driver.reattach()
        assert (await driver.expect(Submitted)).receipt == receipt

    run(world, scene)


def test_a_hold_stops_everybodys_clock(world: RoomWorld) -> None:
    """And resuming goes on with the same time left."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        live.clock.advance(10_000)
        await live.room.hub.course.change_sitting(SittingEvent.HOLD, WANG)
        live.clock.advance(500_000)
        await driver.heartbeat(3)
        await driver.heartbeat(3)
        held = [await driver.expect(Clock) for _ in range(3)][-1]
        assert held.sitting_state is SittingState.HELD
        assert held.time_left_ms == DURATION_MS - 10_000
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        assert session.unsynced == 3
        await driver.save(builders.response_recorded("i1.1"))  # what was typed before the hold
        await live.room.hub.course.change_sitting(SittingEvent.RESUME, WANG)
        live.clock.advance(1_000)
        assert live.room.hub.core.time_left_ms(session) == DURATION_MS - 11_000

    run(world, scene)


def test_the_end_closes_sessions_that_never_began(world: RoomWorld) -> None:
    """Who logged in without being present is absent in the results."""

    async def scene(live: LiveRoom) -> None:
        waiting = await live.logged_in(2)
        await waiting.attach()
        await live.start()
        driver = await live.writing(1)
        await driver.save(builders.response_recorded("i1.1", "B"))
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        assert (await driver.expect(End)).reason == "proctor"
        await driver.submit(SubmitReason.PROCTOR)
        recipient = builders.recipient()

        def make() -> bytes:
            room = live.room
            return export_results(
                room.store, room.folder, room.trail, actors=("zhao",), recipients=[recipient]
            )

        bundle = await live.room.hub.steering.export(make)
        manifest, content = open_results(
            bundle, builders.GRADING_IDENTITY, live.room.folder.centre()
        )
        counts = manifest.counts
        assert (counts.rostered, counts.submitted, counts.unsubmitted, counts.absent) == (
            4,
            1,
            0,
            3,
        )
        (session,) = content.sessions
        assert session.segments[0].frames == tuple(driver.frames[driver.segment_id])
        assert live.room.hub.state.clock.state is SittingState.CLOSED
        await driver.send_frames(driver.segment_id, 0)
        assert (await driver.expect(Refused)).code == "sitting.state"
        assert await live.room.hub.steering.export(make) == bundle

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
        protocol=1,
        session_id=driver.log_in_reply.session_id,
        token=driver.log_in_reply.token,
        segment_id=driver.segment_id,
        held=(),
    )


def test_the_package_is_sent_once_and_known_by_its_digest(world: RoomWorld) -> None:
    """A kiosk that has it gets 304."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.kiosk()
        reply = await driver.get("/v1/package")
        tag = reply.headers["etag"]
        assert reply.content == world.delivery.package
        assert tag == f'"{live.room.hub.state.package_sha256}"'
        assert (await driver.get("/v1/package", {"If-None-Match": tag})).status_code == 304
        assert (await driver.room()).package_sha256 == tag.strip('"')

    run(world, scene)


def test_the_kiosk_port_takes_only_allowed_certificates(world: RoomWorld) -> None:
    """No certificate, TLS 1.2, a voided certificate: refused; at the console port none is asked."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.kiosk()
        bare = KioskDriver(driver.seat_id, live.room.folder.authority_file)
        bare.kiosk_url = live.kiosk_url
        with pytest.raises(httpx2.TransportError):
            await bare.get("/v1/room")
        old = ssl.create_default_context(cafile=live.room.folder.authority_file)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        bare.context = old
        for url in (live.kiosk_url, live.console_url):
            bare.kiosk_url = url
            with pytest.raises(httpx2.TransportError):
                await bare.get("/v1/room")

        newer = await live.kiosk()
        assert (await newer.get("/v1/room")).status_code == 200
        voided = await driver.get("/v1/room")
        assert (voided.status_code, code_of(voided)) == (403, "kiosk.unknown")
        assert code_of(await newer.get("/v1/nothing")) == "page.missing"

    run(world, scene)


def test_the_seat_map_is_told_what_changes(world: RoomWorld) -> None:
    """First everything, then patches with the seats that changed."""

    async def scene(live: LiveRoom) -> None:
        context = ssl.create_default_context(cafile=live.room.folder.authority_file)
        headers = {"Origin": live.console_url}
        async with httpx2.AsyncClient(
            base_url=live.console_url, verify=context, headers=headers
        ) as http:
            form = {"name": "wang", "password": PASSWORD, "next": "/"}
            assert (await http.post("/log-in", data=form)).status_code == 303
            async with http.stream("GET", "/proctor/events") as events:
                assert events.headers["content-type"].startswith("text/event-stream")
                patches = patches_of(events)
                first = await anext(patches)
                assert first["room"]["state"] == "prepared"
                assert [seat["seat_id"] for seat in first["seats"]] == ["A01", "A02", "A03", "A04"]
                await live.logged_in(2)
                seats: list[dict[str, Any]] = []
                while not any(seat["has_session"] for seat in seats):
                    seats = (await anext(patches)).get("seats", [])
                assert [seat["seat_id"] for seat in seats] == ["A02"]

    run(world, scene)


async def patches_of(events: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """The patches in a stream of events."""
    async for line in events.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_enrolment_needs_the_code_of_the_seat(world: RoomWorld) -> None:
    """A wrong code, another protocol, and a body that is none."""

    async def scene(live: LiveRoom) -> None:
        driver = KioskDriver(builders.candidate(1).seat_id, live.room.folder.authority_file)
        assert code_of(await driver.enrol(live.console_url, "00000000")) == "enrol.code"
        async with httpx2.AsyncClient(
            verify=ssl.create_default_context(cafile=live.room.folder.authority_file)
        ) as http:
            reply = await http.post(f"{live.console_url}/v1/enrol", content=b"{}")
        assert (reply.status_code, code_of(reply)) == (400, "protocol.malformed")

    run(world, scene)


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
