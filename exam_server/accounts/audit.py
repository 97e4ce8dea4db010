"""The audit trail on disk: one line appended for each action, and synced before it is answered.

The chain is in `exam_core.formats.audit_log`; here are only the files. A line that a crash cut
short was never answered: it is kept beside the log and the log goes on after the last whole line.
Once it is known whose log it is (`sign_with`), checkpoints are taken of it and lie beside it.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exam_core.crypto.merkle import GrowingTree, leaf_hash
from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.errors import IntegrityError
from exam_core.formats.audit_evidence import LogReport, examine_log
from exam_core.formats.audit_log import (
    AUDIT_MALFORMED,
    CHECKPOINT_TAKEN,
    GENESIS,
    AuditEntry,
    entry_hash,
    next_entry,
    split_lines,
    verify_lines,
)
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.checkpoint import Checkpoint, sign_checkpoint
from exam_server.accounts.audit_draft import AuditDraft, DraftLine
from exam_server.accounts.checkpoint_file import CheckpointFile
from exam_server.appended_file import append_durably, set_torn_aside
from exam_server.clock import Clock

SYSTEM = "系统"
"""The actor where the program itself acts, as when time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSigner:
    """Whose log it is, and the key that says so in its checkpoints."""

    origin: str
    key: PrivateSigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailSnapshot:
    """The log at one moment: lines without line ends, the head, the checkpoints."""

    lines: tuple[bytes, ...]
    head: str
    checkpoints: tuple[str, ...]


class AuditTrail:
    """The log of one program; safe to use from several threads, one process at a time."""

    def __init__(self, path: Path, clock: Clock, *, actor: str = SYSTEM) -> None:
        """Open the log and check the whole chain.

        Args:
            path: The log; checkpoints lie beside it.
            clock: What lines are dated by.
            actor: Who acts where a line names nobody; at a command line, its operator.

        Raises:
            InputError: `audit.malformed`.
            IntegrityError: `audit.chain`.
        """
        self._path = path
        self._clock = clock
        self._actor = actor
        self._turn = threading.Lock()
        self._signer: LogSigner | None = None
        self._notes = CheckpointFile(path.with_name("checkpoints.txt"))
        self._tree = GrowingTree()
        self._last = self._recover()

    def sign_with(self, signer: LogSigner) -> None:
        """Take checkpoints as this signer from now on, once those on disk fit the log.

        Raises:
            IntegrityError: A code of `exam_core.formats.audit_evidence`: what was found first.
        """
        self._signer = signer
        report = self.examine()
        if report.findings:
            first = report.findings[0]
            message = f"审计日志与检查点不符：{first.message}"
            raise IntegrityError(
                first.code, message, line=first.last_line, findings=report.findings
            )

    def examine(self) -> LogReport:
        """Hold the log on disk against its checkpoints.

        Raises:
            ValueError: Nobody signs the log yet.
        """
        if self._signer is None:
            raise ValueError("nobody signs this log yet")
        now = self.snapshot()
        return examine_log(
            now.lines,
            now.checkpoints,
            origin=self._signer.origin,
            key=public_key_of(self._signer.key),
        )

    def record(  # the fields of a line, each by name
        self,
        action: str,
        *,
        actors: tuple[str, ...] | None = None,
        role: str = "",
        subject: str = "",
        **details: str | int,
    ) -> None:
        """Append one line; it is durable when this returns.

        Raises:
            StorageError: `storage.full`, `storage.failed`; the log is as it was.
        """
        draft = AuditDraft()
        draft.record(action, actors=actors, role=role, subject=subject, **details)
        self.append(draft)

    def append(self, draft: AuditDraft) -> None:
        """Append all lines of a draft with one sync; all are durable when this returns, or none.

        Raises:
            StorageError: `storage.full`, `storage.failed`; the log is as it was.
        """
        if draft.lines:
            with self._writing():
                self._append(draft.lines)

    def take_checkpoint(self, reason: str, *, only_if_grown: bool = False) -> str | None:
        """Sign the state of the log, keep the note on disk, and write a line that tells of it.

        Returns:
            The note, durable; None when nobody signs this log yet or, if asked so, when the log
            has nothing new but the line about the last checkpoint.

        Raises:
            StorageError: `storage.full`, `storage.failed`; without the note there is no line.
        """
        with self._writing():
            last = self._last
            is_new = last is not None and last.action != CHECKPOINT_TAKEN
            if self._signer is None or (only_if_grown and not is_new):
                return None
            state = Checkpoint(
                origin=self._signer.origin,
                size=self._tree.size,
                root=self._tree.root().hex(),
                head=entry_hash(last) if last else GENESIS,
            )
            note = sign_checkpoint(state, self._signer.key)
            if note != self._notes.latest():  # after a crash before the line that tells of it
                self._notes.append(note)
            draft = AuditDraft()
            draft.record(
                CHECKPOINT_TAKEN,
                actors=(SYSTEM,),
                reason=reason,
                size=state.size,
                root=state.root,
            )
            self._append(draft.lines)
            return note

    def lines(self) -> list[bytes]:
        """Every line, without line ends."""
        with self._turn:
            return self._read_lines()

    def checkpoints(self) -> tuple[str, ...]:
        """Every checkpoint, in order."""
        with self._turn:
            return self._notes.read()

    def latest_checkpoint(self) -> str:
        """The last checkpoint; empty before the first. Waits for no disk: the loop asks."""
        return self._notes.latest()

    @property
    def head(self) -> str:
        """The hash of the last entry, or the genesis hash."""
        with self._turn:
            return entry_hash(self._last) if self._last else GENESIS

    def snapshot(self) -> TrailSnapshot:
        """Lines, head and checkpoints of one moment."""
        with self._writing():
            return TrailSnapshot(
                lines=tuple(self._read_lines()),
                head=entry_hash(self._last) if self._last else GENESIS,
                checkpoints=self._notes.read(),
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Held while lines are added."""
        with self._turn:
            yield

    def _append(self, lines: Sequence[DraftLine]) -> None:
        last, encoded = self._last, []
        for line in lines:
            last = next_entry(
                last,
                at_utc_ms=self._clock.utc_ms(),
                actors=line.actors or (self._actor,),
                role=line.role,
                action=line.action,
                subject=line.subject,
                details={key: str(value) for key, value in line.details.items()},
            )
            encoded.append(encode_canonical(last))
        append_durably(self._path, b"".join(line + b"\n" for line in encoded))
        self._last = last
        for data in encoded:
            self._tree.append(leaf_hash(data))

    def _read_lines(self) -> list[bytes]:
        return split_lines(self._path.read_bytes()) if self._path.exists() else []

    def _recover(self) -> AuditEntry | None:
        data = self._path.read_bytes() if self._path.exists() else b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            set_torn_aside(self._path, whole)
        self._notes.recover()
        lines = split_lines(data)
        head = verify_lines(lines)
        self._tree = GrowingTree(map(leaf_hash, lines))
        if not lines:
            return None
        last = decode_canonical(lines[-1], AuditEntry, AUDIT_MALFORMED, "审计日志末行")
        if entry_hash(last) != head:
            raise IntegrityError(AUDIT_MALFORMED, "审计日志末行不对")
        return last
