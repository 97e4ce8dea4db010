"""The CA of the sitting, and the server's certificate from it.

A kiosk that was enrolled for another sitting, and a server of another sitting, are strangers.
"""

import datetime as dt

from exam_core.model.identifiers import SittingId
from exam_server.clock import Clock
from exam_server.folder import write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.tls import issue_server, issue_sitting_authority, names_sitting


def ensure_sitting_authority(room: RoomFolder, sitting_id: SittingId, clock: Clock) -> None:
    """Make the sitting's CA and the server's certificate, unless they are there.

    Done when the package is imported, and looked at again when the server starts. Each of the two
    files is written whole; a CA without the server's certificate is completed the next time.

    Raises:
        InputError: `tls.address`.
        StorageError: `storage.full`, `storage.failed`.
    """
    now = dt.datetime.fromtimestamp(clock.utc_ms() / 1000, dt.UTC)
    file = room.sitting_authority_file
    if not file.exists() or not names_sitting(room.sitting_authority(), sitting_id):
        made = issue_sitting_authority(room.authority(), sitting_id, now=now)
        write_atomically(file, made.key_pem + made.certificate_pem)
    authority = room.sitting_authority()
    if authority.certificate_pem in room.server_certificate_file.read_bytes():
        return
    server = issue_server(authority, room.config().addresses, now=now)
    write_atomically(room.server_certificate_file, server.key_pem + server.certificate_pem)
