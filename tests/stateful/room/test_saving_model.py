"""The save path against a simple model: a list of frames for each segment.

Kiosk, store, writer's thread and hub are real; only sockets and time are left out. Restarts, full
disks, repeats, gaps and forgeries come in any order.
"""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection as DatabaseConnection

from exam_core.crypto.signing import Signer
from exam_core.errors import StorageError
from exam_core.formats.journal import (
    SegmentWriter,
    derive_journal_key,
    first_head,
    next_head,
    receipt_of,
)
from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    SessionSubmitted,
    encode_entry,
)
from exam_core.formats.journal_reading import FormShape
from exam_core.model.identifiers import FormNumber, PartId, SeatId, SegmentId
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol import VERSION
from exam_core.protocol.http import LogInRequest
from exam_core.protocol.messages import (
    Attach,
    Attached,
    HeldFrames,
    Refused,
    Save,
    Saved,
    ServerMessage,
    Submit,
    decode_server_message,
)
from exam_server.folder import STORAGE_FULL
from exam_server.room.folder import RoomFolder
from exam_server.room.live import Connection, LiveSession
from exam_server.room.serve import build_room, open_store
from exam_server.room.services.enrolment import EnrolledKiosk
from exam_server.room.services.opening import OpenedPaper
from exam_server.room.web.context import RoomContext
from exam_server.room.web.kiosk_socket import Outbox
from exam_server.store import frames as frame_tables
from exam_server.store import room as tables
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.fake_clock import FakeClock
from tests.support.live_room import WANG
from tests.support.postgres_server import name_of, new_database
from tests.support.room_world import RoomWorld
from tests.support.scale import times

_T = TypeVar("_T")
SEAT = SeatId("A01")
KIOSK = EnrolledKiosk(
    fingerprint="f1" * 32,
    seat_id=SEAT,
    signing_key=builders.KIOSK.public_key,
    enrolled_by="li",
    issued_utc_ms=0,
)
SECRET = bytes(range(32))
PARTS = ("i1.1", "i2.1", "elsewhere")
FORGED_PART = "i3.1"  # what a forged answer replaced is shown as open, so nothing else answers it


