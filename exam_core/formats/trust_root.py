"""`root.json`: headquarters' signing keys and how many must sign; installed with the programs.

Its fingerprint is shown at install and compared on paper: everything else is verified from it.
"""

import hashlib

import msgspec

from exam_core.crypto.signing import PublicSigningKey, key_id
from exam_core.errors import InputError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical

ROOT_MALFORMED = declare("root.malformed", "信任根文件格式不对，请从总部重新取得 root.json。")


class TrustRoot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Public signing keys with the person's office, and the threshold of distinct signers."""

    version: int
    threshold: int
    keys: dict[PublicSigningKey, str]

    def __post_init__(self) -> None:
        if self.version < 1 or not 1 <= self.threshold <= len(self.keys):
            raise InputError(ROOT_MALFORMED, "信任根的版本或签名人数不对")

    def trusted(self) -> dict[str, PublicSigningKey]:
        """The keys by key id, as `verify_envelope` wants them."""
        return {key_id(key): key for key in self.keys}


def encode_root(root: TrustRoot) -> bytes:
    """The bytes of `root.json`."""
    return encode_canonical(root)


def parse_root(data: bytes) -> TrustRoot:
    """The root from the bytes of `root.json`.

    Raises:
        InputError: `root.malformed`, `signing.key`.
    """
    root = decode_canonical(data, TrustRoot, ROOT_MALFORMED, "信任根")
    root.trusted()
    return root


def fingerprint(root: TrustRoot) -> str:
    """SHA-256 of `root.json` in groups of four hex digits, to compare on paper."""
    digest = hashlib.sha256(encode_root(root)).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))
