"""`add-official`, `official-key`: keys of the people who sign results, and their names.

The centre's descriptor takes an official's public key; whoever holds both private keys of two
officials holds both signatures, so each is better made where its official alone is.
"""

from pathlib import Path

import msgspec

from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    generate_signing_key,
    key_id,
    public_key_of,
)
from exam_core.errors import InputError, StateError, declare
from exam_core.formats.centre_descriptor import CentreDescriptor, encode_centre
from exam_core.formats.officials import Official, seal_official_key
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.folder import DATA_EXISTS, write_atomically
from exam_server.room.folder import RoomFolder

CENTRE_SIGNED = declare(
    "centre.signed", "签名官员须在总部签名之前登记；要更换请重新初始化并送总部签名。"
)
PASSPHRASE_SHORT = declare("passphrase.short", "请换一个更长的口令，例如六个不相干的词。")


def make_official_key(key_out: Path, passphrase: str) -> PublicSigningKey:
    """Draw an official's signing key and write it under the passphrase; needs no room.

    Raises:
        InputError: `data.exists`, `passphrase.short`.
        StorageError: `storage.full`, `storage.failed`, `output.place`.
    """
    key = _draw(key_out, passphrase)
    write_atomically(key_out, seal_official_key(key, passphrase))
    return public_key_of(key)


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
    key = _draw(key_out, passphrase)
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


def check_passphrase(passphrase: str, name: str) -> None:
    """Refuse a passphrase that is too short.

    Raises:
        InputError: `passphrase.short`.
    """
    least = limits.passphrase_chars_min
    if len(passphrase) < least:
        raise InputError(PASSPHRASE_SHORT, f"{name}的口令至少 {least} 个字符")


def _draw(key_out: Path, passphrase: str) -> PrivateSigningKey:
    check_passphrase(passphrase, "官员签名密钥")
    if key_out.exists():
        raise InputError(DATA_EXISTS, f"{key_out} 已存在")
    return generate_signing_key()


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