class _SometimesFull:
    """The real store, whose commit waits when told to, and fails when the disk is full."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.commits_until_full: int | None = None
        self.has_begun, self.may_go = threading.Event(), threading.Event()
        self.may_go.set()

    @contextmanager
    def connection(self) -> Iterator[DatabaseConnection]:
        self.has_begun.set()
        assert self.may_go.wait(20)
        with self._store.connection() as connection:
            yield connection
            if self.commits_until_full == 0:
                raise StorageError(STORAGE_FULL, "磁盘已满")
            if self.commits_until_full:
                self.commits_until_full -= 1


class SavingMachine(RuleBasedStateMachine):
    """One candidate's kiosk and the server."""

    world: ClassVar[RoomWorld]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.place = Path(tempfile.mkdtemp(prefix="saving-model-"))
        self.folder = RoomFolder(self.place / "data")
        shutil.copytree(self.world.folder.path, self.folder.path)
        config = self.folder.config()
        if config.database_url.startswith("postgresql"):  # a copy, as the folder is one
            url = new_database(config.database_url, name_of(config.database_url))
            self.folder.write_config(msgspec.structs.replace(config, database_url=url))
        self.clock = FakeClock()
        self.frames: dict[SegmentId, list[bytes]] = {}
        self.entries: dict[SegmentId, list[Entry | None]] = {}  # None: another key signed it
        self.acked: dict[SegmentId, int] = {}
        self.writer: SegmentWriter
        self.session: LiveSession
        self.connection: Connection
        self.outbox: Outbox
        self.segments = 0
        self.is_submitted = False

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run in the machine's loop."""
        return self.loop.run_until_complete(work)

    # The server

    def start_server(self) -> None:
        """A new process with what the database has."""
        self.store = open_store(self.folder)
        self.room: RoomContext = build_room(self.folder, self.store, self.clock)
        self.disk = _SometimesFull(self.store)
        self.room.hub.writer._store = self.disk  # type: ignore[assignment]
        self.life: AbstractAsyncContextManager[None] = self.room.hub.life()
        self.run(self.life.__aenter__())

    def stop_server(self) -> None:
        """The process ends."""
        self.run(self.life.__aexit__(None, None, None))
        self.store.close()

    async def open(self) -> None:
        """The paper is open in memory."""
        form = builders.form(1)
        shape = FormShape(
            parts={part.part_id: part for part in form.parts()},
            item_ids=frozenset(item.item_id for item in form.items),
        )
        seats = self.room.hub.state.seats.values()
        await self.room.hub.steering.paper_opened(
            OpenedPaper(
                manifest_sha256="ab" * 32,
                journal_secret=SECRET,
                identities={seat.form_number: builders.FORM_IDENTITY for seat in seats},
                shapes={seat.form_number: shape for seat in seats},
            )
        )

    async def settle(self) -> None:
        """Wait until all that was queued is written, answered and checked, signatures too."""
        await self.room.hub.catching_up.all_caught_up()
        while self.room.hub.writer._waiting_rows:  # noqa: ASYNC110  written by a thread
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self.room.hub.signatures.look()
        await self.room.hub.core.finish()

    # The kiosk

    async def attach(self, *, is_new: bool) -> None:
        """Connect with a new segment or the present one, and send what is missing."""
        if is_new:
            self.segments += 1
            segment_id = SegmentId(f"{self.segments:032x}")
            key = derive_journal_key(SECRET, self.session_id)
            self.writer = SegmentWriter(key, segment_id, builders.KIOSK)
            self.frames[segment_id] = []
            self.entries[segment_id] = []
            self.acked[segment_id] = 0
        self.outbox = Outbox()
        self.connection = Connection(KIOSK, self.outbox)
        self.session = await self.room.hub.kiosks.attach(
            self.connection,
            Attach(
                protocol=VERSION,
                session_id=self.session_id,
                token=self.token,
                segment_id=self.writer.segment_id,
                held=tuple(
                    HeldFrames(segment_id=one, frames=len(frames), head=_head(one, frames))
                    for one, frames in self.frames.items()
                    if one != self.writer.segment_id
                ),
            ),
        )
        (attached,) = [one for one in await self.received() if isinstance(one, Attached)]
        for held in attached.held:
            await self.save(held.segment_id, held.frames, self.frames[held.segment_id])
        if is_new:
            await self.append(
                builders.segment_started(session_id=self.session_id, form_number=self.form_number)
            )

    async def append(self, entry: Entry) -> None:
        """Journal an entry and send it."""
        segment_id = self.writer.segment_id
        self.frames[segment_id].append(self.writer.append(encode_entry(entry)))
        self.entries[segment_id].append(entry)
        await self.save(segment_id, len(self.frames[segment_id]) - 1, self.frames[segment_id])

    async def save(
        self, segment_id: SegmentId, first: int, frames: list[bytes]
    ) -> list[ServerMessage]:
        """Send frames from `first` on, and note what is acknowledged."""
        if frames[first:]:
            message = Save(segment_id=segment_id, first_seq=first, frames=tuple(frames[first:]))
            await self.room.hub.intake.save(self.session, message)
        return await self.received()

    async def received(self) -> list[ServerMessage]:
        """What the server sent; acknowledgements are checked and noted."""
        await self.settle()
        messages = [
            decode_server_message(data)
            for data in self.outbox.take_all()
            if isinstance(data, bytes)
        ]
        for message in messages:
            if isinstance(message, Saved):
                own = self.frames[message.segment_id][: message.frames]
                assert message.frames == len(own)
                assert message.head == _head(message.segment_id, own)
                self.acked[message.segment_id] = max(self.acked[message.segment_id], message.frames)
        return messages

    # Rules

    @initialize()
    def begin(self) -> None:
        """Log in, open, start, attach."""
        self.start_server()
        self.run(self._begin())

    async def _begin(self) -> None:
        first = self.world.roster[0]
        reply = await self.room.hub.kiosks.log_in(
            LogInRequest(
                admission_number=first.admission_number,
                id_number=first.id_number,
                room_code=self.room.hub.state.room_code,
            ),
            SEAT,
        )
        self.session_id, self.token = reply.session_id, reply.token
        self.form_number: FormNumber = self.room.hub.state.seats[SEAT].form_number
        with self.store.transaction() as db:
            row = tables.find_sitting(db)
            assert row is not None
            row.state = str(SittingState.OPENED)  # as the two people's transaction does
        await self.room.hub.steering.mark_present(WANG, SEAT)
        await self.open()
        await self.room.hub.course.change_sitting(SittingEvent.START, WANG)
        await self.attach(is_new=True)

    @rule(part=st.sampled_from(PARTS), letter=st.sampled_from("AB"))
    def answer(self, part: str, letter: str) -> None:
        """Record a response, perhaps for a part that is not on the form."""
        self.run(self.append(builders.response_recorded(part, letter)))

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Send frames again that may be held."""
        segment_id = data.draw(st.sampled_from(sorted(self.frames)))
        frames = self.frames[segment_id]
        first = data.draw(st.integers(0, len(frames)))
        self.run(self.save(segment_id, first, frames))

    @rule(ahead=st.integers(1, 3))
    def leave_a_gap(self, ahead: int) -> None:
        """Send a frame too early; it is refused."""
        segment_id = self.writer.segment_id
        held = self.session.ledgers[segment_id].frames
        forged = builders.frames(*[b"{}"] * (held + ahead + 1), segment_id=segment_id)
        messages = self.run(self.save(segment_id, held + ahead, forged))
        assert [one.code for one in messages if isinstance(one, Refused)] == ["journal.gap"]

    @rule()
    def forge(self) -> None:
        """Send other bytes at the last held place."""
        segment_id = self.writer.segment_id
        held = self.session.ledgers[segment_id].frames
        if held:
            forged = builders.frames(*[b"{}"] * held, segment_id=segment_id)
            messages = self.run(self.save(segment_id, held - 1, forged))
            assert [one.code for one in messages if isinstance(one, Refused)] == [
                "journal.conflict"
            ]

    @precondition(lambda self: self.room.hub.state.opened is not None)
    @rule(count=st.integers(1, 3), submits=st.booleans())
    def sign_with_another_key(self, count: int, submits: bool) -> None:
        """Frames with the journal's key but not the kiosk's; the kiosk then starts anew."""
        self.run(self._forge_signatures(count, submits=submits))
        self.run(self.attach(is_new=True))

    async def _forge_signatures(self, count: int, *, submits: bool) -> None:
        segment_id = self.writer.segment_id
        held = self.frames[segment_id]
        if self.session.ledgers[segment_id].frames != len(held):
            return  # the kiosk itself has more to send
        entries: list[Entry] = [builders.response_recorded(FORGED_PART) for _ in range(count)]
        if submits:
            entries[-1] = builders.session_submitted()
        self.writer._signer = Signer(builders.STRANGER)
        forged = [self.writer.append(encode_entry(entry)) for entry in entries]
        first = len(held)
        held += forged
        self.entries[segment_id] += [None] * count
        messages = await self.save(segment_id, first, held)
        codes = [one.code for one in messages if isinstance(one, Refused)]
        assert "journal.signature" in codes
        assert self.session.ledgers[segment_id].answered == first
        more = self.writer.append(encode_entry(builders.response_recorded()))
        messages = await self.save(segment_id, len(held), [*held, more])
        codes = [one.code for one in messages if isinstance(one, Refused)]
        assert codes == ["journal.signature"]

    @rule()
    def restart_kiosk(self) -> None:
        """The kiosk starts again with a new segment."""
        self.run(self.attach(is_new=True))

    @rule()
    def cut_the_line(self) -> None:
        """The connection breaks and comes again."""
        self.run(self.attach(is_new=False))

    @rule(is_open=st.booleans())
    def restart_server(self, is_open: bool) -> None:
        """The server starts again; the paper is perhaps opened only later."""
        self.stop_server()
        self.start_server()
        if is_open:
            self.run(self.open())
        self.run(self.attach(is_new=False))

    @precondition(lambda self: self.room.hub.state.opened is None)
    @rule(is_full=st.booleans())
    def open_again(self, is_full: bool) -> None:
        """The two people come; the flags that are found then perhaps meet a full disk."""
        self.disk.commits_until_full = 0 if is_full else None
        self.run(self.open())
        self.run(self.settle())
        self.run(self.received())
        self.disk.commits_until_full = None
        self.run(self.attach(is_new=False))

    @rule(count=st.integers(2, 5), fails_at=st.integers(0, 2), submits=st.booleans())
    def burst(self, count: int, fails_at: int, submits: bool) -> None:
        """Several saves without waiting, the last perhaps hands in; the disk fills up meanwhile."""
        is_last = submits and not self.is_submitted
        self.is_submitted = self.is_submitted or is_last
        self.run(self._burst(count, fails_at, submits=is_last))
        self.a_receipt_is_for_a_frame_on_disk()
        self.disk.commits_until_full = None
        self.run(self.attach(is_new=False))

    async def _burst(self, count: int, fails_at: int, *, submits: bool) -> None:
        segment_id = self.writer.segment_id
        self.disk.commits_until_full = fails_at
        self.disk.may_go.clear()  # the first save is one commit, all others are the next
        self.disk.has_begun.clear()
        answers: list[Entry] = [builders.response_recorded("i1.1") for _ in range(count)]
        for entry in [*answers, builders.session_submitted()] if submits else answers:
            self.frames[segment_id].append(self.writer.append(encode_entry(entry)))
            self.entries[segment_id].append(entry)
            first = len(self.frames[segment_id]) - 1
            await self.room.hub.intake.save(
                self.session,
                Save(
                    segment_id=segment_id,
                    first_seq=first,
                    frames=(self.frames[segment_id][first],),
                ),
            )
            writer = self.room.hub.writer
            while writer._waiting_rows and not self.disk.has_begun.is_set():  # noqa: ASYNC110  a thread sets it
                await asyncio.sleep(0)
        self.disk.may_go.set()
        if submits:
            last = self.frames[segment_id][-1]
            place = len(self.frames[segment_id]) - 1
            self.room.hub.handing_in.submit(
                self.session,
                Submit(segment_id=segment_id, seq=place, receipt=receipt_of(last)),
            )
        await self.received()

    @rule(part=st.sampled_from(PARTS))
    def disk_full(self, part: str) -> None:
        """A save meets a full disk; it is not acknowledged, and comes again later."""
        before = dict(self.acked)
        self.disk.commits_until_full = 0
        self.run(self.append(builders.response_recorded(part)))
        assert self.acked == before
        self.disk.commits_until_full = None
        self.run(self.attach(is_new=False))

    @precondition(lambda self: not self.is_submitted)
    @rule()
    def submit(self) -> None:
        """Hand in; at most once."""
        self.is_submitted = True
        self.run(self.append(builders.session_submitted()))

    @invariant()
    def what_is_acknowledged_is_on_disk(self) -> None:
        """And what is on disk is what the kiosk wrote, from the start, without a gap."""
        for segment_id, frames in self.frames.items():
            with self.store.transaction() as db:
                held = frame_tables.read_frames(db, segment_id)
            assert held == frames[: len(held)]
            assert len(held) >= self.acked[segment_id]

    @invariant()
    def a_receipt_is_for_a_frame_on_disk(self) -> None:
        """Whoever has a receipt in the database has its submit entry there."""
        with self.store.transaction() as db:
            receipts = {row.receipt for row in tables.list_sessions(db) if row.receipt}
            held = {
                receipt_of(frame)
                for segment_id in self.frames
                for frame in frame_tables.read_frames(db, segment_id)
            }
        assert receipts <= held

    @invariant()
    def what_counts_is_what_the_model_counts(self) -> None:
        """Answered parts and the closing, once the paper is open."""
        if self.room.hub.state.opened is None:
            return
        answered: set[PartId] = set()
        flags: set[tuple[str, int, str]] = set()
        is_closed = False
        for segment_id, entries in self.entries.items():
            for seq, entry in enumerate(entries):
                is_right = not isinstance(entry, ResponseRecorded) or entry.part_id != "elsewhere"
                if is_closed:
                    flags.add((segment_id, seq, "response.after_end"))
                if entry is None:
                    flags.add((segment_id, seq, "journal.signature"))
                if not is_right:
                    flags.add((segment_id, seq, "response.unknown_part"))
                elif isinstance(entry, ResponseRecorded) and not is_closed:
                    answered.add(entry.part_id)
                is_closed = is_closed or isinstance(entry, SessionSubmitted)
        with self.store.transaction() as db:
            stored = frame_tables.read_flags(db)
        assert self.session.tally.answered == len(answered)
        assert (self.session.state is SessionState.CLOSED) == is_closed
        stored |= self.room.hub.intake.flags.owed  # written with the next save
        assert {flag for flag in stored if flag[2] != "response.late"} == flags

    def teardown(self) -> None:
        """End the server."""
        if hasattr(self, "life"):
            self.stop_server()
        self.loop.close()
        shutil.rmtree(self.place)


def _head(segment_id: SegmentId, frames: list[bytes]) -> bytes:
    head = first_head(segment_id)
    for frame in frames:
        head = next_head(head, frame)
    return head


@pytest.mark.parametrize(
    ("room", "examples"), [("prepared_room", times(40)), ("prepared_postgres_room", times(3))]
)
def test_saving_follows_the_model(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, room: str, examples: int
) -> None:
    """Whatever happens in whatever order, on both databases."""
    world: RoomWorld = request.getfixturevalue(room)
    monkeypatch.setattr(SavingMachine, "world", world, raising=False)
    run_state_machine_as_test(
        SavingMachine,
        settings=settings(max_examples=examples, stateful_step_count=25, deadline=None),
    )
