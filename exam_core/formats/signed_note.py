"""Signed notes: a short text that people can read, with the signatures under it.

The form is the one that transparency logs use, so that other people's tools read ours.
Source: C2SP signed-note (c2sp.org/signed-note), signature type 0x01: Ed25519 over the text.
"""

import base64
import binascii
import hashlib
from typing import NamedTuple

from exam_core import limits
from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    public_key_of,
    sign_bytes,
    signature_holds,
)
from exam_core.errors import InputError, IntegrityError, declare

NOTE_MALFORMED = declare("note.malformed", "签名短文格式不对，请重新取得该文件。")
NOTE_SIGNATURE = declare("note.signature", "签名短文的签名不对或不是所信任的密钥；停止使用并上报。")

_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_SIGNATURE_LEAD = "— "


class _Signature(NamedTuple):
    name: str
    key_id: bytes
    signature: bytes


def note_key_id(name: str, key: PublicSigningKey) -> bytes:
    """The four bytes that stand before the signatures of this key under this name."""
    public = bytes.fromhex(key)
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_ID_BYTES]


def sign_note(text: str, *, name: str, key: PrivateSigningKey) -> str:
    """The note: the text, an empty line, and one signature line under the name.

    Raises:
        ValueError: The text is no note's text, or the name no key name.
        InputError: `signing.key`.
    """
    if not _text_is_valid(text) or not _name_is_valid(name):
        raise ValueError("no text or no name of a signed note")
    key_id = note_key_id(name, public_key_of(key))
    signature = base64.b64encode(key_id + sign_bytes(text.encode(), key)).decode()
    return f"{text}\n{_SIGNATURE_LEAD}{name} {signature}\n"


def open_note(note: str, *, name: str, key: PublicSigningKey) -> str:
    """The text of a note, once the key has signed it under this name.

    Signatures by others neither count nor harm; one that claims to be ours and is not refuses all.

    Raises:
        InputError: `note.malformed`.
        IntegrityError: `note.signature`.
    """
    text, signatures = _split(note)
    own = (name, note_key_id(name, key))
    found = [one.signature for one in signatures if (one.name, one.key_id) == own]
    if not found or not all(signature_holds(text.encode(), one, key) for one in found):
        raise IntegrityError(NOTE_SIGNATURE, "签名不对，或没有所信任的签名", name=name)
    return text


def _split(note: str) -> tuple[str, list[_Signature]]:
    if len(note) > limits.note_chars_max:
        raise InputError(NOTE_MALFORMED, "签名短文过长")
    text, blank, below = note.rpartition("\n\n")
    text += "\n"
    lines = below.split("\n")
    if not blank or lines.pop() or not _text_is_valid(text):
        raise InputError(NOTE_MALFORMED, "签名短文没有正文或签名")
    if not 1 <= len(lines) <= limits.signatures_max:
        raise InputError(NOTE_MALFORMED, "签名短文的签名个数不对")
    return text, [_read_signature(line) for line in lines]


def _read_signature(line: str) -> _Signature:
    name, space, encoded = line.removeprefix(_SIGNATURE_LEAD).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(NOTE_MALFORMED, "签名行的编码不对") from error
    is_one_spelling = base64.b64encode(raw).decode() == encoded
    if not line.startswith(_SIGNATURE_LEAD) or not space or not _name_is_valid(name):
        raise InputError(NOTE_MALFORMED, "签名行格式不对")
    if not is_one_spelling or len(raw) <= _KEY_ID_BYTES:
        raise InputError(NOTE_MALFORMED, "签名行的编码不对")
    return _Signature(name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])


def _name_is_valid(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)


def _text_is_valid(text: str) -> bool:
    is_plain = all(char >= " " or char == "\n" for char in text)
    return is_plain and text.endswith("\n") and text != "\n" and _is_utf8(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
