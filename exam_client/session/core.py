"""One session's talk with the server: messages in, messages out, no sockets and no timers.

The driver hands in what arrived and asks for the next message, so every history of lost
connections and restarts can be played in a test. Responses are in the journal before they are
sent; nothing that the server says takes anything away from it.
"""

from exam_client.journal import SessionJournal
from exam_client.session.attempt import RECEIPT_MISMATCH, Attempt, SessionPorts
from exam_client.session.closing import Phase
from exam_client.session.evidence import EvidenceKeeper
from exam_client.session.resume import Resume, Stage
from exam_client.sync.upload import Upload
from exam_core.errors import ExamError
from exam_core.formats.journal_entries import OrderKind, SubmitReason
from exam_core.formats.paper_package import PaperPackage
from exam_core.formats.resume_file import ResumeKeys
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import VERSION, messages, orders
from exam_core.protocol.acknowledgements import ACK_SIGNATURE, Acknowledged, check_proof

_GAP = "journal.gap"
_RECEIPT = "submit.receipt"
_JOURNAL_FAMILY = "journal."
_RESPONSE_FAMILY = "response."


class SessionCore:
    """Speaks for one attempt.

    Attributes:
        attempt: The candidate's side.
        journal: What was written on this machine.
        upload: What the server has of it.
        sitting_state: Where the room stands, as last heard.
        session_state: Where the session stands, as last heard.
        is_present: The proctor confirmed presence.
        is_attached: A connection stands.
        wants_reattach: The connection should be closed and made anew at once.
        is_moved: The candidate goes on at another machine; this one lets go of the session.
        attach_refusal: Why the server did not let us attach; None when it did not refuse.
    """

    def __init__(
        self,
        resume: Resume,
        journal: SessionJournal,
        *,
        package: PaperPackage | None,
        ports: SessionPorts,
    ) -> None:
        self.journal = journal
        self.upload = Upload(journal, self._check_proof)
        self.attempt = Attempt(resume, journal, self.upload, package=package, ports=ports)
        self.sitting_state: SittingState | None = None
        self.session_state = SessionState.INITIAL
        self.is_present = False
        self.is_attached = False
        self.wants_reattach = False
        self.attach_refusal: messages.Refused | None = None
        self._ports = ports
        self._evidence = EvidenceKeeper()
        self._stages_sent = 0
        self._is_submit_sent = False
        self._connections = 0
        self._is_link_told = False
        self._extra_ms: int | None = None
        self.is_moved = False
        self._is_alone = False

    def attach_message(self) -> messages.Attach:
        """The first message of a new connection."""
        self.wants_reattach = False
        self.attach_refusal = None
        return messages.Attach(
            protocol=VERSION,
            session_id=self.attempt.resume.session_id,
            token=self.attempt.resume.token,
            segment_id=self.journal.segment_id,
            held=self.journal.held(),
        )

    def go_on_alone(self, keys: ResumeKeys, *, codes_used: int) -> None:
        """Take the session up without the server, with what a resume code opened.

        The time left follows from what the server last said; see `ClockNote.left_at`.
        """
        attempt, now_ms = self.attempt, self._ports.clock_ms()
        attempt.use_code(codes_used)
        note = attempt.resume.clock
        is_running = note is None or note.is_running
        self.sitting_state = SittingState.RUNNING if is_running else SittingState.HELD
        self.session_state = SessionState.INTERACTING
        self._is_alone = True
        self.journal.unlock(keys.journal_key)
        left_ms = (
            0
            if note is None
            else note.left_at(
                now_ms, boot_id=self._ports.boot_id, last_entry_ms=self.journal.last_at_ms()
            )
        )
        self._set_clock(left_ms)
        attempt.go_on_alone(
            orders.Begin(
                form_number=keys.form_number,
                form_identity=keys.form_identity,
                journal_key=keys.journal_key,
                time_left_ms=left_ms,
                resume_recipients=keys.recipients,
            )
        )

    def on_disconnected(self) -> None:
        """The connection is gone; everything unacknowledged will be sent again."""
        self.is_attached = False
        self._stages_sent = 0
        self._is_submit_sent = False
        self._is_link_told = False
        self.upload.disconnected()

    def next_message(self) -> messages.KioskMessage | None:
        """The next message to send on this connection; None when there is nothing to say."""
        if not self.is_attached or self.wants_reattach:
            return None
        stages = list(Stage)
        if stages.index(self.attempt.resume.stage) > self._stages_sent:
            self._stages_sent += 1
            return messages.Stage(stage=stages[self._stages_sent])
        return self.upload.next_save() or self._next_submit() or self._next_report()

    @property
    def time_left_ms(self) -> int:
        """What is left of the working time at this moment; 0 before it was first said."""
        clock, now_ms = self.attempt.clock, self._ports.clock_ms()
        if clock.deadline_ms is not None:
            return max(0, clock.deadline_ms - now_ms)
        return clock.frozen_left_ms or 0

    def heartbeat(self) -> messages.Heartbeat:
        """The regular sign of life."""
        return messages.Heartbeat(unsynced=self.upload.unsynced)

    def on_message(self, message: messages.ServerMessage) -> None:
        """Take one message from the server; a promise that it broke becomes an alarm."""
        try:
            self._dispatch(message)
        except ExamError as error:
            self.attempt.alarm(error.code, error.message)
            # A server that cannot prove what it says is left, and tried again.
            self.wants_reattach |= error.code == ACK_SIGNATURE
        if self.journal.segment_id in self.upload.blocked and self.attempt.paper is not None:
            # The server can take no more of this segment: go on in a fresh one.
            self.journal.roll_over()
            self.attempt.merge()
            self.wants_reattach = True

    def _dispatch(self, message: messages.ServerMessage) -> None:
        match message:
            case messages.Attached():
                self._on_attached(message)
            case messages.Ordered():
                self._obey(self._take_order(message))
            case messages.Saved(segment_id=segment_id, frames=frames, head=head, proof=proof):
                held = messages.HeldFrames(segment_id=segment_id, frames=frames, head=head)
                self.upload.saved(held, proof)
                self._keep_evidence()
            case messages.Restore(segment_id=segment_id, frames=frames):
                try:
                    self.journal.restore(segment_id, frames)
                finally:
                    self.attempt.merge()
            case messages.Checkpointed(note=note):
                self.attempt.note_checkpoint(note)
            case refused:
                self._on_refused(refused)

    def _keep_evidence(self, *, is_last: bool = False) -> None:
        resume = self.attempt.resume
        data = self._evidence.due(
            self.upload,
            sitting_id=resume.sitting_id,
            session_id=resume.session_id,
            now_ms=self._ports.clock_ms(),
            is_last=is_last,
        )
        if data is not None:
            self._ports.keep_evidence(resume.session_id, data)

    def _check_proof(self, held: messages.HeldFrames, proof: messages.CommitProof) -> None:
        resume = self.attempt.resume
        check_proof(
            proof,
            Acknowledged(resume.session_id, held),
            sitting_id=resume.sitting_id,
            centre_key=self._ports.centre_key,
        )

    def _take_order(self, message: messages.Ordered) -> orders.Order:
        resume = self.attempt.resume
        return self._ports.orders.take(
            message, sitting_id=resume.sitting_id, session_id=resume.session_id
        )

    def _obey(self, order: orders.Order) -> None:
        """Do what the order says, and note in the journal what it changed."""
        match order.what:
            case orders.Begin() as begin:
                self.attempt.note_order(order, OrderKind.BEGIN, begin.time_left_ms)
                self._on_begin(begin)
            case orders.Clock() as clock:
                self._note_clock(order, clock)
                self._on_clock(clock)
            case orders.End(reason=orders.MOVED):
                self.is_moved = True
            case orders.End(reason=reason):
                self.attempt.note_order(order, OrderKind.END, self.time_left_ms)
                known = {str(one): one for one in SubmitReason}
                self.attempt.end(known.get(reason, SubmitReason.PROCTOR))
            case submitted:
                self.attempt.submitted(submitted.receipt)
                self._keep_evidence(is_last=True)

    def _note_clock(self, order: orders.Order, clock: orders.Clock) -> None:
        before, after = self.sitting_state, clock.sitting_state
        if after is SittingState.HELD and before is not SittingState.HELD:
            self.attempt.note_order(order, OrderKind.HOLD, clock.time_left_ms)
        if after is SittingState.RUNNING and before is SittingState.HELD:
            self.attempt.note_order(order, OrderKind.RESUME, clock.time_left_ms)
        if self._extra_ms is not None and clock.extra_ms != self._extra_ms:
            self.attempt.note_order(order, OrderKind.EXTRA_TIME, clock.time_left_ms)
        self._extra_ms = clock.extra_ms

    def _on_attached(self, message: messages.Attached) -> None:
        self.is_attached = True
        self._connections += 1
        self.attempt.attached(message.epochs, message.held)
        self.upload.attached(message.held, message.proofs)
        if self._is_alone:
            self._is_alone = False
            self.attempt.merge()  # with the order of segments as the server has it

    def _on_begin(self, message: orders.Begin) -> None:
        if self.sitting_state is not SittingState.HELD:
            self.sitting_state = SittingState.RUNNING  # it has begun, whatever we heard before
        self.session_state = SessionState.INTERACTING
        self._set_clock(message.time_left_ms)
        self.wants_reattach = not self.attempt.begin(message)

    def _on_clock(self, message: orders.Clock) -> None:
        self.sitting_state = message.sitting_state
        self.session_state = message.session_state
        self.is_present = message.is_present
        self._set_clock(message.time_left_ms)
        if message.session_state is SessionState.CLOSED:
            is_time_up = message.time_left_ms == 0
            self.attempt.end(SubmitReason.TIME_UP if is_time_up else SubmitReason.PROCTOR)

    def _on_refused(self, message: messages.Refused) -> None:
        if not self.is_attached:
            self.attach_refusal = message
        elif message.code == _GAP:
            self.wants_reattach = True  # the server will say what it has; we go on from there
        elif message.segment_id is not None and message.code.startswith(_JOURNAL_FAMILY):
            self.upload.blocked.add(message.segment_id)
            self.attempt.alarm(message.code, message.message)
        elif message.code == _RECEIPT:
            self.attempt.alarm(RECEIPT_MISMATCH, message.message)
        elif self.attempt.closing.is_writable or not message.code.startswith(_RESPONSE_FAMILY):
            # After the end the candidate can do nothing about a response; the proctor is told.
            self._ports.refuse(message.code, message.message)

    def _next_submit(self) -> messages.Submit | None:
        closing = self.attempt.closing
        place = closing.place
        if place is None or self._is_submit_sent or closing.phase is Phase.CONFIRMED:
            return None
        if not self.upload.is_sent(place.segment_id, place.seq):
            return None
        self._is_submit_sent = True
        return messages.Submit(segment_id=place.segment_id, seq=place.seq, receipt=place.receipt)

    def _next_report(self) -> messages.Telemetry | None:
        """How the line is, once on each connection, after everything else was sent."""
        if self._is_link_told:
            return None
        self._is_link_told = True
        details = {"connections": self._connections, "unsynced": self.upload.unsynced}
        return messages.Telemetry(kind="link", details=details)

    def _set_clock(self, time_left_ms: int) -> None:
        if self.attempt.closing.is_writable:
            self.attempt.clock.set(
                now_ms=self._ports.clock_ms(),
                time_left_ms=time_left_ms,
                is_running=self.sitting_state is SittingState.RUNNING
                and self.session_state is SessionState.INTERACTING,
            )
            self.attempt.note_clock()
