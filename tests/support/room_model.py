"""The room as one kiosk sees it, without sockets: the protocol's server side in its simplest form.

Everything that it takes is "durable" at once. What a correct kiosk must never do is collected in
`violations`, which every test ends by comparing with the empty list.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import ExamError, InputError
from exam_core.formats.journal import (
    SegmentCipher,
    derive_journal_key,
    first_head,
    next_head,
    open_chain,
    receipt_of,
)
from exam_core.formats.journal_entries import Entry, SegmentStarted, SessionSubmitted, decode_entry
from exam_core.formats.journal_merge import PlacedEntry, SessionContent, merge_entries
from exam_core.formats.resume_file import resume_recipients
from exam_core.model.identifiers import FormNumber, SeatId, SegmentId, SessionId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import messages, orders
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from tests.support import builders

JOURNAL_SECRET = bytes(range(32))
SEAT = SeatId("A01")


@dataclass(slots=True)
class SessionModel:
    """One session as the server holds it."""

    session_id: SessionId
    form_number: FormNumber
    form_identity: SealingIdentity
    seat_id: SeatId = SEAT
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    state: SessionState = SessionState.INITIAL
    is_present: bool = False
    stages: list[str] = field(default_factory=list)
    epochs: dict[SegmentId, int] = field(default_factory=dict)
    frames: dict[SegmentId, list[bytes]] = field(default_factory=dict)
    receipt: str | None = None
    refuse_saves_with: str | None = None  # a fault that a test asks for
    mute_restores: bool = False  # the same: frames are never sent back
    violations: list[str] = field(default_factory=list)

    @property
    def journal_key(self) -> bytes:
        """The key of this session's journal."""
        return derive_journal_key(JOURNAL_SECRET, self.session_id)

    def placed(self) -> list[PlacedEntry]:
        """Every entry that the server has, with its place."""
        return [
            PlacedEntry(self.epochs[segment_id], seq, entry)
            for segment_id in self.frames
            for seq, entry in enumerate(self.entries(segment_id))
        ]

    def entries(self, segment_id: SegmentId) -> list[Entry]:
        """What one segment says."""
        payloads = self.open(segment_id, self.frames[segment_id])
        return [decode_entry(payload) for payload in payloads]

    def open(self, segment_id: SegmentId, frames: list[bytes]) -> list[bytes]:
        """The payloads of frames, signed by the kiosk that the first of them names."""
        if not frames:
            return []
        first = decode_entry(SegmentCipher(self.journal_key, segment_id).open(frames[0]).payload)
        if not isinstance(first, SegmentStarted):
            raise InputError("journal.entry", "首条不是段首")
        return open_chain(self.journal_key, segment_id, frames, first.kiosk_key)

    def content(self) -> SessionContent:
        """What counts."""
        return merge_entries(self.placed())

    def held(self, segment_id: SegmentId) -> messages.HeldFrames:
        """How far the server holds a segment."""
        frames = self.frames.get(segment_id, [])
        head = first_head(segment_id)
        for frame in frames:
            head = next_head(head, frame)
        return messages.HeldFrames(segment_id=segment_id, frames=len(frames), head=head)


