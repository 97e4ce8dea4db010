"""Which of the server's checkpoints this kiosk keeps: signed by the centre, and never smaller.

A kiosk's journal so becomes a witness: it says which state of the room's log was shown to it.
"""

from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import IntegrityError, declare
from exam_core.formats.checkpoint import Checkpoint, open_checkpoint, room_origin
from exam_core.model.identifiers import CentreId, SittingId

CHECKPOINT_FELL = declare(
    "checkpoint.fell", "服务器的审计日志比以前短了或内容不同；考试继续，请技术人员上报。"
)


class CheckpointGate:
    """Takes each checkpoint once.

    Args:
        centre_key: The centre's public signing key, from the signed descriptor.
        centre_id: The centre.
    """

    def __init__(self, *, centre_key: PublicSigningKey, centre_id: CentreId) -> None:
        self._centre_key = centre_key
        self._centre_id = centre_id
        self._last: Checkpoint | None = None

    def take(self, note: str, sitting_id: SittingId) -> bool:
        """Whether the note says something new, which belongs into the journal.

        Raises:
            InputError: `note.malformed`, `checkpoint.malformed`, `checkpoint.origin`.
            IntegrityError: `note.signature`; `checkpoint.fell`, for a log that has become shorter,
                or another one of the same length.
        """
        origin = room_origin(self._centre_id, sitting_id)
        state = open_checkpoint(note, origin=origin, key=self._centre_key)
        last = self._last
        if last is not None and state == last:
            return False
        if last is not None and state.size <= last.size:
            raise IntegrityError(
                CHECKPOINT_FELL, f"服务器日志原有 {last.size} 行，现在是 {state.size} 行"
            )
        self._last = state
        return True
