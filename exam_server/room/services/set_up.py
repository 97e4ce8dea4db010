"""`init`, `install-centre`: makes a centre's keys and the empty room."""

import datetime as dt
import secrets
from collections.abc import Sequence
from pathlib import Path

from exam_core.crypto.sealing import generate_identity, recipient_of
from exam_core.crypto.signing import generate_signing_key, public_key_of
from exam_core.errors import InputError, StorageError, declare
from exam_core.formats.centre_descriptor import CentreDescriptor, encode_centre, verify_centre
from exam_core.formats.opening_key import seal_opening_key
from exam_core.formats.trust_root import encode_root, fingerprint, parse_root
from exam_core.model.identifiers import CentreId
from exam_core.model.states import SittingState
from exam_server import limits
from exam_server.accounts.audit import SYSTEM, AuditTrail
from exam_server.clock import Clock
from exam_server.folder import DATA_EXISTS, new_folder, write_atomically
from exam_server.machine import Machine, draw_room_id
from exam_server.room.folder import RoomConfig, RoomFolder
from exam_server.room.services.official_keys import check_passphrase
from exam_server.store.engine import Store
from exam_server.store.migrations import migrate
from exam_server.tls import issue_server, make_authority

CENTRE_OTHER = declare("centre.other", "这是另一个考点的文件；请使用总部为本考点签名的文件。")
CENTRE_ID = declare("centre.id", "考点编号用 1 到 32 个字母、数字或短横，名称不能为空。")

DEFAULT_DATABASE = "sqlite:///./room.db"


def initialise(
    folder: Path,
    *,
    centre_id: CentreId,
    name: str,
    root_bytes: bytes,
    addresses: Sequence[str],
    opening_key_out: Path,
    passphrase: str,
    database_url: str,
    machine: Path,
    clock: Clock,
    operator: str = SYSTEM,
) -> str:
    """Make a data folder, whole or not at all, and write the opening key outside it.

    Returns:
        The fingerprint of headquarters' root, to compare on paper.

    Raises:
        InputError: `centre.id`, `data.exists`, `root.malformed`, `tls.address`,
            `passphrase.short`, `database.url`.
        StorageError: `storage.full`, `storage.failed`, `machine.registry`.
    """
    is_id = all(char.isalnum() or char == "-" for char in centre_id) and centre_id.isascii()
    if not is_id or not 1 <= len(centre_id) <= limits.account_name_chars_max or not name:
        raise InputError(CENTRE_ID, "考点编号或名称不对")
    check_passphrase(passphrase, "启封密钥")
    if opening_key_out.exists():
        raise InputError(DATA_EXISTS, f"{opening_key_out} 已存在")
    root = parse_root(root_bytes)
    Machine(machine).prepare()
    now = dt.datetime.fromtimestamp(clock.utc_ms() / 1000, dt.UTC)
    authority = make_authority(centre_id, now=now)
    server = issue_server(authority, addresses, now=now)
    opening_identity = generate_identity()
    signing_key = generate_signing_key()
    centre = CentreDescriptor(
        centre_id=centre_id,
        name=name,
        opening_recipient=recipient_of(opening_identity),
        signing_key=public_key_of(signing_key),
        ca_certificate=authority.certificate_pem.decode(),
        officials=(),
    )
    with new_folder(folder) as beside:
        room = RoomFolder(beside)
        room.write_config(
            RoomConfig(
                database_url=database_url,
                addresses=tuple(addresses),
                machine=str(machine.resolve()),
                room_id=draw_room_id(),
            )
        )
        for part, data in {
            "root.json": encode_root(root),
            "centre.json": encode_centre(centre),
            "ca.key": authority.key_pem,
            "ca.pem": authority.certificate_pem,
            "server.pem": server.key_pem + server.certificate_pem,
            "signing.key": signing_key.encode(),
        }.items():
            write_atomically(beside / part, data)
        for sub in ("assignments", "packages", "results", "run"):
            (beside / sub).mkdir(mode=0o700)
        store = Store(room.database_url())
        migrate(store, "accounts", "room")
        store.close()
        AuditTrail(room.audit_file, clock, actor=operator).record(
            "room_initialised", subject=centre_id, root=fingerprint(root).replace(" ", "")
        )
        sealed_key = seal_opening_key(opening_identity, passphrase)
        write_atomically(opening_key_out, sealed_key)
        try:
            room.report_state("", SittingState.PREPARED)
        except StorageError:
            opening_key_out.unlink()
            raise
    return fingerprint(root)


def install_centre(room: RoomFolder, signed: bytes, trail: AuditTrail) -> None:
    """Keep the descriptor that headquarters signed, once it is this centre's own.

    Raises:
        InputError: `centre.other`, `signature.*`, `centre.malformed`.
        IntegrityError: `signature.*`.
    """
    centre = verify_centre(signed, room.root())
    if centre != room.centre():
        raise InputError(CENTRE_OTHER, "签名的考点文件与本考点不符", centre_id=centre.centre_id)
    write_atomically(room.signed_centre_file, signed)
    trail.record("centre_installed", subject=centre.centre_id)


def draw_digits(count: int) -> str:
    """A number of so many digits from the system's randomness, leading zeros kept."""
    return f"{secrets.randbelow(10**count):0{count}d}"
