"""Takes Save messages: checks frames, queues them, and answers once they are durable.

Seal and chain are checked before a frame takes its place, the kiosk's signature after the commit
(`room.signatures`) and always before a session closes. Event loop only. What cannot take its
place in the chain is refused and kept aside; what is sound but impossible keeps its place,
flagged; either way the proctor sees an alarm and the connection goes on.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exam_core.errors import ExamError, IntegrityError, StateError, StorageError, declare
from exam_core.formats.journal import receipt_of
from exam_core.formats.journal_entries import SessionSubmitted
from exam_core.model.identifiers import SegmentId
from exam_core.model.states import (
    FIXED_STATES,
    SESSION_STATE,
    SITTING_STATE,
    SessionState,
)
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from exam_core.protocol.messages import (
    CommitProof,
    HeldFrames,
    Refused,
    Restore,
    Save,
)
from exam_server.clock import Clock
from exam_server.room.flags import Flags
from exam_server.room.live import (
    CLOSE_LATER,
    Deliverer,
    LiveSession,
    RoomState,
    SubmitEntry,
    UncheckedFrame,
)
from exam_server.room.saving.checking import AFTER_END, LATE
from exam_server.room.saving.evidence import Evidence
from exam_server.room.saving.ledger import JOURNAL_GAP, SegmentLedger
from exam_server.room.saving.writer import Batch, FrameWriter
from exam_server.room.signatures import Found, NewestFrame
from exam_server.room.taken import Taken, refused, restored, saved, unsigned

DELIVER_SUBMIT = declare(
    "deliver.submit", "换机前的机位另有交卷记录，未采用；考生以现机位为准，请技术人员知悉。"
)
PAPER_SHUT = declare(
    "saving.paper_shut", "试卷尚未重新启封，暂存已满；请两人尽快启封，考生机会自动补传。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeHooks:
    """What intake asks of the room; each call returns at once."""

    alarm: Callable[[LiveSession, str, str], None]
    pass_on: Callable[[LiveSession, Restore], None]  # delivered frames, to the present kiosk
    keep_refused: Callable[[SegmentId, int, bytes, str], None]
    close_submitted: Callable[[LiveSession], None]  # only if its submit entry is on disk, signed
    look_at_signature: Callable[[NewestFrame, bool], None]  # soon, or at once
    compare: Callable[[SegmentLedger, int, Sequence[bytes]], Awaitable[None]]  # with the disk's


class Intake:
    """The save path of the running room."""

    def __init__(
        self,
        state: RoomState,
        writer: FrameWriter,
        ack_book: AckBook,
        clock: Clock,
        hooks: IntakeHooks,
    ) -> None:
        self._state = state
        self._writer = writer
        self._ack_book = ack_book
        self._clock = clock
        self._hooks = hooks
        self._evidence = Evidence(hooks.keep_refused)
        self.flags = Flags(state, writer)

    def take(
        self, session: LiveSession, message: Save, *, delivered_by: Deliverer | None = None
    ) -> Coroutine[Any, Any, None] | None:
        """Take the next frames of a segment; the answer follows their commit.

        A former machine of the session delivers only what it signed itself, and no submit entry
        while the candidate goes on elsewhere: whatever stands after one does not count.

        Returns:
            What must be awaited before anything else of this source is taken; None when the
            frames were taken.
        """
        ledger = session.ledgers.get(message.segment_id)
        is_old = ledger and ledger.forgotten(message.first_seq, len(message.frames))
        if is_old or not self._writer.has_room:
            return self._take_later(session, message, delivered_by)
        try:
            self._save(session, message, delivered_by or session)
        except ExamError as error:
            self._refuse(session, message, delivered_by, error)
        return None

    async def save(
        self, session: LiveSession, message: Save, *, delivered_by: Deliverer | None = None
    ) -> None:
        """The same as `take`, for who can wait."""
        later = self.take(session, message, delivered_by=delivered_by)
        if later:
            await later

    async def _take_later(
        self, session: LiveSession, message: Save, delivered_by: Deliverer | None
    ) -> None:
        await self._writer.wait_for_room()
        source = delivered_by or session
        try:
            ledger = self._ledger(session, message, source)
            self._save(session, await self._without_old(ledger, message), source)
        except ExamError as error:
            self._refuse(session, message, delivered_by, error)

    def _refuse(
        self,
        session: LiveSession,
        message: Save,
        delivered_by: Deliverer | None,
        error: ExamError,
    ) -> None:
        source = delivered_by or session
        seq = error.facts.get("seq")
        if isinstance(error, StorageError):
            source.send(refused(error, message.segment_id, message.first_seq))
            connection = delivered_by or session.connection
            if connection:
                connection.close(CLOSE_LATER)
            return
        source.send(refused(error, message.segment_id, seq))
        if isinstance(error, IntegrityError):
            self._hooks.alarm(session, error.code, error.message)
            self._evidence.keep_named(message, error)

    def forged(self, session: LiveSession, ledger: SegmentLedger, found: Found) -> None:
        """Frames that are on disk do not bear the kiosk's signature: they do not count.

        They keep their places, flagged, and the segment takes nothing more. A submit entry among
        them is none.
        """
        ledger.is_ended = True
        session.tally.forget(epoch=ledger.epoch, from_seq=found.answered)
        entry = session.submit_entry
        if entry and entry.segment_id == ledger.segment_id and entry.seq >= found.answered:
            session.submit_entry = None
            session.wanted_receipt = ""
        error = unsigned(found.answered)
        session.send(refused(error, ledger.segment_id, found.answered))
        self._hooks.alarm(session, error.code, error.message)
        places = range(found.answered, found.frames)
        flags = {(str(ledger.segment_id), seq, error.code) for seq in places}
        self.flags.put(flags - self._state.known_flags)

    def check_held(
        self,
        session: LiveSession,
        frames: Sequence[UncheckedFrame],
        signed: Mapping[SegmentId, int],
    ) -> None:
        """Check frames that took their places unseen; called by `CatchingUp`, in their order."""
        taken = Taken(session)
        for one in frames:
            ledger = session.ledgers[one.segment_id]
            is_signed = one.seq < signed[one.segment_id]
            if self._examine(session, ledger, one, taken, is_signed=is_signed) is None:
                ledger.answered = max(ledger.answered, one.seq + 1)
        taken.flags = [flag for flag in taken.flags if flag not in self._state.known_flags]
        taken.note_entries(session)
        self.flags.put(set(taken.flags))
        for refusal in taken.refusals:
            self._hooks.alarm(session, refusal.code, refusal.message)

    def forget_uncommitted(self) -> None:
        """After a failed commit: go back to what is on disk; kiosks come again with the rest.

        Flags of frames that are on disk do not come again: they are owed until a later commit.
        """
        for session in self._state.sessions.values():
            self._forget_uncommitted_of(session)
            session.close_all(CLOSE_LATER)
        self.flags.must_repay()

    async def _without_old(self, ledger: SegmentLedger, message: Save) -> Save:
        """The Save without the frames that are on disk and no longer known by digest."""
        while count := ledger.forgotten(message.first_seq, len(message.frames)):
            await self._hooks.compare(ledger, message.first_seq, message.frames[:count])
            message = Save(
                segment_id=message.segment_id,
                first_seq=message.first_seq + count,
                frames=message.frames[count:],
            )
        return message

    def _forget_uncommitted_of(self, session: LiveSession) -> None:
        ledgers = session.ledgers
        for ledger in ledgers.values():
            ledger.forget_uncommitted()
            self.flags.forget_from(ledger)
        session.unchecked.keep(lambda one: one.seq < ledgers[one.segment_id].durable)
        entry = session.submit_entry
        if entry and entry.seq >= ledgers[entry.segment_id].durable:
            session.submit_entry = None

    def _ledger(
        self, session: LiveSession, message: Save, source: LiveSession | Deliverer
    ) -> SegmentLedger:
        """The ledger of a segment that the source may add to, now."""
        if not session.has_begun:
            raise StateError(SESSION_STATE, "该考生尚未开始作答", seq=message.first_seq)
        ledger = session.ledgers.get(message.segment_id)
        is_foreign = not isinstance(source, LiveSession) and (
            ledger is not None and ledger.signing_key != source.signing_key
        )
        if ledger is None or is_foreign:
            raise StateError(JOURNAL_GAP, "这一段作答记录没有登记", seq=message.first_seq)
        if self._state.clock.state in FIXED_STATES:
            raise StateError(SITTING_STATE, "考试结果已固定，不再接收作答")
        return ledger

    def _save(self, session: LiveSession, message: Save, source: LiveSession | Deliverer) -> None:
        ledger = self._ledger(session, message, source)
        frames = ledger.new_frames(message.first_seq, message.frames)
        if frames and ledger.is_ended:
            raise unsigned(ledger.frames)
        if self._writer.failure:
            raise self._writer.failure
        must_wait = self._state.opened is None or session.is_behind
        if must_wait and not session.unchecked.has_room_for(frames):
            raise StorageError(PAPER_SHUT, "启封之前不再接收该机位的作答")
        self.flags.repay()
        taken = Taken(source)
        now = self._clock.utc_ms()
        for frame in frames:
            one = UncheckedFrame(
                segment_id=ledger.segment_id, seq=ledger.frames, frame=frame, head=ledger.head
            )
            if not self._place(session, ledger, one, taken):
                break
            taken.rows.append((ledger.segment_no, one.seq, frame, now, ledger.head))
        self._queue(session, ledger, taken)

    def _place(
        self,
        session: LiveSession,
        ledger: SegmentLedger,
        one: UncheckedFrame,
        taken: Taken,
    ) -> bool:
        if self._state.opened is None or session.is_behind:
            session.unchecked.append(one)
            self._flag_late(session, ledger, one, taken)
        else:
            is_own = isinstance(taken.source, LiveSession)
            broken = self._examine(session, ledger, one, taken, is_signed=is_own)
            if broken:
                taken.source.send(taken.refusals.pop())
                self._hooks.alarm(session, broken.code, broken.message)
                self._evidence.keep(one.segment_id, one.seq, one.frame, broken.code)
                taken.flags = [flag for flag in taken.flags if flag[1] != one.seq]
                return False
        ledger.take(one.frame)
        return True

    def _examine(
        self,
        session: LiveSession,
        ledger: SegmentLedger,
        one: UncheckedFrame,
        taken: Taken,
        *,
        is_signed: bool,
    ) -> ExamError | None:
        """Note what the frame says and its flags; returns why it cannot take its place.

        `is_signed` as in `SegmentChecker.check`: what is delivered from elsewhere is passed on at
        once, so its signature is looked at here.
        """
        checker = self._state.checker_of(session, ledger.segment_id)
        assert checker is not None, "called with the paper open"  # noqa: S101  narrows
        try:
            checked = checker.check(one.frame, one.head, is_signed=is_signed)
            is_submit = isinstance(checked.entry, SessionSubmitted)
            source = taken.source
            if is_submit and not isinstance(source, LiveSession) and not source.takes_submit:
                raise StateError(DELIVER_SUBMIT, "换机前的机位另有交卷记录，未采用")
        except ExamError as error:
            taken.flags.append((one.segment_id, one.seq, error.code))
            taken.refusals.append(refused(error, one.segment_id, one.seq))
            return error
        taken.newest = NewestFrame(
            session=session, ledger=ledger, checker=checker, seq=one.seq, opened=checked.opened
        )
        is_after = self._flag_late(session, ledger, one, taken)
        if checked.refusal:
            code, message = checked.refusal
            taken.flags.append((one.segment_id, one.seq, code))
            taken.refusals.append(
                Refused(code=code, message=message, segment_id=one.segment_id, seq=one.seq)
            )
        elif checked.entry is not None and not is_after:
            taken.entries.append((checked.entry, ledger.epoch, one.seq))
            if isinstance(checked.entry, SessionSubmitted):
                taken.has_submit = True
                session.submit_entry = SubmitEntry(
                    epoch=ledger.epoch,
                    seq=one.seq,
                    segment_id=ledger.segment_id,
                    reason=checked.entry.reason,
                    receipt=receipt_of(one.frame),
                )
        return None

    def _flag_late(
        self,
        session: LiveSession,
        ledger: SegmentLedger,
        one: UncheckedFrame,
        taken: Taken,
    ) -> bool:
        entry = session.submit_entry
        if entry and (ledger.epoch, one.seq) > (entry.epoch, entry.seq):
            taken.flags.append((one.segment_id, one.seq, AFTER_END))
            taken.refusals.append(
                Refused(
                    code=AFTER_END,
                    message="交卷之后的作答不计入",
                    segment_id=one.segment_id,
                    seq=one.seq,
                )
            )
            return True
        is_new = one.seq >= ledger.frames  # not a frame that was loaded at the start
        if session.state is SessionState.CLOSED and is_new:
            taken.flags.append((one.segment_id, one.seq, LATE))
        return False

    def _queue(self, session: LiveSession, ledger: SegmentLedger, taken: Taken) -> None:
        if not taken.rows:
            if ledger.durable == ledger.frames:
                held = Acknowledged(session.session_id, ledger.durable_frames)
                (proof,) = self._ack_book.sign([held])
                taken.source.send(saved(held, proof))  # all held: a repeated Save is answered again
            return
        frames, head = ledger.frames, ledger.head
        held = Acknowledged(
            session.session_id,
            HeldFrames(segment_id=ledger.segment_id, frames=frames, head=head),
        )

        def on_durable(proof: CommitProof | None) -> None:
            ledger.committed(frames, head)
            taken.note_entries(session)
            for refusal in taken.refusals:
                taken.source.send(refusal)
                self._hooks.alarm(session, refusal.code, refusal.message)
            if any(code == LATE for _, _, code in taken.flags):
                self._hooks.alarm(session, LATE, "考试结束后仍传来作答，请核对后评卷")
            if proof is not None:
                taken.source.send(saved(held, proof))
            if not isinstance(taken.source, LiveSession):
                self._hooks.pass_on(session, restored(ledger.segment_id, taken))
            if taken.newest:
                self._hooks.look_at_signature(taken.newest, taken.has_submit)
            self._hooks.close_submitted(session)

        self._state.known_flags.update(taken.flags)
        self._writer.put(
            Batch(frames=taken.rows, flags=taken.flags, on_durable=on_durable, acknowledged=held)
        )
