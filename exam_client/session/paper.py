"""The paper as it is open at this seat: what is written into the journal, and what holds now.

Exists from the moment the server handed out the form's key; the form and the journal key are in
this process's memory and nowhere else.
"""

import secrets
from collections.abc import Callable, Mapping

from exam_client import limits
from exam_client.journal import SessionJournal
from exam_client.session.answers import Answers, Place
from exam_client.session.clock import SessionClock
from exam_client.session.resume import SubmitPlace
from exam_client.session.snapshot import SavedState
from exam_client.sync.upload import Upload
from exam_core.errors import InputError, declare
from exam_core.formats.journal import receipt_of
from exam_core.formats.journal_entries import (
    CheckpointSeen,
    Entry,
    OrderTaken,
    ResponseRecorded,
    ReviewFlagSet,
    SegmentStarted,
    SessionSubmitted,
    SubmitReason,
)
from exam_core.formats.journal_merge import PlacedEntry
from exam_core.model.identifiers import ImageId, ItemId, PartId, SeatId, SegmentId, SessionId
from exam_core.model.items import Form
from exam_core.model.responses import Response, check_fits

CLIENT_PART = declare("client.part", "程序内部错误：该题不在本卷上；请考务人员记录机位号并上报。")

_NONCE_BYTES = 16
_RANKS_APART = limits.segment_files_max + 1  # room for unknown segments between two epochs


