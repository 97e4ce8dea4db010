"""`root.json`: headquarters' signing keys, whose they are, and how many must sign.

It is installed with the programs and its fingerprint compared on paper: everything else is
verified from it. Whatever headquarters signs needs a setter and an approver, two people at least.
A root is followed by the next one only when enough people of both have signed the change.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from exam_core import limits
from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey, key_id
from exam_core.errors import ExamError, InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.dsse import sign_envelope, verify_signatures

ROOT_MALFORMED = declare("root.malformed", "信任根文件格式不对，请从总部重新取得 root.json。")
ROOT_THRESHOLD = declare(
    "root.threshold", "签名人数应在 2 与密钥数之间：一人不能作主；请由总部重新制作信任根。"
)
ROOT_OFFICES = declare(
    "root.offices", "信任根须有命题（setter）和审批（approver）两种岗位的密钥；请由总部重新制作。"
)
ROOT_VERSION = declare(
    "root.version", "信任根要逐版更换：请按版本顺序安装，旧版和已装过的版本不再安装。"
)
ROOT_SUCCESSORS = declare(
    "root.successors", "新信任根没有由它自己的足够人员签名；请总部补齐新密钥的签名。"
)
SIGNATURE_OFFICE = declare(
    "signature.office", "签名的岗位不全：命题和审批须各有一人签名；请退回总部补签。"
)

UPDATE_TYPE = "application/vnd.gongyuan.root.v1+json"
_THRESHOLD_MIN = 2  # nobody at headquarters acts alone


class Office(StrEnum):
    """What the holder of a key answers for; what is signed needs both."""

    SETTER = "setter"
    APPROVER = "approver"


OFFICES_ZH = {Office.SETTER: "命题", Office.APPROVER: "审批"}


class TrustRoot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Public signing keys with the holder's office, and the threshold of distinct signers."""

    version: int
    threshold: int
    keys: dict[PublicSigningKey, Office]

    def __post_init__(self) -> None:
        if self.version < 1 or len(self.keys) > limits.root_keys_max:
            raise InputError(ROOT_MALFORMED, "信任根的版本或密钥个数不对")
        if not _THRESHOLD_MIN <= self.threshold <= len(self.keys):
            raise InputError(
                ROOT_THRESHOLD,
                f"信任根要 {self.threshold} 人签名，密钥有 {len(self.keys)} 个",
                threshold=self.threshold,
            )
        if set(self.keys.values()) != set(Office):
            raise InputError(ROOT_OFFICES, "信任根缺少一种岗位的密钥")

    def trusted(self) -> dict[str, PublicSigningKey]:
        """The keys by key id, as `verify_signatures` wants them."""
        return {key_id(key): key for key in self.keys}


class Signer(NamedTuple):
    """Whose signature holds."""

    key_id: str
    office: Office


class SignedPayload(NamedTuple):
    """What headquarters signed, and who did, in the order of the signatures."""

    payload: bytes
    signers: tuple[Signer, ...]


def encode_root(root: TrustRoot) -> bytes:
    """The bytes of `root.json`."""
    return encode_canonical(root)


def parse_root(data: bytes) -> TrustRoot:
    """The root from the bytes of `root.json`.

    Raises:
        InputError: `root.malformed`, `root.threshold`, `root.offices`, `signing.key`.
    """
    root = decode_canonical(data, TrustRoot, ROOT_MALFORMED, "信任根")
    root.trusted()
    return root


def fingerprint(root: TrustRoot) -> str:
    """SHA-256 of `root.json` in groups of four hex digits, to compare on paper."""
    digest = hashlib.sha256(encode_root(root)).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def verify_by_root(envelope: bytes, payload_type: str, root: TrustRoot) -> SignedPayload:
    """What headquarters signed, once enough of its people, of both offices, did.

    Raises:
        InputError: `signature.malformed`, `signature.type`.
        IntegrityError: `signature.invalid`, `signature.repeated`, `signature.threshold`,
            `signature.unknown_key`, `signature.office`.
    """
    verified = verify_signatures(envelope, payload_type, root.trusted(), root.threshold)
    offices = {key_id(key): office for key, office in root.keys.items()}
    signers = tuple(Signer(one, offices[one]) for one in verified.signers)
    missing = set(Office) - {signer.office for signer in signers}
    if missing:
        names = "、".join(OFFICES_ZH[office] for office in sorted(missing))
        raise IntegrityError(SIGNATURE_OFFICE, f"缺少{names}的签名", missing=sorted(missing))
    return SignedPayload(verified.payload, signers)


def sign_root_update(root: TrustRoot, keys: Sequence[PrivateSigningKey]) -> bytes:
    """The next root as a file; to be signed with keys of the root before and of this one."""
    return sign_envelope(encode_root(root), UPDATE_TYPE, keys)


def accept_root_update(data: bytes, present: TrustRoot) -> TrustRoot:
    """The next root, once people of the present one and of the next one have signed it.

    Raises:
        InputError: `signature.malformed`, `signature.type`, `root.*`, `signing.key`.
        IntegrityError: `signature.*` when the present root's people did not sign as they must;
            `root.successors` when the next root's did not; `root.version` unless it is the
            version that follows.
    """
    following = parse_root(verify_by_root(data, UPDATE_TYPE, present).payload)
    if following.version != present.version + 1:
        raise IntegrityError(
            ROOT_VERSION,
            f"现用信任根是第 {present.version} 版，文件是第 {following.version} 版",
            present=present.version,
            offered=following.version,
        )
    try:
        verify_by_root(data, UPDATE_TYPE, following)
    except ExamError as error:
        raise IntegrityError(
            ROOT_SUCCESSORS, "新信任根自己的人员没有签够", reason=error.code
        ) from error
    return following
