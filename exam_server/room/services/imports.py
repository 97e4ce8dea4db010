"""Takes the delivered package and the roster in; each import happens whole or not at all.

Files are written under the package's digest first; the commit that names the digest makes them
the sitting's package. What an import that failed wrote is removed.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from exam_core import limits as core_limits
from exam_core.errors import ExamError, InputError, IntegrityError, StateError, declare
from exam_core.formats.assignment import roster_digest
from exam_core.formats.opening_bundle import OpeningHeader, check_fits, read_opening_file
from exam_core.formats.package_manifest import Manifest
from exam_core.formats.paper_package import PACKAGE_SEQUENCE, PaperPackage, verify_package
from exam_core.model.form_draw import SEED_BYTES
from exam_core.model.identifiers import SeatId
from exam_core.model.roster import seat_id_is_valid
from exam_core.model.states import SITTING_STATE, SittingState
from exam_server import limits
from exam_server.accounts.audit import SYSTEM, AuditTrail
from exam_server.folder import FileSource, copy_input, sync_folder, write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.room.room_log import CheckpointReason, sign_room_log
from exam_server.room.services.assignment import Assigned, assign_forms
from exam_server.room.services.roster_file import read_roster
from exam_server.room.services.set_up import draw_digits
from exam_server.store import room as tables
from exam_server.store.engine import Store

PACKAGE_SITTING = declare("package.sitting", "试卷包属于另一场次；一个数据文件夹只办一场考试。")
PACKAGE_SAME_SEQUENCE = declare(
    "package.same_sequence",
    "同一序号出现了两个内容不同的试卷包；两份都不要使用，请总部核实后用更高的序号重新制包。",
)
PACKAGE_FORMS = declare("package.forms", "试卷包的卷数少于名单人数；请总部补做试卷或核对名单。")
KEY_NOT_HERE = declare(
    "key.not_here", "这是答案包，只能交阅卷点；请立即从本机移走并报告，考场没有保留任何内容。"
)
OPENING_FORMS = declare(
    "opening.forms", "启封包所列的卷不在试卷包内；请总部为本考点重新封装启封包。"
)
ROSTER_EARLY = declare("roster.no_package", "请先导入试卷包，再导入名单。")
ROSTER_EXISTS = declare(
    "roster.exists", "更换名单会重新分卷；确认要更换时请加 --replace 再导入，没有做任何改动。"
)
ROSTER_SPARE = declare(
    "roster.spare", "备用机位请用逗号分隔，例如 B01,B02；不能重复，也不能是名单上的机位。"
)
ROSTER_SEED = declare("roster.seed", "种子应为 64 位十六进制数字；不填则由系统抽取。")

_ANSWER_KEY_MAGIC = b"EXKY1\n"  # of `exam_core.keys`, which the room never imports


def import_package(
    store: Store, room: RoomFolder, trail: AuditTrail, *, package: Path, opening: bytes
) -> Manifest:
    """Verify and keep a package with its opening bundle.

    The file is copied first and the copy verified, so that a stick that changes its mind changes
    nothing; a mebibyte of it is in memory at a time. Importing the same files again changes
    nothing. Until the paper is opened a higher sequence replaces the package, and the same package
    may come with another opening bundle. The highest sequence stays in the database whatever
    happens to the files. That package, bundle, centre and sitting belong together is known here,
    from the bundle's signed header; that the bundle opens needs the centre's key. What is refused
    leaves a line in the log.

    Raises:
        InputError: `package.*`, `signature.*`, `opening.malformed`, `opening.forms`, `file.*`.
        IntegrityError: `package.altered`, `opening.altered`, `opening.mismatch`,
            `opening.other_key`, `signature.*`.
        StateError: `package.sequence`, `package.same_sequence`, `package.sitting`,
            `package.forms`, `sitting.state`.
        StorageError: `storage.full`, `storage.failed`, `machine.registry`; the former package
            stays.
    """
    incoming = room.incoming_package_file
    copy_input(package, incoming, bytes_max=limits.package_bytes_max, name="试卷包")
    try:
        with refusals_logged(trail):
            verified = verify_package(FileSource(incoming, name="试卷包"), room.root())
            header = read_opening_file(opening, room.root()).header
            _keep(store, room, trail, verified, opening, header)
    finally:
        incoming.unlink(missing_ok=True)
    return verified.manifest


@contextmanager
def refusals_logged(trail: AuditTrail) -> Iterator[None]:
    """Write a line for a package or bundle that is refused; a full disk is no refusal."""
    try:
        yield
    except (InputError, IntegrityError, StateError) as error:
        trail.record("package_refused", code=error.code)
        raise


def _keep(  # noqa: PLR0917  one caller, above
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    package: PaperPackage,
    opening: bytes,
    header: OpeningHeader,
) -> None:
    manifest, digest = package.manifest, package.sha256
    package_file, opening_file = room.package_file(digest), room.opening_file(digest)
    had_package = package_file.exists()
    held = opening_file.read_bytes() if opening_file.exists() else None
    try:
        with store.transaction() as db:
            row = tables.find_sitting(db)
            if row:
                _refuse_replacement(row, manifest, digest, len(tables.list_candidates(db)))
            check_fits(
                header,
                room.centre(),
                paper_id=manifest.paper_id,
                sitting_id=manifest.sitting_id,
                manifest_sha256=package.manifest_sha256,
            )
            _check_forms(header, manifest, len(tables.list_candidates(db)))
            if row and row.package_sha256 == digest:
                if held == opening and _is_whole(room, digest):
                    return
                _refuse_other_bundle(row, held, opening)
            room.incoming_package_file.replace(package_file)
            sync_folder(package_file.parent)
            write_atomically(opening_file, opening)
            former = row.package_sha256 if row else digest
            if row is None:
                row = _new_sitting(manifest)
                db.add(row)
            row.exam_id = manifest.exam_id
            row.paper_id = manifest.paper_id
            row.title = manifest.title
            row.sequence = manifest.sequence
            row.duration_ms = manifest.duration_ms
            row.not_before_utc_ms = manifest.not_before_utc_ms
            row.scoring_note = manifest.scoring_note
            row.manifest_sha256 = package.manifest_sha256
            row.package_sha256 = digest
            tables.replace_forms(db, header.form_numbers)  # what the draw gives out
            if tables.list_candidates(db):
                assign_forms(db, room, trail, row, seed=bytes.fromhex(row.form_seed))
            room.report_state(manifest.sitting_id, SittingState.PREPARED)
            trail.record(
                "package_imported",
                subject=manifest.sitting_id,
                sequence=manifest.sequence,
                forms=manifest.total_forms,
                images=len(manifest.images()),
                package_sha256=digest,
                opening_sha256=hashlib.sha256(opening).hexdigest(),
                signers=",".join(signer.key_id for signer in package.signers),
            )
    except BaseException:
        if not had_package:
            package_file.unlink(missing_ok=True)
        _put_back(opening_file, held)
        raise
    sign_room_log(trail, room, manifest.sitting_id)
    trail.take_checkpoint(CheckpointReason.PACKAGE)
    if former != digest:
        room.package_file(former).unlink(missing_ok=True)
        room.opening_file(former).unlink(missing_ok=True)


def _is_whole(room: RoomFolder, digest: str) -> bool:
    try:
        return room.package(digest).sha256 == digest
    except ExamError:
        return False  # gone or damaged: the fresh copy takes its place


def refuse_answer_key(*files: Path) -> None:
    """Refuse an answer key that was brought to the room by mistake, before anything reads it.

    Only its first bytes are looked at; a file that cannot be read is left for its own refusal.

    Raises:
        InputError: `key.not_here`.
    """
    for path in files:
        try:
            with path.open("rb") as file:
                start = file.read(len(_ANSWER_KEY_MAGIC))
        except OSError:
            continue
        if start == _ANSWER_KEY_MAGIC:
            raise InputError(KEY_NOT_HERE, f"{path.name} 是答案包")


def import_roster(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    *,
    roster: bytes,
    seed_hex: str,
    replaces: bool = False,
    spare_seats: Sequence[SeatId] = (),
) -> Assigned:
    """Read the roster, seat everybody, draw the forms and sign the table.

    An earlier roster is replaced only when the caller says so. Spare seats have no candidate; one
    whose machine breaks goes on there.

    Returns:
        The table, from the seed given or one from the system's randomness.

    Raises:
        InputError: `roster.file`, `roster.row`, `roster.seed`, `roster.spare`.
        StateError: `roster.no_package`, `roster.exists`, `package.forms`, `sitting.state`.
        StorageError: `storage.full`, `storage.failed`; the former roster stays.
    """
    candidates = read_roster(roster)
    _check_spares(spare_seats, {one.seat_id for one in candidates})
    seed = _parse_seed(seed_hex) if seed_hex else secrets.token_bytes(SEED_BYTES)
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None:
            raise StateError(ROSTER_EARLY, "还没有导入试卷包")
        if sitting.state != SittingState.PREPARED or tables.list_sessions(db):
            raise StateError(SITTING_STATE, "试卷已启封或已有考生登录，不能更换名单")
        former = len(tables.list_candidates(db))
        if former and not replaces:
            raise StateError(ROSTER_EXISTS, f"已导入过 {former} 人的名单")
        forms = len(tables.list_forms(db))
        if len(candidates) > forms:
            raise StateError(PACKAGE_FORMS, f"名单有 {len(candidates)} 人，本考点只有 {forms} 卷")
        tables.replace_roster(
            db,
            (
                tables.CandidateRow(
                    admission_number=candidate.admission_number,
                    position=position,
                    name=candidate.name,
                    id_number=candidate.id_number,
                    unit=candidate.unit,
                    team=candidate.team,
                    is_substitute=candidate.is_substitute,
                    seat_id=candidate.seat_id,
                    sits_at=candidate.seat_id,
                    form_number=-position,  # the draw below gives the number,
                    is_present=False,
                )
                for position, candidate in enumerate(candidates, 1)
            ),
            spare_seats,
        )
        trail.record(
            "roster_replaced" if former else "roster_imported",
            subject=sitting.sitting_id,
            candidates=len(candidates),
            spare_seats=" ".join(spare_seats),
            file_sha256=hashlib.sha256(roster).hexdigest(),
            roster_sha256=roster_digest(candidates),
        )
        return assign_forms(db, room, trail, sitting, seed=seed)


def _check_spares(spares: Sequence[SeatId], taken: set[SeatId]) -> None:
    if len(spares) > limits.spare_seats_max or len(set(spares)) < len(spares):
        raise InputError(ROSTER_SPARE, "备用机位重复或过多")
    for one in spares:
        if one in taken or not seat_id_is_valid(one):
            raise InputError(ROSTER_SPARE, f"备用机位 {one[:20]} 不对或已有考生")


def _check_forms(header: OpeningHeader, manifest: Manifest, candidates: int) -> None:
    """What the bundle opens must be in the package, and enough for everybody; told days before."""
    count, last = len(header.form_numbers), header.form_numbers[-1]
    if last > manifest.total_forms:
        raise InputError(
            OPENING_FORMS, f"启封包列有第 {last} 卷，试卷包只有 {manifest.total_forms} 卷"
        )
    if candidates > count:
        raise StateError(PACKAGE_FORMS, f"名单有 {candidates} 人，启封包只有 {count} 卷")


def _refuse_replacement(
    row: tables.SittingRow, manifest: Manifest, digest: str, candidates: int
) -> None:
    if row.sitting_id != manifest.sitting_id:
        raise StateError(
            PACKAGE_SITTING, f"本场次是 {row.sitting_id}，试卷包是 {manifest.sitting_id}"
        )
    if row.exam_id != manifest.exam_id:
        raise StateError(
            PACKAGE_SITTING, f"本场次属于考试 {row.exam_id}，试卷包属于 {manifest.exam_id}"
        )
    if row.package_sha256 == digest:
        return
    if manifest.sequence == row.sequence:
        raise StateError(
            PACKAGE_SAME_SEQUENCE,
            f"已导入过序号 {row.sequence} 的另一个试卷包",
            sequence=manifest.sequence,
        )
    if manifest.sequence < row.sequence:
        raise StateError(
            PACKAGE_SEQUENCE,
            f"试卷包序号 {manifest.sequence} 低于已导入的 {row.sequence}",
            sequence=manifest.sequence,
        )
    if row.state != SittingState.PREPARED:
        raise StateError(SITTING_STATE, "试卷已启封，不能更换试卷包")
    if candidates > manifest.total_forms:
        raise StateError(
            PACKAGE_FORMS, f"名单有 {candidates} 人，试卷包只有 {manifest.total_forms} 卷"
        )


def _refuse_other_bundle(row: tables.SittingRow, held: bytes | None, opening: bytes) -> None:
    """What opened the paper once must open it again after a restart."""
    if row.state != SittingState.PREPARED and held not in {None, opening}:
        raise StateError(SITTING_STATE, "试卷已启封，不能更换启封包；原来的启封包仍在")


def _put_back(file: Path, data: bytes | None) -> None:
    if data is None:
        file.unlink(missing_ok=True)
    elif file.read_bytes() != data:
        write_atomically(file, data)


def _new_sitting(manifest: Manifest) -> tables.SittingRow:
    return tables.SittingRow(
        sitting_id=manifest.sitting_id,
        state=str(SittingState.PREPARED),
        changed_by=SYSTEM,
        boots=0,
        swaps=0,
        elapsed_ms=0,
        room_code=draw_digits(core_limits.room_code_digits),
        form_seed="",
        assignment_sha256="",
        exports=0,
    )


def _parse_seed(text: str) -> bytes:
    try:
        seed = bytes.fromhex(text)
    except ValueError as error:
        raise InputError(ROSTER_SEED, "种子不是十六进制数字") from error
    if len(seed) != SEED_BYTES:
        raise InputError(ROSTER_SEED, f"种子应为 {SEED_BYTES} 字节")
    return seed
