"""A candidate changes machines: the old one is out, nothing is lost, no time is charged."""

from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from exam_core.errors import InputError, StateError
from exam_core.formats.journal import open_chain
from exam_core.formats.journal_entries import decode_entry
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from exam_core.model.identifiers import PartId, SeatId, SegmentId
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.messages import Refused, Restore, Save
from exam_core.protocol.orders import MOVED, Clock, End
from exam_server import limits
from exam_server.room.loading import load_room
from exam_server.store import frames as frame_tables
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import PASSWORD, RoomWorld, make_room
from tests.support.scenes import closed_with, code_of, run, state_of, until

A01, B01, B02 = SeatId("A01"), SeatId("B01"), SeatId("B02")
DURATION_MS = 5_400_000


@pytest.fixture
def world(tmp_path: Path) -> RoomWorld:
    """A room with four candidates and two spare seats."""
    return make_room(tmp_path / "data", spare_seats=("B01", "B02"))


async def swap(live: LiveRoom, seat_id: SeatId = A01, to: SeatId = B01, *more: str) -> None:
    """A proctor moves a candidate."""
    await live.room.hub.steering.swap_machine(
        ("wang", *more), seat_id=seat_id, to_seat_id=to, reason="屏幕坏了"
    )


async def go_on(live: LiveRoom, driver: KioskDriver, serial: int = 1) -> None:
    """The candidate logs in at the new machine, and presence is confirmed there."""
    reply = await driver.log_in(live.candidate(serial), live.room_code)
    assert reply.status_code == 200, reply.text
    await driver.attach()
    await live.room.hub.steering.mark_present(WANG, driver.seat_id)
    await driver.wait_begin()
    await driver.save()


def responses(live: LiveRoom, driver: KioskDriver) -> dict[PartId, object]:
    """What counts of the driver's session, from the database."""
    assert driver.begin is not None
    with live.room.store.transaction() as db:
        placed = [
            PlacedEntry(segment.epoch, seq, decode_entry(payload))
            for segment, frames in frame_tables.stream_segments(db)
            for seq, payload in enumerate(
                open_chain(
                    driver.begin.journal_key,
                    SegmentId(segment.segment_id),
                    frames,
                    segment.signing_key,  # type: ignore[arg-type]  # as it was stored
                )
            )
        ]
    return dict(merge_entries(placed).responses)


def test_answers_go_on_at_the_new_machine(world: RoomWorld) -> None:
    """All answers are there, the later ones win, and both are in one session."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        await old.save(
            builders.response_recorded("i1.1", "A"), builders.response_recorded("i2.1", "A")
        )
        await swap(live)

        assert (await old.expect(End)).reason == MOVED
        assert await closed_with(old) == 4400
        await go_on(live, new)
        restored = [one for one in new.seen if isinstance(one, Restore)]
        assert [one.segment_id for one in restored] == [old.segment_id]
        assert restored[0].frames == tuple(old.frames[old.segment_id])
        await new.save(builders.response_recorded("i1.1", "B"))

        found = responses(live, new)
        wanted = builders.response_recorded("i1.1", "B"), builders.response_recorded("i2.1", "A")
        assert found == {one.part_id: one.response for one in wanted}
        assert await new.submit()
        assert live.room.hub.state.seats[B01].session is not None

    run(world, scene)


def test_the_old_machine_is_out_at_once(world: RoomWorld) -> None:
    """Its token is void, nobody logs in there, and what it sends is refused."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        await swap(live)
        await closed_with(old)

        old.append(builders.response_recorded("i1.1", "C"))
        with pytest.raises(ConnectionClosed):
            await old.wait_saved()
        await refused(old, "session.token")
        again = await old.log_in(live.candidate(1), live.room_code)
        assert code_of(again) == "login.wrong_seat"
        await go_on(live, new)
        await refused(old, "session.token")
        assert responses(live, new) == {}

    run(world, scene)


async def refused(driver: KioskDriver, code: str) -> None:
    """Attaching is refused."""
    with pytest.raises(ConnectionClosed):
        await driver.attach(segment_id=driver.segment_id)
    assert [one.code for one in driver.seen if isinstance(one, Refused)][-1] == code


