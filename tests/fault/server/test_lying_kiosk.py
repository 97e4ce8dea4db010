"""An enrolled kiosk lies: each lie is refused with a code and counted, nobody else notices."""

import asyncio
import logging
import secrets
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from exam_core import limits as core_limits
from exam_core.crypto.signing import Signer, generate_signing_key
from exam_core.formats.journal import SegmentWriter
from exam_core.formats.journal_entries import encode_entry
from exam_core.model.identifiers import SegmentId, SessionId
from exam_core.protocol import VERSION
from exam_core.protocol.messages import (
    Attach,
    Heartbeat,
    HeldFrames,
    KioskMessage,
    Refused,
    Save,
    Stage,
    Submit,
)
from exam_server import limits
from exam_server.pacing import Pace
from exam_server.room.web import kiosk_socket
from exam_server.store.frames import RefusedFrameRow
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import closed_with, run, session_of, stored, until

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert [one.getMessage() for one in caplog.records if one.exc_info] == []


async def _two(live: LiveRoom) -> tuple[KioskDriver, KioskDriver]:
    """A liar at A01 and an honest kiosk at A02; both have saved."""
    await live.start()
    liar, honest = await live.writing(1), await live.writing(2)
    await liar.save(builders.response_recorded("i1.1"))
    await honest.save(builders.response_recorded("i1.1"))
    return liar, honest


def _alarms(live: LiveRoom) -> list[tuple[str, str]]:
    return [(one.seat_id, one.code) for one in live.room.hub.state.alarms]


def test_each_lie_is_refused_with_its_code_and_the_truth_goes_on(world: RoomWorld) -> None:
    """Gaps, other bytes, others' segments, giant places, wrong receipts; a sound save follows."""

    async def scene(live: LiveRoom) -> None:
        liar, honest = await _two(live)
        own, others = liar.segment_id, honest.segment_id
        frames = list(liar.frames[own])
        last = frames[-1]
        nobody = SegmentId(secrets.token_hex(16))
        lies: list[tuple[KioskMessage, str]] = [
            (Save(segment_id=own, first_seq=9, frames=(last,)), "journal.gap"),
            (
                Save(segment_id=own, first_seq=core_limits.journal_frames_max, frames=(last,)),
                "journal.gap",
            ),
            (Save(segment_id=own, first_seq=1, frames=(last[:-1] + b"\x00",)), "journal.conflict"),
            (Save(segment_id=own, first_seq=2, frames=(b"",)), "journal.frame"),
            (Save(segment_id=own, first_seq=2, frames=(last,)), "journal.gap"),
            (Save(segment_id=others, first_seq=2, frames=(last,)), "journal.gap"),
            (Save(segment_id=nobody, first_seq=0, frames=(last,)), "journal.gap"),
            (Submit(segment_id=own, seq=1, receipt="0" * 40), "submit.no_entry"),
            (Submit(segment_id=own, seq=99, receipt="0" * 40), "journal.gap"),
            (Submit(segment_id=others, seq=1, receipt="0" * 40), "journal.gap"),
        ]
        for lie, _ in lies:
            await liar.send(lie)
        told = [(await liar.expect(Refused)).code for _ in lies]
        assert told == [code for _, code in lies]
        counts = live.room.hub.misconduct.counts
        for code in set(told):
            assert counts["A01", code] == told.count(code)
        await liar.save(builders.response_recorded("i2.1", "A"))
        await honest.save(builders.response_recorded("i2.1", "A"))
        assert stored(live, liar) == liar.frames[own]
        assert stored(live, honest) == honest.frames[others]
        await until(lambda: ("A01", "journal.conflict") in _alarms(live))
        assert {seat for seat, _ in _alarms(live)} == {"A01"}
        assert len(_alarms(live)) == len(set(_alarms(live)))

    run(world, scene)


def test_another_kiosks_signature_counts_for_nothing(world: RoomWorld) -> None:
    """A frame that the enrolled kiosk did not sign is flagged or refused, and alarms."""

    async def scene(live: LiveRoom) -> None:
        liar, honest = await _two(live)
        assert liar.begin
        forger = SegmentWriter(
            liar.begin.journal_key, liar.segment_id, Signer(generate_signing_key())
        )
        forged = [
            forger.append(encode_entry(builders.response_recorded("i1.1", letter)))
            for letter in "ABCD"
        ]
        before = liar.frames[liar.segment_id]
        for frame in forged[2:]:
            await liar.send(
                Save(segment_id=liar.segment_id, first_seq=len(before), frames=(frame,))
            )
            refused = await liar.expect(Refused)
            assert refused.code.startswith(("journal.", "checking."))
        assert stored(live, liar) == before
        await honest.save(builders.response_recorded("i2.1", "A"))
        await until(lambda: any(seat == "A01" for seat, _ in _alarms(live)))

    run(world, scene)


