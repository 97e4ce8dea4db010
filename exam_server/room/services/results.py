"""Makes the results in two steps: fixed and sealed first, then signed by two officials.

Fixing is the point of no return: from then on nothing is taken, and what lies in the folder is
the final content with the centre's signature. Each official's signature is added to it as it
comes; with the second one the bundle exists and the sitting is closed. Who can open it stands in
the package that headquarters signed; nobody here chooses.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exam_core import limits as core_limits
from exam_core.crypto.signing import PrivateSigningKey, key_id, public_key_of
from exam_core.errors import ExamError, IntegrityError, StateError, declare
from exam_core.formats.officials import CENTRE_OFFICIALS, open_official_key
from exam_core.formats.results_bundle import (
    RESULTS_NO_OFFICIAL,
    RESULTS_ONE_OFFICIAL,
    check_sealed,
    join_results,
    seal_results,
    sign_results,
    verify_results_envelope,
)
from exam_core.formats.results_content import ResultsManifest
from exam_core.model.identifiers import PaperId, SittingId
from exam_core.model.states import (
    FIXED_STATES,
    SITTING_STATE,
    SittingEvent,
    SittingState,
    next_sitting_state,
)
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.new_account import check_person
from exam_server.accounts.people import People
from exam_server.accounts.roles import RESULTS_SIGNERS
from exam_server.folder import write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services.results_collecting import (
    collect_content,
    collect_sessions,
    count_people,
    named_recipients,
)
from exam_server.room.services.results_draft import (
    DraftFile,
    ResultsDraft,
    Witness,
    read_draft_file,
    write_draft,
)
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store

OFFICIAL_UNKNOWN = declare(
    "official.unknown", "这把密钥不是本考点登记的签名官员的；请核对是否拿错了密钥文件。"
)
OFFICIAL_SIGNED = declare("official.signed", "该官员已经签过；请另一名官员用自己的账号和密钥签名。")
OFFICIAL_SAME_PERSON = declare(
    "official.same_person", "两名官员须各用自己的账号、在各自的浏览器中签名。"
)
RESULTS_DIGEST = declare(
    "results.digest_shown", "页面显示的摘要与待签结果不同；请刷新页面，核对摘要后再签名。"
)


Exporter = Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who brings an official's key: an account in a browser session, or the command line."""

    account: str
    session_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What an official brings to the command line: an account, and the key with its passphrase."""

    account: str
    password: str
    key_file: bytes
    passphrase: str


def fix_results(
    store: Store, room: RoomFolder, trail: AuditTrail, *, actors: tuple[str, ...]
) -> ResultsDraft:
    """Make and seal the results; afterwards the sitting takes nothing more.

    They are sealed to the recipients in the signed package. When they were fixed before, this
    only tells them.

    Raises:
        InputError: `file.unreadable`, `package.malformed`, when the package on disk is damaged.
        IntegrityError: `package.altered`, `assignment.other`, `signature.*`, likewise.
        StateError: `sitting.state`, unless ended; `session.state`, while one is still open;
            `centre.officials`, when two people could not sign.
        StorageError: `storage.full`, `storage.failed`; the sitting stays ended.
    """
    with store.transaction() as db:
        sitting = _sitting(db)
        if sitting.state in FIXED_STATES:
            return read_draft_file(room, sitting)
        after = next_sitting_state(SittingState(sitting.state), SittingEvent.SEAL)
        officials = room.centre().officials
        if len(officials) < core_limits.officials_min:
            raise StateError(CENTRE_OFFICIALS, f"考点只登记了 {len(officials)} 名签名官员")
        recipients = named_recipients(room, sitting)
        sessions = collect_sessions(db)
        counts = count_people(db, sessions)
        sitting.exports += 1
        sitting.state = str(after)
        trail.record(
            "results_fixed",
            actors=actors,
            subject=sitting.sitting_id,
            sequence=sitting.exports,
            rostered=counts.rostered,
            submitted=counts.submitted,
            unsubmitted=counts.unsubmitted,
            absent=counts.absent,
            recipients=" ".join(recipients),
        )
        trail.take_checkpoint(CheckpointReason.FIXED)
        log = trail.snapshot()
        content = collect_content(db, room, sitting, sessions, log)
        manifest = ResultsManifest(
            centre_id=room.centre().centre_id,
            sitting_id=SittingId(sitting.sitting_id),
            paper_id=PaperId(sitting.paper_id),
            manifest_sha256=sitting.manifest_sha256,
            sequence=sitting.exports,
            counts=counts,
            audit_head=log.head,
            audit_lines=0,
            assignment_sha256="",
            sessions=(),
            content_sha256="",
        )
        envelope, sealed = seal_results(manifest, content, room.signing_key(), recipients)
        write_atomically(room.sealed_results_file, sealed)
        write_draft(room, DraftFile(envelope=envelope, witnesses=()))
        return read_draft_file(room, sitting)


def read_draft(store: Store, room: RoomFolder) -> ResultsDraft | None:
    """The results that are fixed, also when they are signed and out; None before."""
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None or sitting.state not in FIXED_STATES:
            return None
        return read_draft_file(room, sitting)


def add_signature(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    signer: Signer,
    *,
    digest: str,
    key: PrivateSigningKey,
) -> ResultsDraft:
    """An official signs what is fixed.

    Args:
        store: The room's database.
        room: Its folder.
        trail: Its audit log.
        signer: Who brings the key.
        digest: What the page showed them; it must be what is signed.
        key: The official's, which is used and forgotten.

    Raises:
        IntegrityError: `results.altered`, when the draft on disk was changed.
        StateError: `sitting.state`, unless fixed and not out; `official.unknown`,
            `official.signed`, `official.same_person`, `results.digest_shown`.
        StorageError: `storage.full`, `storage.failed`; the signature was not taken.
    """
    mark = key_id(public_key_of(key))
    with store.transaction() as db:
        sitting = _sitting(db)
        if sitting.state != SittingState.SEALED:
            raise StateError(SITTING_STATE, "结果尚未固定，或已签名导出")
        draft = read_draft_file(room, sitting)
        official = next(
            (one for one in room.centre().officials if key_id(one.signing_key) == mark), None
        )
        if official is None:
            raise StateError(OFFICIAL_UNKNOWN, "密钥不属于本考点的签名官员")
        file = draft.file
        if any(witness.keyid == mark for witness in file.witnesses):
            raise StateError(OFFICIAL_SIGNED, f"{official.name} 已签名")
        for witness in file.witnesses:
            if signer.account == witness.account or signer.session_key == witness.session_key:
                raise StateError(OFFICIAL_SAME_PERSON, "两名官员的密钥由同一人提供")
        if digest != draft.digest:
            raise StateError(RESULTS_DIGEST, "摘要不符")
        trail.record(
            "results_signed",
            actors=(signer.account,),
            role=official.office,
            subject=official.name,
            key_id=mark,
            digest=digest,
        )
        write_draft(
            room,
            DraftFile(
                envelope=sign_results(file.envelope, key),
                witnesses=(
                    *file.witnesses,
                    Witness(keyid=mark, account=signer.account, session_key=signer.session_key),
                ),
            ),
        )
        return read_draft_file(room, sitting)


def bring_signature(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    signer: Signer,
    *,
    digest: str,
    key_file: bytes,
    passphrase: str,
) -> ResultsDraft:
    """An official signs with the key file they carry; takes about a second. Refusals are logged.

    Raises:
        IntegrityError: `official.key`, and as `add_signature`.
        StateError: As `add_signature`.
        StorageError: As `add_signature`.
    """
    try:
        key = open_official_key(key_file, passphrase)
        return add_signature(store, room, trail, signer, digest=digest, key=key)
    except ExamError as error:
        trail.record("results_signature_refused", actors=(signer.account,), code=error.code)
        raise


def sign_and_export(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    people: People,
    brought: Sequence[Brought],
) -> bytes:
    """All steps at one command line, where the officials stand side by side; slow.

    Nothing is fixed before there are keys enough that open, each with an account of its own.
    Results that were out are given again.

    Args:
        store: The room's database.
        room: Its folder.
        trail: Its audit log.
        people: The accounts of the room.
        brought: What each official who has not signed yet brings.

    Raises:
        InputError: `access.refused`, and as `fix_results`.
        IntegrityError: `official.key`, `results.one_official`, `results.no_official`, and as
            the steps.
        StateError: `pair.role`, `access.wait`, and as the steps.
        StorageError: As the steps.
    """
    if state_on_disk(store) is not SittingState.CLOSED:
        opened = [(one, open_official_key(one.key_file, one.passphrase)) for one in brought]
        draft = read_draft(store, room)
        signed = len(draft.signed_by) if draft else 0
        if signed + len(opened) < core_limits.officials_min:
            code = RESULTS_ONE_OFFICIAL if signed + len(opened) else RESULTS_NO_OFFICIAL
            raise IntegrityError(code, f"须 {core_limits.officials_min} 名官员签名")
        accounts = tuple(one.account for one in brought)
        if len(set(accounts)) < len(accounts):
            raise StateError(OFFICIAL_SAME_PERSON, "两名官员给的是同一个账号")
        for one in brought:
            check_person(people, one.account, one.password, RESULTS_SIGNERS)
        draft = fix_results(store, room, trail, actors=accounts)
        for one, key in opened:
            signer = Signer(account=one.account, session_key=f"command line {one.account}")
            add_signature(store, room, trail, signer, digest=draft.digest, key=key)
    return export_results(store, room, trail)


def export_results(store: Store, room: RoomFolder, trail: AuditTrail) -> bytes:
    """The bundle, once two officials signed; afterwards the sitting is closed.

    A closed sitting gives the same file again.

    Raises:
        IntegrityError: `results.altered`, `results.*`, `signature.*`, when the draft on disk was
            changed.
        StateError: `sitting.state`, unless two officials signed.
        StorageError: `storage.full`, `storage.failed`, `machine.registry`; the next call goes on
            from here.
    """
    bundle = _close(store, room, trail)
    # A folder holds one sitting, so this stays true; the grading site refuses keys without it.
    with store.transaction() as db:
        room.report_state(_sitting(db).sitting_id, SittingState.CLOSED)
    return bundle


def state_on_disk(store: Store) -> SittingState | None:
    """Where the sitting stands, as the database has it."""
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        return SittingState(sitting.state) if sitting else None


def _close(store: Store, room: RoomFolder, trail: AuditTrail) -> bytes:
    with store.transaction() as db:
        sitting = _sitting(db)
        if sitting.state == SittingState.CLOSED:
            return room.results_file.read_bytes()
        after = next_sitting_state(SittingState(sitting.state), SittingEvent.CLOSE)
        draft = read_draft_file(room, sitting)
        if len(draft.signed_by) < core_limits.officials_min:
            missing = core_limits.officials_min - len(draft.signed_by)
            raise StateError(SITTING_STATE, f"还差 {missing} 名签名官员的签名")
        sealed = room.sealed_results_file.read_bytes()
        check_sealed(draft.manifest, sealed)
        envelope = draft.file.envelope
        verify_results_envelope(envelope, room.centre())
        bundle = join_results(envelope, sealed)
        write_atomically(room.results_file, bundle)
        sitting.state = str(after)
        trail.record(
            "results_exported",
            actors=tuple(one.account for one in draft.signed_by),
            subject=sitting.sitting_id,
            officials="、".join(one.official.name for one in draft.signed_by),
            digest=draft.digest,
            file_sha256=hashlib.sha256(bundle).hexdigest(),
        )
        trail.take_checkpoint(CheckpointReason.EXPORT)
        return bundle


def _sitting(db: Db) -> tables.SittingRow:
    sitting = tables.lock_sitting(db)
    if sitting is None:
        raise StateError(SITTING_STATE, "没有可导出的场次")
    return sitting