def test_the_former_machine_delivers_what_it_had_not_sent(world: RoomWorld) -> None:
    """Cut off, it goes on; after the swap its answers fill what the new seat did not answer."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        await old.save(builders.response_recorded("i1.1", "A"))
        await old.close()
        old.append(builders.response_recorded("i1.1", "C"))
        old.append(builders.response_recorded("i2.1", "C"))
        await swap(live)
        await go_on(live, new)
        await new.save(builders.response_recorded("i1.1", "B"))

        await refused(old, "session.token")
        old.seen.clear()
        attached = await old.deliver()
        assert list(attached.epochs) == [old.segment_id]
        await old.wait_saved()
        restored = await new.expect(Restore)
        assert (restored.segment_id, restored.first_seq) == (old.segment_id, 2)
        assert restored.frames == tuple(old.frames[old.segment_id][2:])
        wanted = builders.response_recorded("i1.1", "B"), builders.response_recorded("i2.1", "C")
        assert responses(live, new) == {one.part_id: one.response for one in wanted}
        assert not [one for one in old.seen if isinstance(one, (Clock, Restore))]

        assert await new.submit()
        old.append(builders.response_recorded("i2.1", "D"))
        await old.send_frames(old.segment_id, 4)
        await old.wait_saved()
        with live.room.store.transaction() as db:
            flags = frame_tables.read_flags(db)
        assert (old.segment_id, 4, "response.late") in flags

    run(world, scene)


def test_a_former_machine_ends_nothing(world: RoomWorld) -> None:
    """A submit entry that it made alone is kept aside: the candidate goes on at the new seat."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        await old.close()
        old.append(builders.response_recorded("i2.1", "C"))
        old.append(builders.session_submitted())
        await swap(live)
        await go_on(live, new)

        await old.deliver()
        assert (await old.expect(Refused)).code == "deliver.submit"
        session = live.room.hub.state.seats[B01].session
        assert session is not None
        await until(lambda: session.ledgers[old.segment_id].durable == 2)
        assert session.submit_entry is None
        await new.save(builders.response_recorded("i1.1", "B"))
        assert len(responses(live, new)) == 2
        assert await new.submit()

    run(world, scene)


def test_only_a_former_machine_delivers_only_its_own(world: RoomWorld) -> None:
    """Another kiosk, the present one, another's segment, another message, fixed results."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        other = await live.writing(2)
        assert old.log_in_reply is not None
        assert await delivery_refused(old) == "session.token", "it still is the present one"
        await swap(live)
        await go_on(live, new)
        await new.save(builders.response_recorded("i1.1", "B"))
        assert await delivery_refused(new) == "session.token"
        other.log_in_reply = old.log_in_reply
        assert await delivery_refused(other) == "session.token"

        await old.deliver()
        frames = tuple(new.frames[new.segment_id])
        await old.send(Save(segment_id=new.segment_id, first_seq=0, frames=frames))
        assert (await old.expect(Refused)).code == "journal.gap"
        await old.stage("confirmed")
        assert (await old.expect(Refused)).code == "protocol.malformed"
        assert await closed_with(old) == 4400

        opened, live.room.hub.state.opened = live.room.hub.state.opened, None
        assert await delivery_refused(old) == "saving.paper_shut"
        live.room.hub.state.opened = opened
        await old.deliver()
        live.room.hub.kiosks.revoked(
            next(iter(one for one in live.room.hub.state.kiosks.values() if one.seat_id == A01))
        )
        assert await closed_with(old) == 4403

    run(world, scene)


async def delivery_refused(driver: KioskDriver) -> str:
    """The code with which a delivery is refused."""
    with pytest.raises(ConnectionClosed):
        await driver.deliver()
    return [one.code for one in driver.seen if isinstance(one, Refused)][-1]


def test_no_working_time_is_charged_for_the_swap(world: RoomWorld) -> None:
    """The clock of this candidate stands from the swap until the paper is shown again."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        other = await live.writing(2)
        live.clock.advance(600_000)
        await swap(live)
        await closed_with(old)
        live.clock.advance(300_000)
        await go_on(live, new)

        assert new.begin is not None
        assert new.begin.time_left_ms == DURATION_MS - 600_000
        assert [one for one in new.seen if isinstance(one, Clock)][-1].extra_ms == 300_000
        await other.heartbeat()
        assert (await other.expect(Clock)).extra_ms == 0
        (line,) = [one for one in live.room.trail.lines() if b'"swap_time_returned"' in one]
        assert b'"away_ms":"300000"' in line

        live.clock.advance(DURATION_MS - 900_000)
        await live.room.hub.course.tick()
        assert (await other.expect(End)).reason == "time_up"
        assert state_of(live) is SittingState.RUNNING
        live.clock.advance(300_000)
        await live.room.hub.course.tick()
        assert (await new.expect(End)).reason == "time_up"

    run(world, scene)


