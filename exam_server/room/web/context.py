"""What the room's handlers need, reached as `request.app.state.room`."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from exam_core.errors import StateError
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.model.identifiers import SeatId
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import Clock
from exam_server.room.backup.holding import BackupDesk
from exam_server.room.folder import RoomFolder
from exam_server.room.hub import RoomHub
from exam_server.room.services.comparison import Comparisons
from exam_server.room.services.enrolment import KIOSK_UNKNOWN, EnrolledKiosk, JoinCodes
from exam_server.room.services.opening_desk import OpeningDesk
from exam_server.store.engine import Store
from exam_server.tls import read_seat


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomContext:
    """The parts of the running room."""

    hub: RoomHub
    store: Store
    folder: RoomFolder
    trail: AuditTrail
    clock: Clock
    codes: JoinCodes
    comparisons: Comparisons
    desk: OpeningDesk
    backups: BackupDesk
    centre: CentreDescriptor
    duration_ms: int


def context_of(connection: HTTPConnection) -> RoomContext:
    """The room of a request."""
    room: RoomContext = connection.app.state.room
    return room


def seat_of(connection: HTTPConnection) -> SeatId:
    """The seat in the client certificate; raises as `kiosk_of`."""
    return kiosk_of(connection).seat_id


def kiosk_of(connection: HTTPConnection) -> EnrolledKiosk:
    """The kiosk of the client certificate, while that is on the allow-list.

    Raises:
        StateError: `kiosk.unknown`.
    """
    state = context_of(connection).hub.state
    der = connection.scope.get("state", {}).get("peer_certificate")
    seat = read_seat(der) if der else None
    kiosk = state.kiosks.get(seat.fingerprint) if seat else None
    if (
        seat is None
        or kiosk is None
        or seat.sitting_id != state.sitting_id
        or kiosk.seat_id != seat.seat_id
        or seat.seat_id not in state.seats
    ):
        raise StateError(KIOSK_UNKNOWN, "机位证书不在允许名单上")
    return kiosk