def test_nobody_attaches_to_what_is_not_his(world: RoomWorld) -> None:
    """Another's session with its token, a false token, thousands of segments, false heads."""

    async def scene(live: LiveRoom) -> None:
        liar, honest = await _two(live)
        assert liar.log_in_reply
        assert honest.log_in_reply
        await liar.close()
        other, mine = honest.log_in_reply, liar.log_in_reply
        many = tuple(
            HeldFrames(segment_id=SegmentId(secrets.token_hex(16)), frames=0, head=b"")
            for _ in range(core_limits.session_segments_max + 1)
        )

        def attach(session_id: SessionId, token: str, held: tuple[HeldFrames, ...] = ()) -> Attach:
            return Attach(
                protocol=VERSION,
                session_id=session_id,
                token=token,
                segment_id=liar.segment_id,
                held=held,
            )

        for message, code in [
            (attach(other.session_id, other.token), "session.token"),
            (attach(mine.session_id, "false"), "session.token"),
            (attach(SessionId("nobody's"), mine.token), "session.token"),
            (attach(mine.session_id, mine.token, many), "journal.segments"),
        ]:
            await liar._connect()
            await liar.send(message)
            assert (await liar.expect(Refused)).code == code
            assert await closed_with(liar) == 4400
        await liar.reattach()
        await honest.save(builders.response_recorded("i2.1", "A"))
        assert session_of(live, honest).connection is not None

    run(world, scene)


def test_thousands_of_refused_frames_are_slowed_and_their_evidence_is_bounded(
    world: RoomWorld,
) -> None:
    """The seat's connection is closed after a hundred; one alarm, and few are kept."""

    async def scene(live: LiveRoom) -> None:
        liar, honest = await _two(live)
        rounds = 0

        async def lie() -> None:
            nonlocal rounds
            while rounds < 8:
                first = len(stored(live, liar))
                try:
                    await liar.reattach()
                    for number in range(400):
                        frame = secrets.token_bytes(200) + number.to_bytes(2)
                        await liar.send(
                            Save(segment_id=liar.segment_id, first_seq=first, frames=(frame,))
                        )
                    assert await closed_with(liar) == 1013
                except ConnectionClosed:
                    pass
                rounds += 1

        lying = asyncio.create_task(lie())
        saves = 0
        while not lying.done():
            await honest.save(builders.response_recorded("i1.1", "ABCD"[saves % 4]))
            saves += 1
        await lying
        assert saves >= rounds
        counts = live.room.hub.misconduct.counts
        refused = sum(count for (_, code), count in counts.items() if code.startswith("journal."))
        assert 100 <= refused < 8 * 400 / 2
        await until(lambda: ("A01", "net.refusals") in _alarms(live))
        assert _alarms(live).count(("A01", "net.refusals")) == 1
        with live.room.store.transaction() as db:
            assert db.query(RefusedFrameRow).count() <= limits.evidence_segment_max
        assert session_of(live, honest).connection is not None

    run(world, scene)


def test_floods_of_small_messages_end_the_connection(world: RoomWorld) -> None:
    """Heartbeats and stages by the thousand: refused with a code, then closed; it may come."""

    async def scene(live: LiveRoom) -> None:
        liar, honest = await _two(live)
        try:
            for number in range(2_000):
                await liar.send(Heartbeat(unsynced=number))
                await liar.send(Stage(stage="rules_read"))
            assert await closed_with(liar) == 1013
        except ConnectionClosed:
            pass
        assert live.room.hub.misconduct.counts["A01", "net.pace"] >= 100
        await honest.save(builders.response_recorded("i2.1", "A"))
        await liar.reattach()

    run(world, scene)


def test_attaching_again_and_again_is_slowed(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A burst at once, then so many a second; the other seat saves on. The pace is shortened."""
    monkeypatch.setattr(kiosk_socket, "SEAT", Pace("seat", 10, 1.0))

    async def scene(live: LiveRoom) -> None:
        liar, honest = await _two(live)
        refused = 0
        for number in range(45):
            try:
                await liar.reattach()
            except ConnectionClosed:
                refused += 1
            except InvalidStatus as error:
                refused += error.response.status_code == 403
            if number % 10 == 0:
                await honest.save(builders.response_recorded("i1.1", "ABCD"[number % 4]))
        assert refused
        await until(lambda: ("A01", "net.pace") in _alarms(live))
        assert session_of(live, honest).connection is not None

    run(world, scene)