class OpenPaper:
    """One candidate's form with the journal of the responses to it.

    Args:
        form: The opened form.
        images: Its pictures, opened.
        manifest_sha256: Of the package that it came from.
        session_id: Whose it is.
        seat_id: Where this machine stands.
        journal: Unlocked with the session's key.
        upload: What the server has, to say how safe an entry is.
        clock: The candidate's working time.
        clock_ms: The monotonic clock.

    Attributes:
        answers: What holds for each part now.
    """

    def __init__(
        self,
        form: Form,
        images: Mapping[ImageId, bytes],
        *,
        manifest_sha256: str,
        session_id: SessionId,
        seat_id: SeatId,
        journal: SessionJournal,
        upload: Upload,
        clock: SessionClock,
        clock_ms: Callable[[], int],
    ) -> None:
        self.form = form
        self.images = images
        self.answers = Answers()
        self._manifest_sha256 = manifest_sha256
        self._session_id = session_id
        self._seat_id = seat_id
        self._journal = journal
        self._upload = upload
        self._clock = clock
        self._clock_ms = clock_ms
        self._parts = {part.part_id: part for part in form.parts()}
        self._item_ids = {item.item_id for item in form.items}
        self._ranks: dict[SegmentId, int] = {}

    def merge(self, epochs: Mapping[SegmentId, int]) -> None:
        """Take in every segment that is here, with the epochs that the server gave.

        To be called at the start, when frames came back, and when the own segment was changed.
        What holds only where the server can never get it (behind damage, in a segment that it
        refuses) is said again in the own segment; a submit entry there does not count. Nothing
        is written once a submit entry counts.
        """
        self._rank_segments(epochs)
        lost = self._lost_places()
        self.answers = Answers(
            placed
            for placed in self._journal.placed(self._ranks)
            if not isinstance(placed.entry, SessionSubmitted)
            or (placed.epoch, placed.seq) not in lost
        )
        if self.answers.submitted is not None:
            return
        if not self._journal.frames(self._journal.segment_id):
            self._append(
                SegmentStarted(
                    at_ms=self._now_ms(),
                    session_id=self._session_id,
                    manifest_sha256=self._manifest_sha256,
                    form_number=self.form.form_number,
                    seat_id=self._seat_id,
                    kiosk_key=self._journal.kiosk_key,
                )
            )
        for entry in self.answers.said_only_at(lost, at_ms=self._now_ms()):
            self._append(entry)

    def record(self, part_id: PartId, response: Response) -> None:
        """Write the response to one part.

        Raises:
            InputError: `client.part`, `response.misfit`, `journal.frame`; nothing has changed.
        """
        part = self._parts.get(part_id)
        if part is None:
            raise InputError(CLIENT_PART, "作答的题目不在本卷上", part_id=part_id)
        check_fits(part, response)
        self._append(ResponseRecorded(at_ms=self._now_ms(), part_id=part_id, response=response))

    def flag(self, item_id: ItemId, *, is_flagged: bool) -> None:
        """Write that an item is marked for review, or is no more.

        Raises:
            InputError: `client.part`.
        """
        if item_id not in self._item_ids:
            raise InputError(CLIENT_PART, "标记的题目不在本卷上", item_id=item_id)
        self._append(ReviewFlagSet(at_ms=self._now_ms(), item_id=item_id, is_flagged=is_flagged))

    def note(self, entry: OrderTaken | CheckpointSeen) -> None:
        """Write what the server ordered or showed; it changes no response."""
        self._append(entry)

    def submit(self, reason: SubmitReason) -> SubmitPlace:
        """Write the last entry, which covers all earlier segments that are here."""
        own = self._journal.segment_id
        heads = {
            one.segment_id: one.head.hex()
            for one in self._journal.held()
            if one.segment_id != own and one.frames
        }
        nonce = secrets.token_hex(_NONCE_BYTES)
        self._append(
            SessionSubmitted(at_ms=self._now_ms(), reason=reason, heads=heads, nonce=nonce)
        )
        return self._submit_place(own, len(self._journal.frames(own)) - 1, reason)

    def submitted_before(self) -> SubmitPlace | None:
        """Where the submit entry stands that counts; None while none does."""
        placed = self.answers.submitted
        if placed is None or not isinstance(placed.entry, SessionSubmitted):
            return None
        return self._submit_place(self._segment_at(placed.epoch), placed.seq, placed.entry.reason)

    def saved_parts(self) -> dict[PartId, SavedState]:
        """How safe the response to each part is."""
        places = self.answers.part_places
        return {part_id: self._saved_at(place) for part_id, place in places.items()}

    def saved_flags(self) -> dict[ItemId, SavedState]:
        """How safe each review mark is."""
        places = self.answers.flag_places
        return {item_id: self._saved_at(place) for item_id, place in places.items()}

    def _rank_segments(self, epochs: Mapping[SegmentId, int]) -> None:
        """Order the segments as the server does, and those that it does not know before the own.

        It does not know a segment that was begun here and could not be attached any more before
        the machine died, so it is later than all that were; several go by their first entry.
        """
        own = self._journal.segment_id
        unknown = [one for one in self._journal.segment_ids if one not in epochs and one != own]
        self._upload.blocked.update(unknown)
        self._ranks = {one: epoch * _RANKS_APART for one, epoch in epochs.items()}
        top = (max(epochs.values(), default=0) + 1) * _RANKS_APART
        started = {one: self._journal.first_at_ms(one) for one in unknown}
        for number, one in enumerate(sorted(unknown, key=lambda one: (started[one], one)), 1):
            self._ranks[one] = top - _RANKS_APART + number
        self._ranks[own] = top

    def _append(self, entry: Entry) -> None:
        seq = self._journal.append(entry)
        own = self._journal.segment_id
        self.answers.add(PlacedEntry(self._ranks[own], seq, entry))

    def _now_ms(self) -> int:
        return self._clock.worked_ms(self._clock_ms())

    def _submit_place(self, segment_id: SegmentId, seq: int, reason: SubmitReason) -> SubmitPlace:
        receipt = receipt_of(self._journal.frames(segment_id)[seq])
        return SubmitPlace(segment_id=segment_id, seq=seq, receipt=receipt, reason=reason)

    def _segment_at(self, rank: int) -> SegmentId:
        return next(one for one, its_rank in self._ranks.items() if its_rank == rank)

    def _saved_at(self, place: Place) -> SavedState:
        rank, seq = place
        segment_id = self._segment_at(rank)
        if self._upload.is_acknowledged(segment_id, seq):
            return SavedState.ON_SERVER
        is_stranded = seq in self._journal.stranded(segment_id)
        if is_stranded or seq < self._journal.kept(segment_id):
            return SavedState.KEPT_HERE
        return SavedState.NOT_KEPT

    def _lost_places(self) -> set[Place]:
        lost = set()
        for segment_id in self._journal.segment_ids:
            rank = self._ranks[segment_id]
            lost |= {(rank, seq) for seq in self._journal.stranded(segment_id)}
            if segment_id in self._upload.blocked:
                first = self._upload.acknowledged.get(segment_id, 0)
                last = len(self._journal.frames(segment_id))
                lost |= {(rank, seq) for seq in range(first, last)}
        return lost
