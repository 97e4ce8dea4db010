"""Small pictures made here, byte for byte the same each time, and files that only look like one."""

import struct
import zlib


def png(width: int = 8, height: int = 6, grey: int = 90) -> bytes:
    """A whole PNG of one grey."""
    rows = (b"\0" + bytes([grey]) * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )


def png_that_says(width: int, height: int) -> bytes:
    """A small file that claims so many pixels: what a bomb looks like from its header."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(bytes(64), 9))
        + _chunk(b"IEND", b"")
    )


def jpeg_header(width: int, height: int, *, before: bytes = b"") -> bytes:
    """The markers of a JPEG up to its frame, with an end; no picture inside."""
    app0 = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0\1\1\0\0\1\0\1\0\0"
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + app0 + before + frame + b"\xff\xd9"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
