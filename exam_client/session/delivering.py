"""What this machine still owes the server of candidates who went on at another machine.

The debt is in `deliver.json`, so that a machine that was switched off goes on. Only frames of
this kiosk's own segments go out, in a connection of their own beside that of the seat's session.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable

import msgspec

from exam_client import limits
from exam_client.config import CLIENT_DISK, KioskConfig
from exam_client.journal import SessionJournal
from exam_client.journal.files import FileSystem
from exam_client.session.resume import Resume
from exam_client.sync.backoff import Backoff
from exam_client.sync.link import Link, open_link
from exam_client.sync.upload import SYNC_HEAD, Upload
from exam_core.crypto.signing import Signer
from exam_core.errors import ExamError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.model.identifiers import SegmentId, SessionId, SittingId
from exam_core.protocol import VERSION, messages
from exam_core.protocol.acknowledgements import Acknowledged, check_proof

SESSION_MOVED = declare(
    "session.moved", "本机已停用，该考生在其他机位继续考试；本机的作答记录正在补传，请勿关机移走。"
)
SESSION_DELIVERED = declare("session.delivered", "该考生在其他机位继续考试；本机可以关机移走。")

_DEBT_MALFORMED = declare("client.deliver", "本机的补传记录已损坏；请技术人员保留本机。")
_DELIVER_SUBMIT = "deliver.submit"
_JOURNAL_FAMILY = "journal."
_GAP = "journal.gap"

_log = logging.getLogger("exam_client.session")


class _Debt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deliver.json`: sessions of which the server may lack something."""

    sitting_id: SittingId
    sessions: tuple[SessionId, ...]