def test_time_up_waits_for_a_candidate_between_machines(world: RoomWorld) -> None:
    """While a swap is under way time cannot run out; the proctor's end still closes."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old = await live.writing()
        await live.kiosk_at(B01)
        live.clock.advance(DURATION_MS - 1_000)
        await swap(live)
        await closed_with(old)
        live.clock.advance(3_600_000)
        await live.room.hub.course.tick()
        session = live.room.hub.state.seats[B01].session
        assert session is not None
        assert session.end_sent_at_ms is None

        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        live.clock.advance(limits.grace_ms)
        await live.room.hub.course.tick()
        await until(lambda: session.state is SessionState.CLOSED)

    run(world, scene)


def test_a_swap_outlives_a_restart_of_the_server(world: RoomWorld) -> None:
    """Between machines the server is restarted: seat, time and answers are as they were."""

    async def before(live: LiveRoom) -> None:
        await live.start()
        old = await live.writing()
        await old.save(builders.response_recorded("i1.1", "B"))
        await live.kiosk_at(B01)
        live.clock.advance(60_000)
        await swap(live)
        state, loaded = live.room.hub.state, load_room(live.room.store, live.clock)
        for seat_id in (A01, B01):
            held, now = loaded.seats[seat_id], state.seats[seat_id]
            assert (held.admission_number, held.name, held.is_present) == (
                now.admission_number,
                now.name,
                now.is_present,
            )
        assert loaded.seats[A01].is_spare

    async def after(live: LiveRoom) -> None:
        await live.open()
        new = await live.kiosk_at(B01)
        await go_on(live, new)
        assert new.begin is not None
        assert new.begin.time_left_ms == DURATION_MS - 60_000
        wanted = builders.response_recorded("i1.1", "B")
        assert responses(live, new) == {wanted.part_id: wanted.response}

    run(world, before)
    run(world, after)


def test_before_the_start_a_candidate_is_simply_seated_elsewhere(world: RoomWorld) -> None:
    """Also one who has not logged in; the paper comes as for everybody."""

    async def scene(live: LiveRoom) -> None:
        new = await live.kiosk_at(B01)
        await swap(live)
        await live.start()
        await go_on(live, new)
        assert new.begin is not None
        assert new.begin.time_left_ms == DURATION_MS
        assert live.room.hub.state.seats[A01].is_spare

    run(world, scene)


def test_nobody_is_present_at_a_seat_before_logging_in_there(world: RoomWorld) -> None:
    """Confirming everybody passes over who is on the way, and so does confirming the seat."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        await swap(live)
        await closed_with(old)
        steering = live.room.hub.steering
        assert await steering.mark_present(WANG, None) == 0
        with pytest.raises(StateError, match=r"presence\.no_session"):
            await steering.mark_present(WANG, B01)
        await go_on(live, new)

    run(world, scene)


def test_what_is_no_swap_is_refused(world: RoomWorld) -> None:
    """Each with its own code, and nothing has changed."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        writing = await live.writing()
        await live.kiosk(2)
        steering = live.room.hub.steering
        for seat_id, to, reason, kind, code in (
            ("A01", "B01", "坏", StateError, "swap.target"),  # no kiosk is enrolled there
            ("A01", "A02", "坏", StateError, "swap.target"),  # somebody sits there
            ("A01", "A01", "坏", StateError, "swap.target"),
            ("A01", "Z9", "坏", StateError, "swap.target"),
            ("Z9", "B01", "坏", InputError, "seat.unknown"),
            ("B01", "B02", "坏", InputError, "seat.unknown"),  # nobody sits there
            ("A01", "B01", "", InputError, "swap.reason"),
        ):
            with pytest.raises(kind, match=code.replace(".", r"\.")):
                await steering.swap_machine(
                    ("wang",), seat_id=SeatId(seat_id), to_seat_id=SeatId(to), reason=reason
                )
        await live.kiosk_at(B01)
        await writing.submit()
        with pytest.raises(StateError, match=r"swap\.closed"):
            await swap(live)
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        with pytest.raises(StateError, match=r"sitting\.state"):
            await swap(live, SeatId("A02"))

    run(world, scene)


def test_many_swaps_take_two_people(world: RoomWorld) -> None:
    """After three by one person the page sends to the pairs, where another confirms."""

    async def scene(live: LiveRoom) -> None:
        for seat_id in (A01, B01, B02):
            await live.kiosk_at(seat_id)
        for seat_id, to in ((A01, B01), (B01, B02), (B02, A01)):
            await swap(live, seat_id, to)
        fields = {"seat_id": "A01", "to_seat_id": "B01", "reason": "又坏了"}
        async with live.signed_in("wang") as first, live.signed_in("zhang") as second:
            assert code_of(await first.post("/proctor/swap", data=fields)) == "swap.many"
            asked = await first.post("/pairs/swap", data={**fields, "password": PASSWORD})
            assert asked.status_code == 200, asked.text
            facts = {
                "request_id": asked.json()["request_id"],
                "digest": asked.json()["digest"],
                "password": PASSWORD,
            }
            assert (await first.post("/pairs/confirm", data=facts)).status_code == 409
            done = await second.post("/pairs/confirm", data=facts)
            assert done.status_code == 200, done.text
        assert not live.room.hub.state.seats[B01].is_spare
        (line,) = [
            one
            for one in live.room.trail.lines()
            if b'"machine_swapped"' in one and "又坏了".encode() in one
        ]
        assert b'"actors":["wang","zhang"]' in line

    run(world, scene)


def test_the_page_swaps(world: RoomWorld) -> None:
    """One click for one person, and the map shows who sits where."""

    async def scene(live: LiveRoom) -> None:
        await live.kiosk_at(B01)
        fields = {"seat_id": "A01", "to_seat_id": "B01", "reason": "键盘坏了"}
        async with live.signed_in("wang") as http:
            assert (await http.post("/proctor/swap", data=fields)).status_code == 200
            seats = (await http.get("/proctor/state")).json()["seats"]
        by_seat = {seat["seat_id"]: seat for seat in seats}
        assert by_seat["B01"]["name"] == live.candidate(1).name
        assert (by_seat["A01"]["is_spare"], by_seat["A01"]["status"]) == (True, "备用，未登记")

    run(world, scene)
