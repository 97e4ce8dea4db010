"""The one JSON encoding of a value: UTF-8, keys sorted, no white space, no floats needed.

A decoder that accepts a second encoding of the same value lets two parties sign different bytes
for one thing; so `decode_canonical` re-encodes and compares. Specified in
`docs/spec/canonical-encoding.md`.
"""

from typing import Any, TypeVar

import msgspec

from exam_core.errors import InputError

_T = TypeVar("_T")

_INTEGER_MAX = 2**63 - 1  # what a database column and every other language can hold
_ALL_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * 19  # once every digit is a zero; many times faster than a pattern


def encode_canonical(value: Any) -> bytes:
    """The canonical bytes of a struct or of plain JSON values."""
    return msgspec.json.encode(value, order="sorted")


def decode_canonical(data: bytes, kind: type[_T], code: str, name: str) -> _T:
    """The value of canonical bytes.

    Args:
        data: What came from outside.
        kind: A msgspec struct that forbids unknown fields.
        code: The error code to refuse with.
        name: What it is, in Chinese, for the message.

    Raises:
        InputError: `code`, or the value's own refusal.
    """
    try:
        value = msgspec.json.decode(data, type=kind, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(code, f"{name}格式不对") from error
    if encode_canonical(value) != data:
        raise InputError(code, f"{name}不是规范编码")
    # A text may hold many digits in a row, so the quick look only says when to look closely.
    if _LONG_NUMBER in data.translate(_ALL_ZERO) and not _integers_fit(msgspec.json.decode(data)):
        raise InputError(code, f"{name}中的数字超出范围")
    return value


def _integers_fit(value: Any) -> bool:
    match value:
        case int():
            return -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX
        case list():
            return all(map(_integers_fit, value))
        case dict():
            return all(map(_integers_fit, value.values()))
        case _:
            return True