class Delivering:
    """Brings the server what it lacks of sessions that went on elsewhere.

    Args:
        files: How files are read and written.
        config: The kiosk.
        clock_ms: The monotonic clock.
        tell: Says to the people at the seat how it stands: code and message.
        alarm: Told that the debt could not be read or written: code and message.
    """

    def __init__(
        self,
        files: FileSystem,
        config: KioskConfig,
        *,
        clock_ms: Callable[[], int],
        tell: Callable[[str, str], None],
        alarm: Callable[[str, str], None],
    ) -> None:
        self._files = files
        self._config = config
        self._path = config.folder.deliver
        self._clock_ms = clock_ms
        self._tell = tell
        self._alarm = alarm
        self._wake = asyncio.Event()
        self._told: set[SessionId] = set()
        self._debt = self._load()

    def owe(self, resume: Resume) -> None:
        """The candidate may go on elsewhere: bring what the server lacks of the session."""
        debt, sitting_id, session_id = self._debt, resume.sitting_id, resume.session_id
        known = debt.sessions if debt and debt.sitting_id == sitting_id else ()
        if session_id not in known:
            self._keep(_Debt(sitting_id=sitting_id, sessions=(*known, session_id)))
        self._wake.set()

    def settle(self, session_id: SessionId) -> None:
        """Nothing is owed of this session: it is all there, or it goes on here."""
        if self._debt and session_id in self._debt.sessions:
            left = tuple(one for one in self._debt.sessions if one != session_id)
            self._keep(msgspec.structs.replace(self._debt, sessions=left))

    async def run(self, trust: ssl.SSLContext, signer: Signer) -> None:
        """Deliver until cancelled; whatever fails is tried again later."""
        backoff = Backoff(random.random)
        while True:
            debt = self._debt
            if debt is None or not debt.sessions:
                self._wake.clear()
                await self._wake.wait()
                backoff.reset()
                continue
            for session_id in debt.sessions:
                try:
                    is_done = await self._deliver(debt.sitting_id, session_id, trust, signer)
                except (ExamError, OSError) as error:
                    _log.info("not_delivered", extra={"kind": type(error).__name__})
                else:
                    if is_done:
                        self.settle(session_id)
                        self._tell(SESSION_DELIVERED, "本机的作答已全部传到服务器")
            await asyncio.sleep(backoff.next_delay_s())

    async def _deliver(
        self, sitting_id: SittingId, session_id: SessionId, trust: ssl.SSLContext, signer: Signer
    ) -> bool:
        journal = SessionJournal(
            self._files,
            self._config.folder.session(session_id),
            clock_ms=self._clock_ms,
            signer=signer,
        )

        def check(held: messages.HeldFrames, proof: messages.CommitProof) -> None:
            check_proof(
                proof,
                Acknowledged(session_id, held),
                sitting_id=sitting_id,
                centre_key=self._config.centre.signing_key,
            )

        if not any(map(journal.frames, journal.segment_ids)):
            return True  # nobody wrote here; the server would refuse, again and again
        try:
            async with open_link(self._config.kiosk_url, trust) as link:
                await link.send(messages.Deliver(protocol=VERSION, session_id=session_id))
                return await self._talk(link, session_id, journal, Upload(journal, check))
        finally:
            journal.close()

    async def _talk(
        self, link: Link, session_id: SessionId, journal: SessionJournal, upload: Upload
    ) -> bool:
        """Whether the server has all that it takes of this machine's segments."""
        wanted: dict[SegmentId, int] = {}
        is_attached = False
        while True:
            async with asyncio.timeout(limits.deliver_answer_s):
                message = await link.receive()
            match message:
                case messages.Attached(epochs=epochs, held=held, proofs=proofs):
                    is_attached = True
                    try:
                        upload.attached(held, proofs)
                    except IntegrityError as error:
                        if error.code != SYNC_HEAD:  # else blocked, and the others go on
                            raise
                    upload.blocked |= {*journal.segment_ids} - {*epochs}
                    wanted = {
                        one: len(journal.frames(one)) for one in epochs if one not in upload.blocked
                    }
                    self._tell_once(session_id, wanted, upload)
                case messages.Saved(segment_id=segment_id, frames=frames, head=head, proof=proof):
                    one = messages.HeldFrames(segment_id=segment_id, frames=frames, head=head)
                    upload.saved(one, proof)
                case messages.Refused(code=code, segment_id=segment_id, seq=seq):
                    _log.warning("delivery_refused", extra={"code": code, "seq": seq})
                    if segment_id is None or code == _GAP:
                        return False
                    if code == _DELIVER_SUBMIT or code.startswith(_JOURNAL_FAMILY):
                        # What stands from there on is not taken, however often it is brought.
                        upload.blocked.add(segment_id)
                        wanted[segment_id] = min(seq or 0, wanted.get(segment_id, 0))
                case _:
                    pass
            while (save := upload.next_save()) is not None:
                await link.send(save)
            if is_attached and not _missing(wanted, upload):
                return True

    def _tell_once(
        self, session_id: SessionId, wanted: dict[SegmentId, int], upload: Upload
    ) -> None:
        missing = _missing(wanted, upload)
        if missing and session_id not in self._told:
            self._told.add(session_id)
            self._tell(SESSION_MOVED, f"考生已换到其他机位，本机还有 {missing} 条作答正在补传")

    def _load(self) -> _Debt | None:
        try:
            data = self._files.read(self._path, limits.config_bytes_max)
            return decode_canonical(data, _Debt, _DEBT_MALFORMED, "补传记录")
        except FileNotFoundError:
            return None
        except (OSError, ExamError):
            self._alarm(_DEBT_MALFORMED, "本机的补传记录无法读取")
            return None

    def _keep(self, debt: _Debt) -> None:
        self._debt = debt
        try:
            self._files.replace(self._path, encode_canonical(debt))
        except OSError:
            self._alarm(CLIENT_DISK, "补传记录无法写入磁盘")


def _missing(wanted: dict[SegmentId, int], upload: Upload) -> int:
    return sum(
        max(0, frames - upload.acknowledged.get(segment_id, 0))
        for segment_id, frames in wanted.items()
    )
