"""Journal files that people bring from the disk of a machine that cannot deliver any more.

The frames take the way of every other frame: sealed, chained, signed by the kiosk that attached
their segment, kept once. So the file may come from anywhere, be old, torn or brought twice.
Event loop only.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field

from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import ExamError, StateError, StorageError, declare
from exam_core.formats.journal import segment_id_of
from exam_core.formats.journal_recovery import claimed_frames
from exam_core.model.identifiers import SegmentId
from exam_core.model.states import FIXED_STATES, SITTING_STATE
from exam_core.protocol.messages import Refused, Save, ServerMessage
from exam_server.accounts.people import Person
from exam_server.folder import STORAGE_FAILED
from exam_server.room.catching_up import CatchingUp
from exam_server.room.core import RoomCore
from exam_server.room.intake import PAPER_SHUT, Intake
from exam_server.room.kiosks import chunks_of
from exam_server.room.live import LiveSession
from exam_server.room.saving.ledger import SegmentLedger

UPLOAD_UNKNOWN = declare(
    "upload.unknown",
    "这一段作答服务器从未登记过（例如断网时单机开始的），不能补入；请保留原机和文件，报请上级处理。",
)

_DURABLE_LOOK_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFile:
    """A segment file as somebody brought it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What became of one file.

    Attributes:
        name: The file's.
        seat_id: Where the candidate sits now; empty when nobody can tell.
        frames: How many whole frames the file holds from the first on.
        added: How many of them the server did not have.
        refusals: Codes with sentences, each kind once: of the file, or of frames in it.
    """

    name: str
    seat_id: str = ""
    frames: int = 0
    added: int = 0
    refusals: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, kw_only=True)
class _Bringer:
    """In the place of a kiosk's connection: takes the answers to what the file says."""

    signing_key: PublicSigningKey
    takes_submit: bool
    refusals: dict[str, str] = field(default_factory=dict)

    def send(self, message: ServerMessage) -> None:
        """Note a refusal; an acknowledgement is seen in the ledger."""
        if isinstance(message, Refused):
            self.refusals.setdefault(message.code, message.message)

    def close(self, _code: int) -> None:
        """There is no connection; what was not kept shows in the ledger."""


class Uploads:
    """Takes journal files; one at a time, so that nobody's upload fills memory."""

    def __init__(self, core: RoomCore, intake: Intake, catching_up: CatchingUp) -> None:
        self._catching_up = catching_up
        self._core = core
        self._intake = intake
        self._turn = asyncio.Lock()

    async def take(self, person: Person, file: JournalFile) -> Brought:
        """Keep what the server lacks of this file; safe to repeat.

        A file that cannot be taken is answered with its reason, and the next one is looked at.

        Raises:
            StateError: `sitting.state`, when the results are fixed.
            StorageError: `saving.paper_shut`: a submit entry could not be told from an answer.
        """
        async with self._turn:
            self._refuse_unless_open()
            try:
                return await self._take(person, file)
            except ExamError as error:
                return Brought(name=file.name, refusals=((error.code, error.message),))

    async def _take(self, person: Person, file: JournalFile) -> Brought:
        segment_id = segment_id_of(file.content)
        session, ledger = self._find(segment_id)
        await self._catching_up.caught_up(session)  # what comes now must be told apart at once
        frames = await asyncio.to_thread(claimed_frames, file.content)
        bringer = _Bringer(signing_key=ledger.signing_key, takes_submit=_is_newest(session, ledger))
        before = ledger.durable
        for first_seq, chunk in chunks_of(frames):
            save = Save(segment_id=segment_id, first_seq=first_seq, frames=chunk)
            await self._intake.save(session, save, delivered_by=bringer)
            await _until_durable(ledger)
            if ledger.durable < first_seq + len(chunk):
                if not bringer.refusals:
                    raise StorageError(STORAGE_FAILED, "作答记录写入失败")
                break
        added = max(0, min(ledger.durable, len(frames)) - before)
        await asyncio.to_thread(
            self._core.trail.record,
            "journal_uploaded",
            actors=(person.name,),
            subject=session.seat_id,
            session_id=session.session_id,
            segment_id=segment_id,
            file_sha256=hashlib.sha256(file.content).hexdigest(),
            frames=len(frames),
            added=added,
        )
        return Brought(
            name=file.name,
            seat_id=session.seat_id,
            frames=len(frames),
            added=added,
            refusals=tuple(bringer.refusals.items()),
        )

    def _refuse_unless_open(self) -> None:
        state = self._core.state
        if state.clock.state in FIXED_STATES:
            raise StateError(SITTING_STATE, "考试结果已固定，不再接收作答")
        if state.opened is None:
            raise StorageError(PAPER_SHUT, "启封之后再补传")

    def _find(self, segment_id: SegmentId) -> tuple[LiveSession, SegmentLedger]:
        for session in self._core.state.sessions.values():
            if ledger := session.ledgers.get(segment_id):
                return session, ledger
        raise StateError(UPLOAD_UNKNOWN, "没有哪位考生登记过这一段作答")


def _is_newest(session: LiveSession, ledger: SegmentLedger) -> bool:
    """Whether the candidate went on nowhere else; only then a submit entry says the end."""
    newest = max(one.epoch for one in session.ledgers.values())
    return ledger.epoch == newest and session.moved_at_ms is None


async def _until_durable(ledger: SegmentLedger) -> None:
    """Return when all that was taken is on disk, or was given up after a failed commit."""
    while ledger.durable != ledger.frames:  # noqa: ASYNC110  the writer knows no waiters
        await asyncio.sleep(_DURABLE_LOOK_S)
