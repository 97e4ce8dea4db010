"""`init`, `add-official`, `install-centre`: makes a centre's keys and the empty room."""

import datetime as dt
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exam_core.crypto.sealing import generate_identity, recipient_of
from exam_core.crypto.signing import generate_signing_key, key_id, public_key_of
from exam_core.errors import InputError, StateError, StorageError, declare
from exam_core.formats.centre_descriptor import CentreDescriptor, encode_centre, verify_centre
from exam_core.formats.officials import Official, seal_official_key
from exam_core.formats.opening_key import seal_opening_key
from exam_core.formats.trust_root import encode_root, fingerprint, parse_root
from exam_core.model.identifiers import CentreId
from exam_core.model.states import SittingState
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import Clock
from exam_server.folder import DATA_EXISTS, new_folder, write_atomically
from exam_server.machine import Machine, draw_room_id
from exam_server.room.folder import RoomConfig, RoomFolder
from exam_server.store.engine import Store
from exam_server.store.migrations import migrate
from exam_server.tls import issue_server, make_authority

CENTRE_OTHER = declare("centre.other", "这是另一个考点的文件；请使用总部为本考点签名的文件。")
CENTRE_SIGNED = declare(
    "centre.signed", "签名官员须在总部签名之前登记；要更换请重新初始化并送总部签名。"
)
CENTRE_ID = declare("centre.id", "考点编号用 1 到 32 个字母、数字或短横，名称不能为空。")
PASSPHRASE_SHORT = declare("passphrase.short", "请换一个更长的口令，例如六个不相干的词。")

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
    _check_passphrase(passphrase, "启封密钥")
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
        AuditTrail(room.audit_file, clock).record(
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


def add_official(
    room: RoomFolder,
    trail: AuditTrail,
    *,
    name: str,
    office: str,
    key_out: Path,
    passphrase: str,
) -> Official:
    """Draw an official's signing key, write it outside the folder, name it in `centre.json`.

    Raises:
        InputError: `centre.officials`, `data.exists`, `passphrase.short`.
        StateError: `centre.signed`.
        StorageError: `storage.full`, `storage.failed`, `output.place`.
    """
    _check_passphrase(passphrase, "官员签名密钥")
    if key_out.exists():
        raise InputError(DATA_EXISTS, f"{key_out} 已存在")
    key = generate_signing_key()
    official = Official(name=name, office=office, signing_key=public_key_of(key))
    centre = _with_official(room, official)
    write_atomically(key_out, seal_official_key(key, passphrase))
    _keep_official(room, trail, centre, official)
    return official


def name_official(room: RoomFolder, trail: AuditTrail, official: Official) -> None:
    """Put an official whose key was made elsewhere into `centre.json`.

    Raises:
        InputError: `centre.officials`, `signing.key`.
        StateError: `centre.signed`.
    """
    _keep_official(room, trail, _with_official(room, official), official)


def _with_official(room: RoomFolder, official: Official) -> CentreDescriptor:
    if room.signed_centre_file.exists():
        raise StateError(CENTRE_SIGNED, "总部签名的考点文件已安装，不能再增加签名官员")
    centre = room.centre()
    return msgspec.structs.replace(centre, officials=(*centre.officials, official))


def _keep_official(
    room: RoomFolder, trail: AuditTrail, centre: CentreDescriptor, official: Official
) -> None:
    write_atomically(room.path / "centre.json", encode_centre(centre))
    trail.record(
        "official_added",
        subject=official.name,
        office=official.office,
        key_id=key_id(official.signing_key),
    )


def _check_passphrase(passphrase: str, name: str) -> None:
    least = limits.passphrase_chars_min
    if len(passphrase) < least:
        raise InputError(PASSPHRASE_SHORT, f"{name}的口令至少 {least} 个字符")


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
