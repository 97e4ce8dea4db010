"""What a session leaves on this machine's disk beside its journal, and what may be taken from it.

Nothing here raises for the disk's sake: the exam goes on, and an alarm says what is missing. What
can be read without the server is only sealed: the keys of the paper open with the device key and
a one-time code from the proctor's sheet.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exam_client.config import CLIENT_DISK, KioskConfig
from exam_client.journal.files import FileSystem
from exam_client.package_cache import PackageCache
from exam_client.resume_vault import ResumeVault
from exam_client.session.evidence import EVIDENCE_NAME
from exam_client.session.resume import Resume, ResumeFile, Stage
from exam_core.errors import ExamError, StateError, declare
from exam_core.formats.paper_package import PaperPackage
from exam_core.formats.resume_file import (
    LockedResume,
    ResumeKeys,
    ResumeTicket,
    unlock_resume,
)
from exam_core.model.identifiers import SessionId
from exam_core.protocol.orders import Begin

RESUME_NONE = declare("resume.none", "本机没有可断网恢复的考试；请等待服务器恢复。")
RESUME_PACKAGE = declare(
    "resume.package", "本机的试卷包缺失或已损坏，不能断网恢复；请等待服务器恢复。"
)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_log = logging.getLogger("exam_client.session")


class Unlocked(NamedTuple):
    """A session that can go on without the server."""

    resume: Resume
    keys: ResumeKeys
    package: PaperPackage
    code_number: int


class Keeping:
    """The files of the session under way.

    Args:
        files: How files are read and written.
        config: Whose files they are.
        cache: Where the sealed paper is.
        alarm: Told what could not be written or removed: code and message.
    """

    def __init__(
        self,
        files: FileSystem,
        config: KioskConfig,
        cache: PackageCache,
        alarm: Callable[[str, str], None],
    ) -> None:
        self._files = files
        self._folder = config.folder
        self._seat_id = config.seat_id
        self._cache = cache
        self._resume_file = ResumeFile(files, config.folder)
        self._vault = ResumeVault(files, config.folder)
        self._alarm = alarm
        self.package_sha256 = ""

    def load(self) -> Resume | None:
        """The session under way; None when there is none or it cannot be read."""
        try:
            return self._resume_file.load()
        except (ExamError, OSError) as error:
            code = error.code if isinstance(error, ExamError) else CLIENT_DISK
            self._alarm(code, "续考记录无法读取")
            return None

    def save(self, resume: Resume) -> None:
        """Remember the session as it stands."""
        try:
            self._resume_file.save(resume)
        except OSError as error:
            _log.error("resume_not_saved", extra={"errno": error.errno})
            self._alarm(CLIENT_DISK, "续考记录无法写入磁盘")

    def forget(self) -> None:
        """There is no session under way any more; its journal stays."""
        self.drop_keys()
        try:
            self._resume_file.forget()
        except OSError:
            self._alarm(CLIENT_DISK, "续考记录无法删除")

    def keep_evidence(self, session_id: SessionId, data: bytes) -> None:
        """Put what the server acknowledged beside the journal."""
        try:
            self._files.replace(self._folder.session(session_id) / EVIDENCE_NAME, data)
        except OSError as error:
            _log.warning("evidence_not_saved", extra={"errno": error.errno})

    def keep_keys(self, resume: Resume, begin: Begin) -> None:
        """Seal the keys for the next code that was not used; without one, to nothing."""
        number = resume.codes_used + 1
        if number > len(begin.resume_recipients):
            self.drop_keys()
            return
        keys = ResumeKeys(
            package_sha256=self.package_sha256,
            form_number=begin.form_number,
            form_identity=begin.form_identity,
            journal_key=begin.journal_key,
            recipients=begin.resume_recipients,
        )
        ticket = ResumeTicket(
            sitting_id=resume.sitting_id,
            seat_id=self._seat_id,
            session_id=resume.session_id,
            code_number=number,
        )
        try:
            self._vault.keep(keys, ticket)
        except (ExamError, OSError):
            _log.exception("resume_keys_not_sealed")
            self._alarm(CLIENT_DISK, "断网恢复文件无法写入磁盘")

    def drop_keys(self) -> None:
        """The keys are needed no more."""
        try:
            self._vault.remove()
        except OSError:
            self._alarm(CLIENT_DISK, "断网恢复文件无法删除")

    def locked(self) -> LockedResume | None:
        """What a code can open: only of a session whose paper was open and was not handed in."""
        resume = self.load()
        if resume is None or resume.stage is not Stage.RULES_READ or resume.submit is not None:
            return None
        try:
            locked = self._vault.load()
        except OSError:
            return None
        except ExamError as error:
            self._alarm(error.code, error.message)
            return None
        is_ours = locked is not None and locked.ticket.session_id == resume.session_id
        return locked if is_ours else None

    def unlock(self, code: str) -> Unlocked:
        """Open the keys with a code; used up by `keep_keys` before the paper is shown.

        Raises:
            StateError: `resume.none`, `resume.package`.
            InputError: `resume.code_shape`, `resume.code_group`, `resume.malformed`.
            IntegrityError: `resume.code`.
        """
        locked, resume = self.locked(), self.load()
        if locked is None or resume is None:
            raise StateError(RESUME_NONE, "没有可恢复的考试")
        keys = unlock_resume(locked, code)
        package = self._cache.load(keys.package_sha256, sitting_id=resume.sitting_id)
        if package is None:
            raise StateError(RESUME_PACKAGE, "本机没有完好的试卷包")
        self.package_sha256 = keys.package_sha256
        return Unlocked(resume, keys, package, locked.ticket.code_number)


def boot_id() -> str:
    """Tells one boot of this machine from another; empty where nothing does."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