class RoomModel:
    """The room's side of one sitting.

    Attributes:
        state: Where the sitting stands.
        time_left_ms: What is left, as a test sets it.
        extra_ms: What was granted, as a test sets it.
        boot: The start of the server that orders count in.
        counter: The last order.
        sessions: By session id.
        registers_held: Segments that a kiosk holds and the room does not know get an epoch.
    """

    def __init__(self) -> None:
        self.state = SittingState.OPENED
        self.time_left_ms = 3_600_000
        self.extra_ms = 0
        self.boot = 1
        self.counter = 0
        self.acks = AckBook(builders.CENTRE_KEY, sitting_id=builders.SITTING_ID, boot=1)
        self.sessions: dict[SessionId, SessionModel] = {}
        self.registers_held = True

    def attach(
        self, attach: messages.Attach
    ) -> tuple[SessionModel | None, list[messages.ServerMessage]]:
        """Register the segment; the session, and what the server says first."""
        session = self.sessions.get(attach.session_id)
        if session is None or session.token != attach.token:
            return None, [messages.Refused(code="session.token", message="会话凭证无效")]
        earlier = [one.segment_id for one in attach.held if self.registers_held]
        for segment_id in (*earlier, attach.segment_id):
            if segment_id not in session.epochs:
                session.epochs[segment_id] = 1 + max(session.epochs.values(), default=0)
                session.frames[segment_id] = []
        held = tuple(session.held(one) for one in session.frames)
        proofs = self.acks.sign([Acknowledged(session.session_id, one) for one in held])
        replies: list[messages.ServerMessage] = [
            messages.Attached(
                epochs=dict(session.epochs),
                held=held,
                proofs=tuple(proofs),
            ),
            self.clock(session),
        ]
        replies += self.begin(session)
        claimed = {one.segment_id: one for one in attach.held}
        for one, frames in session.frames.items():
            at_kiosk = claimed[one].frames if one in claimed else 0
            if at_kiosk < len(frames) and not session.mute_restores:
                replies.append(
                    messages.Restore(
                        segment_id=one, first_seq=at_kiosk, frames=tuple(frames[at_kiosk:])
                    )
                )
        return session, replies

    def order(self, session: SessionModel, what: orders.What) -> messages.Ordered:
        """The next order to a session's seat, signed by the centre."""
        self.counter += 1
        order = orders.Order(
            sitting_id=builders.SITTING_ID,
            seat_id=session.seat_id,
            session_id=session.session_id,
            boot=self.boot,
            counter=self.counter,
            issued_by="wang",
            what=what,
        )
        return orders.sign_order(order, builders.CENTRE_KEY)

    def saved(self, session: SessionModel, held: messages.HeldFrames) -> messages.Saved:
        """That these frames are on disk, signed by the centre."""
        (proof,) = self.acks.sign([Acknowledged(session.session_id, held)])
        return messages.Saved(
            segment_id=held.segment_id, frames=held.frames, head=held.head, proof=proof
        )

    def clock(self, session: SessionModel) -> messages.Ordered:
        """The clock as this session sees it."""
        return self.order(
            session,
            orders.Clock(
                sitting_state=self.state,
                session_state=session.state,
                is_present=session.is_present,
                time_left_ms=self.time_left_ms,
                extra_ms=self.extra_ms,
            ),
        )

    def begin(self, session: SessionModel) -> list[messages.ServerMessage]:
        """Begin, when the candidate is present, the sitting runs and the session is not closed."""
        is_open = session.state is not SessionState.CLOSED
        if not (session.is_present and self.state is SittingState.RUNNING and is_open):
            return []
        session.state = SessionState.INTERACTING
        return [
            self.order(
                session,
                orders.Begin(
                    form_number=session.form_number,
                    form_identity=session.form_identity,
                    journal_key=session.journal_key,
                    time_left_ms=self.time_left_ms,
                    resume_recipients=resume_recipients(
                        JOURNAL_SECRET, sitting_id=builders.SITTING_ID, seat_id=session.seat_id
                    ),
                ),
            )
        ]

    def take(
        self, session: SessionModel, message: messages.KioskMessage
    ) -> list[messages.ServerMessage]:
        """What the server answers to a message of an attached kiosk."""
        match message:
            case messages.Stage(stage=stage):
                session.stages.append(stage)
                return []
            case messages.Heartbeat():
                return [self.clock(session)]
            case messages.Telemetry():
                return []
            case messages.Save():
                return self._save(session, message)
            case messages.Submit():
                return self._submit(session, message)
            case messages.Attach() | messages.Deliver():
                session.violations.append("second attach")
                return []

    def _save(self, session: SessionModel, save: messages.Save) -> list[messages.ServerMessage]:
        segment_id = save.segment_id
        if session.refuse_saves_with:
            return [self._refused(session.refuse_saves_with, save)]
        held = session.frames.get(segment_id)
        if held is None:
            session.violations.append("save for an unknown segment")
            return [self._refused("journal.gap", save)]
        if save.first_seq > len(held):
            session.violations.append("gap")
            return [self._refused("journal.gap", save)]
        for seq, frame in enumerate(save.frames, save.first_seq):
            if seq < len(held) and held[seq] != frame:
                session.violations.append("other bytes at a held place")
                return [self._refused("journal.conflict", save)]
        taken = [*held, *save.frames[len(held) - save.first_seq :]]
        try:
            session.open(segment_id, taken)
        except ExamError as error:
            return [self._refused(error.code, save)]
        session.frames[segment_id] = taken
        now = session.held(segment_id)
        return [self.saved(session, now)]

    def _submit(
        self, session: SessionModel, submit: messages.Submit
    ) -> list[messages.ServerMessage]:
        frames = session.frames.get(submit.segment_id, [])
        if submit.seq >= len(frames):
            session.violations.append("submit before its frame")
            return []
        if not isinstance(session.entries(submit.segment_id)[submit.seq], SessionSubmitted):
            session.violations.append("submit of another entry")
            return []
        session.state = SessionState.CLOSED
        session.receipt = session.receipt or receipt_of(frames[submit.seq])
        return [self.order(session, orders.Submitted(receipt=session.receipt))]

    @staticmethod
    def _refused(code: str, save: messages.Save) -> messages.Refused:
        return messages.Refused(
            code=code, message="拒收", segment_id=save.segment_id, seq=save.first_seq
        )


def all_violations(sessions: Sequence[SessionModel]) -> list[str]:
    """What kiosks did that a correct kiosk never does."""
    return [violation for session in sessions for violation in session.violations]
