"""Only what the enrolled kiosk of a seat signed counts, in the room and in what leaves it."""

import asyncio

from exam_core.crypto.signing import Signer
from exam_core.formats.journal import SegmentWriter, receipt_of
from exam_core.formats.journal_entries import encode_entry
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SessionState
from exam_core.protocol.messages import Refused, Save, Submit
from exam_server.room.services.results_collecting import collect_sessions
from exam_server.store import frames as frame_tables
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom, live_room
from tests.support.room_world import RoomWorld
from tests.support.scenes import session_of, until

STRANGER = Signer(builders.STRANGER)


def forger_of(driver: KioskDriver) -> SegmentWriter:
    """Somebody with the session's journal key, at the kiosk's place, without the kiosk's key."""
    assert driver.begin
    assert driver.writer
    forger = SegmentWriter(driver.begin.journal_key, driver.segment_id, STRANGER)
    forger.seq, forger.head = driver.writer.seq, driver.writer.head
    return forger


def moved(driver: KioskDriver, live: LiveRoom) -> None:
    """The kiosk finds the server at its new port."""
    driver.kiosk_url = live.kiosk_url
    live.drivers.append(driver)


def test_frames_that_another_signed_are_found_out_and_end_their_segment(world: RoomWorld) -> None:
    """They keep their places and get a flag; the kiosk's own frame is kept aside, and goes on anew.

    What the kiosk had signed before counts as always.
    """

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            await driver.save(builders.response_recorded("i1.1"))
            forger = forger_of(driver)
            answers = [builders.response_recorded("i2.1"), builders.response_recorded("i3.1")]
            forged = [forger.append(encode_entry(one)) for one in answers]

            await driver.send(Save(segment_id=driver.segment_id, first_seq=2, frames=tuple(forged)))

            refused = await driver.expect(Refused)  # a second later, at most
            assert (refused.code, refused.seq) == ("journal.signature", 2)
            state = live.room.hub.state
            assert state.known_flags == {
                (driver.segment_id, 2, "journal.signature"),
                (driver.segment_id, 3, "journal.signature"),
            }
            await until(lambda: [one.code for one in state.alarms] == ["journal.signature"])

            assert driver.writer
            own = driver.writer.append(encode_entry(builders.response_recorded("i2.1", "B")))
            await driver.send(Save(segment_id=driver.segment_id, first_seq=2, frames=(own,)))
            assert (await driver.expect(Refused)).code == "journal.conflict"
            await until(lambda: _refused_frames(live) == 1)
            more = forger.append(encode_entry(builders.response_recorded("i1.1", "B")))
            await driver.send(Save(segment_id=driver.segment_id, first_seq=4, frames=(more,)))
            assert (await driver.expect(Refused)).code == "journal.signature"
            await until(lambda: _refused_frames(live) == 2)
            assert session_of(live, driver).ledgers[driver.segment_id].durable == 4

            driver.begin = None
            await driver.attach()
            await driver.wait_begin()
            await driver.save()
            await driver.submit()
            await until(lambda: bool(session_of(live, driver).receipt))

    asyncio.run(play())


def test_a_signature_answers_for_the_frames_before_it(world: RoomWorld) -> None:
    """A frame whose chain the kiosk signed on counts, whoever made it: as at the grading site."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            forger = forger_of(driver)
            frames = [forger.append(encode_entry(builders.response_recorded("i1.1")))]
            forger._signer = Signer(driver.signing_key)
            frames.append(forger.append(encode_entry(builders.response_recorded("i2.1"))))

            await driver.send(Save(segment_id=driver.segment_id, first_seq=1, frames=tuple(frames)))

            ledger = session_of(live, driver).ledgers[driver.segment_id]
            await until(lambda: ledger.answered == 3)
            assert not live.room.hub.state.known_flags

    asyncio.run(play())


def test_a_submit_entry_that_another_signed_closes_nothing(world: RoomWorld) -> None:
    """It gets no receipt: its signature is looked at before the session closes."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            forged = forger_of(driver).append(encode_entry(builders.session_submitted()))
            await driver.send(Save(segment_id=driver.segment_id, first_seq=1, frames=(forged,)))
            await driver.send(
                Submit(segment_id=driver.segment_id, seq=1, receipt=receipt_of(forged))
            )

            assert (await driver.expect(Refused)).code == "journal.signature"

            await live.room.hub.core.finish()
            session = session_of(live, driver)
            assert (session.receipt, session.submit_entry) == ("", None)
            assert session.state is SessionState.INTERACTING

    asyncio.run(play())


def _refused_frames(live: LiveRoom) -> int:
    with live.room.store.transaction() as db:
        return frame_tables.count_refused(db)


def test_frames_kept_unseen_count_up_to_the_kiosks_last_signature(world: RoomWorld) -> None:
    """What was sent while the paper was shut and is not the kiosk's gets its flag at the opening.

    A frame in between whose chain the kiosk signed later counts: the signature covers it.
    """

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
        async with live_room(world) as live:
            moved(driver, live)
            await driver.reattach()
            forger = forger_of(driver)
            frames = [forger.append(encode_entry(builders.response_recorded("i1.1")))]
            forger._signer = Signer(driver.signing_key)
            frames.append(forger.append(encode_entry(builders.response_recorded("i2.1"))))
            forger._signer = STRANGER
            frames += [
                forger.append(encode_entry(builders.response_recorded("i3.1"))) for _ in range(2)
            ]
            await driver.send(Save(segment_id=driver.segment_id, first_seq=1, frames=tuple(frames)))
            await until(lambda: session_of(live, driver).ledgers[driver.segment_id].durable == 5)

            await live.open()

            assert live.room.hub.state.known_flags == {
                (driver.segment_id, 3, "journal.signature"),
                (driver.segment_id, 4, "journal.signature"),
            }
            assert session_of(live, driver).tally.answered == 2
            own = forger.append(encode_entry(builders.session_submitted()))
            await driver.send(Save(segment_id=driver.segment_id, first_seq=5, frames=(own,)))
            assert (await driver.expect(Refused)).code == "journal.signature"

    asyncio.run(play())


def test_a_segment_keeps_the_key_of_the_kiosk_that_attached_it(world: RoomWorld) -> None:
    """It stands in the database, survives a restart, and travels with the results."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            await driver.submit()
            await until(lambda: bool(session_of(live, driver).receipt))
        async with live_room(world) as live:
            ledger = session_of(live, driver).ledgers[driver.segment_id]
            assert ledger.signing_key == driver.claimed_key
            with live.room.store.transaction() as db:
                (record,) = collect_sessions(db)
            (segment,) = record.segments
            assert (segment.seat_id, segment.signing_key) == (SeatId("A01"), driver.claimed_key)

    asyncio.run(play())
