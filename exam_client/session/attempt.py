"""The candidate's side of one session: stages, the paper, time, the end.

Knows the journal and the clock, and nothing of connections: `SessionCore` tells it what the
server said. What a candidate does is in the journal when the method returns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from exam_client import limits
from exam_client.journal import SessionJournal
from exam_client.session.checkpoint_gate import CheckpointGate
from exam_client.session.clock import SessionClock
from exam_client.session.closing import Closing, Phase
from exam_client.session.order_gate import OrderGate
from exam_client.session.paper import OpenPaper
from exam_client.session.resume import ClockNote, Resume, Stage, SubmitPlace
from exam_client.sync.upload import Upload
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import ExamError, StateError, declare
from exam_core.formats.journal import receipt_of
from exam_core.formats.journal_entries import CheckpointSeen, OrderKind, OrderTaken, SubmitReason
from exam_core.formats.paper_package import PaperPackage, open_form, open_image
from exam_core.model.identifiers import ItemId, PartId, SeatId, SegmentId, SessionId
from exam_core.model.responses import Response
from exam_core.model.states import SESSION_STATE
from exam_core.protocol.messages import HeldFrames
from exam_core.protocol.orders import Begin, Order

RECEIPT_MISMATCH = declare(
    "receipt.mismatch", "服务器的回执与本机不同；请保留本机画面，由技术人员核对后再关机。"
)
JOURNAL_DAMAGED = declare(
    "journal.damaged", "本机保存的作答记录有损坏，未损坏的都已保留并上传；请技术人员检查磁盘。"
)
CLIENT_RECEIPT = declare(
    "client.receipt_changed", "因记录损坏，本机重新交卷并产生了新回执；请考生以新回执为准。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPorts:
    """What one session needs from outside.

    Attributes:
        seat_id: Where this machine stands.
        clock_ms: The monotonic clock.
        boot_id: Tells one boot of this machine from another; empty where nothing does.
        keep_resume: Seals what it takes to go on without the server; never raises.
        drop_resume: Removes it; never raises.
        keep_evidence: Puts the server's acknowledgements on disk; never raises.
        save_resume: Puts the resume record on disk; never raises.
        collect_pending: Asks for typed text that is not recorded yet; None when nobody types.
        refuse: Reports a refusal that came from the server: code and message.
        orders: Lets an order of the server through once.
        centre_key: The centre's public signing key; acknowledgements are checked with it.
        checkpoints: Lets a checkpoint of the room's log through once.
    """

    seat_id: SeatId
    clock_ms: Callable[[], int]
    boot_id: str
    keep_resume: Callable[[Resume, Begin], None]
    drop_resume: Callable[[], None]
    keep_evidence: Callable[[SessionId, bytes], None]
    save_resume: Callable[[Resume], None]
    collect_pending: Callable[[], None] | None
    refuse: Callable[[str, str], None]
    orders: OrderGate
    centre_key: PublicSigningKey
    checkpoints: CheckpointGate


class Attempt:
    """One candidate's attempt as it stands at this seat.

    Attributes:
        resume: What is on disk to take the session up again.
        clock: The candidate's working time.
        closing: How far the end has come.
        paper: The open paper; None until the form's key came.
        alarms: Standing conditions by code, each with its message.
    """

    def __init__(
        self,
        resume: Resume,
        journal: SessionJournal,
        upload: Upload,
        *,
        package: PaperPackage | None,
        ports: SessionPorts,
    ) -> None:
        self.resume = resume
        self.clock = SessionClock()
        self.closing = Closing()
        self.paper: OpenPaper | None = None
        self.alarms: dict[str, str] = {}
        self._journal = journal
        self._upload = upload
        self._package = package
        self._ports = ports
        self._begin: Begin | None = None
        self._open_latest_ms = 0
        self._epochs: Mapping[SegmentId, int] = {}
        self._server_held: Sequence[HeldFrames] = ()
        self._unnoted: list[OrderTaken | CheckpointSeen] = []
        if resume.submit is not None:
            self._take_submit(resume.submit)
        if resume.is_confirmed:
            self.closing.confirm()

    @property
    def wants_package(self) -> bool:
        """Whether the sealed paper is not here, or is not the one that the key opens."""
        return self._package is None

    # What the candidate does

    def confirm(self) -> None:
        """The candidate is the one named."""
        self._advance(Stage.LOGGED_IN, Stage.CONFIRMED)

    def rules_read(self) -> None:
        """The candidate has read the rules."""
        self._advance(Stage.CONFIRMED, Stage.RULES_READ)

    def record(self, part_id: PartId, response: Response) -> None:
        """Write a response to the journal.

        Raises:
            StateError: `client.closed`, `session.state`.
            InputError: The response cannot belong to this paper.
        """
        self._writable_paper().record(part_id, response)

    def flag(self, item_id: ItemId, *, is_flagged: bool) -> None:
        """Write a review mark; raises as `record`."""
        self._writable_paper().flag(item_id, is_flagged=is_flagged)

    def submit(self) -> None:
        """Close the session by the candidate's wish; raises as `record`."""
        self._take_submit(self._writable_paper().submit(SubmitReason.CANDIDATE))

    def pending_collected(self) -> None:
        """All typed text was recorded; the session closes now if it was waiting for that."""
        reason, paper = self.closing.reason, self.paper
        if self.closing.phase is Phase.COLLECTING and reason is not None and paper is not None:
            self._take_submit(paper.submit(reason))

    # What time and the server bring

    def tick(self) -> None:
        """Notice what only time brings."""
        now_ms = self._ports.clock_ms()
        self._journal.retry()
        self._open()
        if self.paper is not None and self.clock.is_up(now_ms):
            self._collect(SubmitReason.TIME_UP)
        if self.closing.phase is Phase.COLLECTING and now_ms >= self.closing.until_ms:
            self.pending_collected()

    def package_arrived(self, package: PaperPackage) -> None:
        """The sealed paper is here."""
        self._package = package
        self._open()

    def attached(self, epochs: Mapping[SegmentId, int], held: Sequence[HeldFrames]) -> None:
        """The server says which segments there are, and what it has of them."""
        self._epochs, self._server_held = epochs, held
        in_order = tuple(sorted(epochs, key=lambda one: epochs[one]))
        self._save_resume(msgspec.structs.replace(self.resume, segments=in_order))

    def go_on_alone(self, begin: Begin) -> None:
        """Open the paper with keys that a resume code opened; the server is away.

        The order of the segments is ours until the server gives its own.
        """
        ids = self._journal.segment_ids
        self.attached({segment_id: place for place, segment_id in enumerate(ids, 1)}, ())
        self.begin(begin)

    def use_code(self, codes_used: int) -> None:
        """So many of the seat's resume codes are used up here; never fewer than before."""
        used = max(codes_used, self.resume.codes_used)
        self._save_resume(msgspec.structs.replace(self.resume, codes_used=used))

    def note_clock(self) -> None:
        """Remember how the server's time stands, for a start without it."""
        now_ms, deadline_ms = self._ports.clock_ms(), self.clock.deadline_ms
        left_ms = self.clock.frozen_left_ms if deadline_ms is None else deadline_ms - now_ms
        note = ClockNote(
            boot_id=self._ports.boot_id,
            at_ms=now_ms,
            worked_ms=self.clock.worked_ms(now_ms),
            left_ms=max(0, left_ms or 0),
            is_running=self.clock.is_running,
        )
        if self.paper is not None and not (self.resume.clock and self.resume.clock.is_near(note)):
            self._save_resume(msgspec.structs.replace(self.resume, clock=note))

    def begin(self, begin: Begin) -> bool:
        """The keys are here: prove the journal, and open the paper when all is here.

        Returns:
            False when we hold less than we had said on attaching, so that it must be said again.
        """
        if self._begin is not None:
            return True
        self._begin = begin
        self._open_latest_ms = self._ports.clock_ms() + limits.restore_wait_ms_max
        claimed = {one.segment_id: one.frames for one in self._journal.held()}
        self._journal.unlock(begin.journal_key)
        proven = {one.segment_id: one.frames for one in self._journal.held()}
        if self._journal.damaged:
            self.alarm(JOURNAL_DAMAGED, "本机作答记录有损坏")
        self._open()
        return all(proven[one] >= frames for one, frames in claimed.items())

    def merge(self) -> None:
        """Frames came back from the server, or the own segment was changed: take them in."""
        if self.paper is None:
            self._open()
            return
        self.paper.merge(self._epochs)
        self._settle_end(self.paper)

    def note_order(self, order: Order, kind: OrderKind, time_left_ms: int) -> None:
        """An order is about to be obeyed: into the journal, now or when the paper opens.

        A repeated begin changes nothing and is not noted, nor is anything after the end.
        """
        if kind is OrderKind.BEGIN and self._begin is not None:
            return
        if not self.closing.is_writable and self.paper is not None:
            return
        self._note(
            OrderTaken(
                at_ms=self.clock.worked_ms(self._ports.clock_ms()),
                boot=order.boot,
                counter=order.counter,
                issued_by=order.issued_by,
                what=kind,
                time_left_ms=time_left_ms,
            )
        )

    def note_checkpoint(self, note: str) -> None:
        """The room showed a state of its log: into the journal, once, now or when it opens.

        Raises:
            InputError: `note.*`, `checkpoint.*`, when it is none of this room.
            IntegrityError: `note.signature`, `checkpoint.fell`.
        """
        is_new = self._ports.checkpoints.take(note, self.resume.sitting_id)
        if is_new and (self.closing.is_writable or self.paper is None):
            at_ms = self.clock.worked_ms(self._ports.clock_ms())
            self._note(CheckpointSeen(at_ms=at_ms, note=note))

    def end(self, reason: SubmitReason) -> None:
        """The server ended the session."""
        if self.paper is not None:
            self._collect(reason)
        elif self.closing.end(reason):
            self.clock.stop(self._ports.clock_ms())

    def submitted(self, receipt: str) -> None:
        """The server has the submit entry with this receipt."""
        place = self.closing.place
        if place is None and (place := self._find_receipt(receipt)) is not None:
            self._take_submit(place)
        if place is None or place.receipt != receipt:
            self.alarm(RECEIPT_MISMATCH, "服务器的回执与本机不同")
        if place is not None:
            self.closing.confirm()
            self._save_resume(msgspec.structs.replace(self.resume, is_confirmed=True))

    def alarm(self, code: str, message: str) -> None:
        """A person must know of this."""
        self.alarms[code] = message

    # Opening and closing

    def _open(self) -> None:
        begin, package = self._begin, self._package
        if begin is None or package is None or self.paper is not None:
            return
        is_whole = all(
            len(self._journal.frames(one.segment_id)) >= one.frames for one in self._server_held
        )
        if not is_whole and self._ports.clock_ms() < self._open_latest_ms:
            return
        try:
            form = open_form(
                package.sealed_form(begin.form_number),
                begin.form_identity,
                paper_id=package.manifest.paper_id,
                form_number=begin.form_number,
            )
            images = {seal.image_id: open_image(package, seal) for seal in form.image_seals}
        except ExamError as error:
            self._package = None  # the server may have another one by now
            self.alarm(error.code, error.message)
            return
        self.clock.start_from(package.manifest.duration_ms - begin.time_left_ms)
        self.paper = OpenPaper(
            form,
            images=images,
            manifest_sha256=package.manifest_sha256,
            session_id=self.resume.session_id,
            seat_id=self._ports.seat_id,
            journal=self._journal,
            upload=self._upload,
            clock=self.clock,
            clock_ms=self._ports.clock_ms,
        )
        self._ports.keep_resume(self.resume, begin)
        self.note_clock()
        self.paper.merge(self._epochs)
        self._write_notes(self.paper)
        self._settle_end(self.paper)

    def _note(self, entry: OrderTaken | CheckpointSeen) -> None:
        self._unnoted.append(entry)
        if self.paper is not None:
            self._write_notes(self.paper)

    def _write_notes(self, paper: OpenPaper) -> None:
        """Nothing is written once a submit entry counts."""
        taken, self._unnoted = self._unnoted, []
        if paper.submitted_before() is None:
            for entry in taken:
                paper.note(entry)

    def _settle_end(self, paper: OpenPaper) -> None:
        """Bring the end as the journal has it and the end as we remember it together."""
        place = paper.submitted_before()
        if place is not None and self.closing.place is None:
            self._take_submit(place)
        elif self.closing.phase is Phase.ENDED and self.closing.reason is not None:
            # The end was said before the keys came: now there is something to submit with.
            self._take_submit(paper.submit(self.closing.reason))
        elif place is None and self.closing.phase is Phase.SUBMITTED and self.closing.place:
            self.alarm(CLIENT_RECEIPT, "原交卷记录已无法送达服务器")
            self._take_submit(paper.submit(self.closing.place.reason))

    def _writable_paper(self) -> OpenPaper:
        self.closing.require_writable()
        if self.paper is None:
            raise StateError(SESSION_STATE, "试卷尚未打开，不能作答")
        return self.paper

    def _collect(self, reason: SubmitReason) -> None:
        until_ms = self._ports.clock_ms() + limits.collect_pending_ms_max
        if not self.closing.collect(reason, until_ms=until_ms):
            return
        if self._ports.collect_pending is None:
            self.pending_collected()
        else:
            self._ports.collect_pending()

    def _take_submit(self, place: SubmitPlace) -> None:
        now_ms = self._ports.clock_ms()
        self.clock.stop(now_ms)
        self.closing.submit(place, until_ms=now_ms + limits.submit_wait_ms_max)
        self._save_resume(msgspec.structs.replace(self.resume, submit=place))
        self._ports.drop_resume()

    def _find_receipt(self, receipt: str) -> SubmitPlace | None:
        reason = self.closing.reason or SubmitReason.CANDIDATE
        for segment_id in self._journal.segment_ids:
            for seq, frame in enumerate(self._journal.frames(segment_id)):
                if receipt_of(frame) == receipt:
                    return SubmitPlace(
                        segment_id=segment_id, seq=seq, receipt=receipt, reason=reason
                    )
        return None

    def _advance(self, before: Stage, after: Stage) -> None:
        if self.resume.stage is not before:
            raise StateError(SESSION_STATE, "当前步骤不允许此操作", stage=str(self.resume.stage))
        self._save_resume(msgspec.structs.replace(self.resume, stage=after))

    def _save_resume(self, resume: Resume) -> None:
        if resume != self.resume:
            self.resume = resume
            self._ports.save_resume(resume)
