"""The officials of an exam centre: people who sign its results, each with a key of their own.

Headquarters vouches for them in the centre's descriptor. Their private keys are files under a
passphrase that they carry; the room never keeps one.
"""

import unicodedata
from collections.abc import Sequence

import msgspec

from exam_core import limits
from exam_core.crypto.sealing import seal_with_passphrase, unseal_with_passphrase
from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey, key_id, public_key_of
from exam_core.errors import InputError, IntegrityError, declare

CENTRE_OFFICIALS = declare(
    "centre.officials",
    "考点须有 2 至 8 名签名官员，姓名与密钥各不相同；请用 add-official 补齐后送总部签名。",
)
OFFICIAL_KEY = declare(
    "official.key", "官员签名密钥文件或其口令不对；请官员本人核对文件和口令后重试。"
)

_CONTROL_KINDS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # Unicode's categories


class Official(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person, the office they hold, and the public half of their signing key."""

    name: str
    office: str
    signing_key: PublicSigningKey


def check_officials(officials: Sequence[Official], centre_key: PublicSigningKey) -> None:
    """Refuse officials who could not be told apart, from each other or from the centre.

    Raises:
        InputError: `centre.officials`, `signing.key`.
    """
    if len(officials) > limits.officials_max:
        raise InputError(CENTRE_OFFICIALS, f"签名官员超过 {limits.officials_max} 名")
    for official in officials:
        for text in (official.name, official.office):
            if not _is_one_line(text):
                raise InputError(CENTRE_OFFICIALS, "签名官员的姓名或职务为空、过长或有控制字符")
    names = {official.name for official in officials}
    keys = {key_id(official.signing_key) for official in officials}
    if len(names) != len(officials) or len(keys) != len(officials):
        raise InputError(CENTRE_OFFICIALS, "签名官员的姓名或密钥重复")
    if any(official.signing_key == centre_key for official in officials):
        raise InputError(CENTRE_OFFICIALS, "签名官员不能用考点自己的签名密钥")


def require_officials(officials: Sequence[Official]) -> None:
    """Refuse a centre whose results two people could not sign.

    Raises:
        InputError: `centre.officials`.
    """
    if len(officials) < limits.officials_min:
        raise InputError(CENTRE_OFFICIALS, f"考点文件中只有 {len(officials)} 名签名官员")


def seal_official_key(key: PrivateSigningKey, passphrase: str) -> bytes:
    """An official's private key as a file that the passphrase opens; costs about a second."""
    return seal_with_passphrase(key.encode(), passphrase)


def open_official_key(data: bytes, passphrase: str) -> PrivateSigningKey:
    """An official's private key from its file.

    Raises:
        IntegrityError: `official.key`, for a wrong passphrase, altered bytes and files of
            another kind alike.
    """
    try:
        key = PrivateSigningKey(unseal_with_passphrase(data, passphrase).decode("ascii"))
        public_key_of(key)
    except (IntegrityError, InputError, UnicodeDecodeError) as error:
        raise IntegrityError(OFFICIAL_KEY, "官员签名密钥打不开") from error
    return key


def _is_one_line(text: str) -> bool:
    is_plain = all(unicodedata.category(char) not in _CONTROL_KINDS for char in text)
    return is_plain and text == text.strip() and 1 <= len(text) <= limits.name_chars_max
