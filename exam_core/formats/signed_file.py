"""The outer shape that our package files share: magic, length, DSSE envelope, body.

Before the signatures are verified, only the magic, one length and one strict JSON envelope are
looked at. The signed payload says what the body must be.
"""

import struct

from exam_core import limits
from exam_core.errors import InputError
from exam_core.formats.byte_source import ByteSource

_LENGTH = struct.Struct(">I")


def join_signed_file(magic: bytes, envelope: bytes, body: bytes) -> bytes:
    """The file: `magic`, length of the envelope as u32 big-endian, envelope, body."""
    return b"".join((magic, _LENGTH.pack(len(envelope)), envelope, body))


def read_envelope(source: ByteSource, magic: bytes, *, code: str, name: str) -> tuple[bytes, int]:
    """The envelope of a file, not yet verified, and where the body begins.

    Raises:
        InputError: `code`, when it is no such file or cut short.
    """
    size_of_head = len(magic) + _LENGTH.size
    head = source.read_at(0, size_of_head)
    if len(head) < size_of_head:
        raise InputError(code, f"{name}不完整")
    if head[: len(magic)] != magic:
        raise InputError(code, f"这不是{name}")
    (size,) = _LENGTH.unpack(head[len(magic) :])
    if size > limits.manifest_bytes_max or size_of_head + size > source.size:
        raise InputError(code, f"{name}不完整或长度不对")
    envelope = source.read_at(size_of_head, size)
    if len(envelope) < size:
        raise InputError(code, f"{name}不完整")
    return envelope, size_of_head + size
