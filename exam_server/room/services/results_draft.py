"""The results between fixing and export, in the room's folder: an envelope that gathers signatures.

Beside each signature stands who brought the key. The file holds no secret and is believed only as
far as the signatures go: they are verified before a bundle is made of it.
"""

import hashlib
from dataclasses import dataclass

import msgspec

from exam_core.crypto.signing import key_id
from exam_core.errors import IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import unverified_payload
from exam_core.formats.officials import Official
from exam_core.formats.results_bundle import parse_manifest
from exam_core.formats.results_content import RESULTS_ALTERED, ResultsManifest
from exam_server.folder import write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.store import room as tables


class Witness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kept beside a signature: who brought the key, so that one person never brings two."""

    keyid: str
    account: str
    session_key: str


class DraftFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`results/draft.json`: the envelope with the signatures so far."""

    envelope: bytes
    witnesses: tuple[Witness, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """An official who signed, and whose account brought the key."""

    official: Official
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsDraft:
    """Results that are fixed: what the page shows to everybody who signs.

    `digest` is the SHA-256 of the signed manifest, which holds the digest of all else; `file` is
    what it was read from.
    """

    file: DraftFile
    manifest: ResultsManifest
    digest: str
    signed_by: tuple[SignedBy, ...]


def write_draft(room: RoomFolder, file: DraftFile) -> None:
    """Put this in place of what was there.

    Raises:
        StorageError: `storage.full`, `storage.failed`; the former draft stays.
    """
    write_atomically(room.draft_file, encode_canonical(file))


def read_draft_file(room: RoomFolder, sitting: tables.SittingRow) -> ResultsDraft:
    """The draft of this sitting's results, as it lies on disk.

    Raises:
        IntegrityError: `results.altered`, when it is not the last one or cannot be read.
        InputError: `results.malformed`, `signature.malformed`.
    """
    try:
        file = msgspec.json.decode(room.draft_file.read_bytes(), type=DraftFile)
    except (OSError, msgspec.DecodeError) as error:
        raise IntegrityError(RESULTS_ALTERED, "待签结果的文件读不出") from error
    payload, _ = unverified_payload(file.envelope)
    manifest = parse_manifest(payload)
    if (manifest.sitting_id, manifest.sequence) != (sitting.sitting_id, sitting.exports):
        raise IntegrityError(RESULTS_ALTERED, "待签结果不是本场次最后固定的")
    officials = {key_id(one.signing_key): one for one in room.centre().officials}
    if not {one.keyid for one in file.witnesses} <= officials.keys():
        raise IntegrityError(RESULTS_ALTERED, "待签结果上有不认识的签名")
    return ResultsDraft(
        file=file,
        manifest=manifest,
        digest=hashlib.sha256(payload).hexdigest(),
        signed_by=tuple(
            SignedBy(official=officials[one.keyid], account=one.account) for one in file.witnesses
        ),
    )
