"""Holds the results against what the candidates saw: read as the grading site reads them."""

from collections.abc import Iterable

from exam_core.formats.journal import derive_journal_key
from exam_core.formats.journal_reading import (
    HeldSegment,
    SessionFacts,
    SessionReading,
    read_session,
)
from exam_core.formats.results_content import SessionRecord
from exam_core.model.identifiers import PartId
from exam_server.room.services.opening import OpenedPaper
from tests.simulation.model import CandidateModel, Model


def judge(model: Model, opened: OpenedPaper, records: Iterable[SessionRecord]) -> None:
    """Compare every session in the results with what its candidate was shown."""
    found = {record.admission_number: record for record in records}
    for candidate in model.candidates.values():
        record = found.get(candidate.admission_number)
        if record is not None:
            _judge_session(model, candidate, opened, record)
        elif candidate.on_server or candidate.confirmed:
            model.wrong(f"{candidate.admission_number} wrote, and is not in the results")


def _judge_session(
    model: Model, candidate: CandidateModel, opened: OpenedPaper, record: SessionRecord
) -> None:
    name, reading = candidate.admission_number, _reading_of(opened, record)
    model.counts["frames"] += sum(len(one.frames) for one in record.segments)
    model.counts["sessions"] += 1
    model.counts["receipts"] += bool(record.receipt)
    read = {
        part_id: candidate.place_of(part_id, response)
        for part_id, response in reading.content.responses.items()
    }
    for part_id, place in read.items():
        if place < 0:
            model.wrong(f"{name}: {part_id} in the results was never typed")
    for part_id, place in candidate.on_server.items():
        if read.get(part_id, -1) < place:
            model.wrong(
                f"{name}: {part_id} was shown as saved on the server up to {place},"
                f" and the results have {read.get(part_id, -1)}"
            )
    if record.receipt:
        _judge_receipt(model, candidate, record.receipt, read, reading.receipts)
    elif candidate.confirmed:
        model.wrong(f"{name} was shown a receipt, and the results have none")


def _judge_receipt(
    model: Model,
    candidate: CandidateModel,
    receipt: str,
    read: dict[PartId, int],
    receipts: frozenset[str],
) -> None:
    name, handed_in = candidate.admission_number, candidate.handed_in.get(receipt)
    if receipt not in receipts:
        model.wrong(f"{name}: the receipt is not of a frame in the results")
    if candidate.confirmed - {receipt}:
        model.wrong(f"{name} was shown another receipt as confirmed")
    if handed_in is None:
        model.wrong(f"{name}: nobody ever saw the receipt in the results")
    elif candidate.moves == 0 and read != handed_in.responses:
        # After a move the former machine may bring texts of parts that nobody touched since.
        model.wrong(f"{name} handed in {handed_in.responses}, and the results have {read}")


def _reading_of(opened: OpenedPaper, record: SessionRecord) -> SessionReading:
    facts = SessionFacts(
        session_id=record.session_id,
        manifest_sha256=opened.manifest_sha256,
        form_number=record.form_number,
        shape=opened.shapes[record.form_number],
        journal_key=derive_journal_key(opened.journal_secret, record.session_id),
    )
    segments = [
        HeldSegment(
            segment_id=one.segment_id,
            epoch=one.epoch,
            signing_key=one.signing_key,
            frames=one.frames,
        )
        for one in record.segments
    ]
    return read_session(facts, segments)
