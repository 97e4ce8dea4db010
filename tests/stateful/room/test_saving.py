"""What the server takes of a Save, what it refuses, and when it acknowledges."""

import asyncio

from exam_core.model.identifiers import SegmentId
from exam_core.model.states import SittingEvent
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from exam_core.protocol.messages import (
    CommitProof,
    HeldFrames,
    Refused,
    Save,
    Saved,
)
from exam_server.room.saving.writer import Batch, FrameWriter
from exam_server.store import frames as frame_tables
from exam_server.store.engine import Store
from exam_server.store.frame_log import FrameLog
from tests.support import builders
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import flags, run, session_of, stored, until


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
                return frame_tables.count_refused(db) == 1

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


def test_frames_of_a_session_that_has_not_begun_are_refused(world: RoomWorld) -> None:
    """No journal key yet: not before the opening, nor before presence, nor when found absent."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.logged_in()
        await driver.attach()
        hub = live.room.hub

        async def is_refused() -> None:
            forged = builders.frames(b"{}", key=bytes(32), segment_id=driver.segment_id)
            await driver.send(Save(segment_id=driver.segment_id, first_seq=0, frames=(forged[0],)))
            refused = await driver.expect(Refused)
            assert (refused.code, refused.seq) == ("session.state", 0)
            assert not stored(live, driver)
            assert not len(session_of(live, driver).unchecked)

        await is_refused()
        await live.start()
        await is_refused()
        await hub.course.change_sitting(SittingEvent.END, WANG)
        await is_refused()

    run(world, scene)


def test_a_commit_for_many_kiosks_is_signed_once(world: RoomWorld) -> None:
    """Whatever is queued while the disk works is one transaction and one signature."""

    async def play() -> None:
        store = Store(world.folder.database_url())
        acks = AckBook(builders.CENTRE_KEY, sitting_id=builders.SITTING_ID, boot=1)
        writer = FrameWriter(store, FrameLog({}), acks, lambda _: None)
        given: dict[int, CommitProof | None] = {}
        kiosks = 100

        def put(number: int) -> None:
            held = HeldFrames(segment_id=SegmentId(f"{number:032x}"), frames=number, head=bytes(32))
            writer.put(
                Batch(
                    frames=(),
                    flags=((f"{number:032x}", 0, "x"),),
                    on_durable=lambda proof: given.update({number: proof}),
                    acknowledged=Acknowledged(builders.SESSION_ID, held) if number else None,
                )
            )

        for number in range(kiosks + 1):
            put(number)
        writer.start()
        await writer.stop()
        store.close()

        assert given.pop(0) is None  # flags alone acknowledge nothing
        proofs = [proof for proof in given.values() if proof is not None]
        assert writer.commits == 1
        assert len(proofs) == kiosks
        assert len({proof.signature for proof in proofs}) == 1

    asyncio.run(play())
