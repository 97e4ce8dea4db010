"""`.examkey`: the answer key of a paper, signed at headquarters, sealed to the grading site.

Signed first, then sealed: who cannot open it learns nothing, not even who signed.
Specified in `docs/spec/answer-key-package.md`.
"""

import io
from typing import BinaryIO

from exam_core.crypto.sealing import Recipient, SealingIdentity, seal, unseal_from
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.errors import InputError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.trust_root import TrustRoot, verify_by_root
from exam_core.keys.model import KEY_MALFORMED, AnswerKey

KEY_FILE = declare("key.file", "这不是答案包，请检查选择的文件。")

MAGIC = b"EXKY1\n"
PAYLOAD_TYPE = "application/vnd.gongyuan.examkey.v1+json"


def build_key_package(
    key: AnswerKey, keys: list[PrivateSigningKey], recipients: list[Recipient]
) -> bytes:
    """The answer-key package file."""
    envelope = sign_envelope(encode_canonical(key), PAYLOAD_TYPE, keys)
    return MAGIC + seal(envelope, recipients)


def open_key_package(
    data: bytes | BinaryIO, identity: SealingIdentity, root: TrustRoot
) -> AnswerKey:
    """The answer key, once the seal opens and the signatures hold.

    Anybody can seal to the grading site, so a large file is better given open than in memory.

    Raises:
        InputError: `key.file`, `key.malformed`, `seal.key`, `signature.*`.
        IntegrityError: `seal.open`, `signature.*`.
    """
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    if source.read(len(MAGIC)) != MAGIC:
        raise InputError(KEY_FILE, "这不是答案包")
    envelope = unseal_from(source, identity)
    payload = verify_by_root(envelope, PAYLOAD_TYPE, root).payload
    return decode_canonical(payload, AnswerKey, KEY_MALFORMED, "答案包")
