"""Replaces headquarters' root in a room, once the old and the new people have signed the step."""

from dataclasses import dataclass

from exam_core.errors import ExamError, StateError
from exam_core.formats.centre_descriptor import verify_centre
from exam_core.formats.trust_root import TrustRoot, accept_root_update, encode_root, fingerprint
from exam_core.model.states import SITTING_STATE, SittingState
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.folder import read_input, write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.store import room as tables
from exam_server.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RootChange:
    """The root that counts now, and what headquarters has to sign anew under it."""

    root: TrustRoot
    centre_holds: bool
    package_holds: bool


def install_root(store: Store, room: RoomFolder, trail: AuditTrail, update: bytes) -> RootChange:
    """Take the next root in; durable when this returns.

    Only before the paper is opened: afterwards the package that the sitting runs on must stay
    what it was verified as. What the new people have not signed is named, not removed.

    Raises:
        InputError, IntegrityError: `root.*`, `signature.*`; the present root stays.
        StateError: `sitting.state`.
        StorageError: `storage.full`, `storage.failed`; the present root stays.
    """
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is not None and sitting.state != SittingState.PREPARED:
            raise StateError(SITTING_STATE, "试卷已启封，不能更换信任根")
        digest = sitting.package_sha256 if sitting else ""
    root = accept_root_update(update, room.root())
    write_atomically(room.path / "root.json", encode_root(root))
    trail.record(
        "root_installed",
        subject=room.centre().centre_id,
        version=root.version,
        root=fingerprint(root).replace(" ", ""),
    )
    return RootChange(
        root=root,
        centre_holds=_centre_holds(room, root),
        package_holds=not digest or _package_holds(room, digest),
    )


def _centre_holds(room: RoomFolder, root: TrustRoot) -> bool:
    if not room.signed_centre_file.exists():
        return True
    try:
        data = read_input(
            room.signed_centre_file, bytes_max=limits.config_bytes_max, name="考点签名文件"
        )
        verify_centre(data, root)
    except ExamError:
        return False
    return True


def _package_holds(room: RoomFolder, digest: str) -> bool:
    try:
        room.package(digest)
    except ExamError:
        return False
    return True
