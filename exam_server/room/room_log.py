"""The audit log of a room: whose it is, and at which moments its state is signed."""

from enum import StrEnum

from exam_core.formats.checkpoint import room_origin
from exam_core.model.identifiers import SittingId
from exam_server.accounts.audit import SYSTEM, AuditTrail, LogSigner
from exam_server.clock import Clock
from exam_server.room.folder import RoomFolder
from exam_server.store import room as tables
from exam_server.store.engine import Store


class CheckpointReason(StrEnum):
    """Why a checkpoint was taken."""

    INTERVAL = "interval"
    PACKAGE = "package_imported"
    SERVER = "server_started"
    OPENING = "paper_opened"
    START = "sitting_started"
    SWAP = "machine_swapped"
    END = "sitting_ended"
    FIXED = "results_fixed"
    EXPORT = "results_exported"
    SET_ASIDE = "log_set_aside"


def open_room_log(
    folder: RoomFolder, store: Store, clock: Clock, *, actor: str = SYSTEM
) -> AuditTrail:
    """The room's log, held against its checkpoints once a package says which sitting it is.

    `actor` stands in lines that name nobody.

    Raises:
        InputError: `audit.malformed`.
        IntegrityError: `audit.*`, `checkpoint.*`, `note.*`: it does not go on by itself.
    """
    trail = AuditTrail(folder.audit_file, clock, actor=actor)
    sitting_id = present_sitting_id(store)
    if sitting_id is not None:
        sign_room_log(trail, folder, sitting_id)
    return trail


def present_sitting_id(store: Store) -> SittingId | None:
    """The sitting of this data folder, once a package was imported."""
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        return SittingId(sitting.sitting_id) if sitting else None


def sign_room_log(trail: AuditTrail, folder: RoomFolder, sitting_id: SittingId) -> None:
    """From now on checkpoints of the log are taken in the centre's name.

    Raises:
        IntegrityError: As `open_room_log`.
    """
    origin = room_origin(folder.centre().centre_id, sitting_id)
    trail.sign_with(LogSigner(origin=origin, key=folder.signing_key()))
