"""`acknowledged.json`: what the server last signed to have on its disk, kept in case it denies it.

Written at most once a minute, and when the session is closed; the journal needs none of it.
"""

import msgspec

from exam_client import limits
from exam_client.sync.upload import Upload
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import SessionId, SittingId
from exam_core.protocol.messages import CommitProof, HeldFrames

EVIDENCE_NAME = "acknowledged.json"


class AcknowledgedSegment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last acknowledgement of one segment, with its proof."""

    held: HeldFrames
    proof: CommitProof


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be shown to anybody who has the centre's signed descriptor."""

    sitting_id: SittingId
    session_id: SessionId
    segments: tuple[AcknowledgedSegment, ...]


class EvidenceKeeper:
    """Says when the evidence is to be written again, and what it is."""

    def __init__(self) -> None:
        self._next_ms: int | None = None

    def due(
        self,
        upload: Upload,
        *,
        sitting_id: SittingId,
        session_id: SessionId,
        now_ms: int,
        is_last: bool = False,
    ) -> bytes | None:
        """The file's new content; None while the last one is recent and the session goes on."""
        if not upload.proofs or not (is_last or self._next_ms is None or now_ms >= self._next_ms):
            return None
        self._next_ms = now_ms + limits.evidence_interval_ms
        segments = tuple(
            AcknowledgedSegment(held=held, proof=proof)
            for _, (held, proof) in sorted(upload.proofs.items())
        )
        return encode_canonical(
            Evidence(sitting_id=sitting_id, session_id=session_id, segments=segments)
        )
