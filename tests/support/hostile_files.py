"""Files up to 64 MB that somebody made to hurt: makers by name, each writes one file.

Nothing here is random; a maker streams, so that the maker itself needs no memory.
"""

import base64
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from exam_core.crypto.sealing import Recipient, seal
from exam_core.formats.canonical import encode_canonical
from exam_core.limits import MIB, manifest_bytes_max

SIZE = 64 * MIB
SEALED = 60 * MIB
"""Plaintext inside a seal; somewhat smaller, so that the file stays within SIZE."""

_BLOCK = 1 * MIB

Maker = Callable[[Path], None]


def repeated(head: bytes, unit: bytes, *, tail: bytes = b"", size: int = SIZE) -> Maker:
    """`head`, then `unit` again and again up to `size`, then `tail`."""

    def make(path: Path) -> None:
        block = unit * max(1, _BLOCK // len(unit))
        room = size - len(head) - len(tail)
        with path.open("wb") as file:
            file.write(head)
            for _ in range(room // len(block)):
                file.write(block)
            file.write(unit * (room % len(block) // len(unit)))
            file.write(tail)

    return make


def exactly(data: bytes) -> Maker:
    """These bytes."""

    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def numbered_members(head: bytes, *, size: int = SIZE) -> Maker:
    """An object of millions of different members."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head + b'{"k":0')
            number = 0
            while file.tell() < size - 32_000:
                file.write(b"".join(b',"%d":0' % n for n in range(number, number + 2_000)))
                number += 2_000
            file.write(b"}")

    return make


def any_head(head: bytes, *, size: int = SIZE) -> Iterator[tuple[str, Maker]]:
    """What can stand where JSON, text or a body is expected."""
    fill = partial(repeated, size=size)
    yield "zeros", fill(head, b"\0")
    yield "ones", fill(head, b"\xff")
    yield "braces", fill(head, b'{"a":')
    yield "brackets", fill(head, b"[")
    yield "base64", fill(head, b"A")
    yield "digits", fill(head + b'{"v":', b"9", tail=b"}")
    yield "string", fill(head + b'"', b"a", tail=b'"')
    yield "escapes", fill(head + b'"', b"\\u4e00", tail=b'"')
    yield "array", fill(head + b"[0", b",0", tail=b"]")
    yield "objects", fill(head + b"[{}", b",{}", tail=b"]")
    yield "members", numbered_members(head, size=size)
    yield "newlines", repeated(head, b"\n", size=min(size, 1_000_000))
    yield "only newlines", fill(head, b"\n")


def of_magic(magic: bytes) -> Iterator[tuple[str, Maker]]:
    """What can stand behind the magic of a signed file: lengths that lie, envelopes that swell."""
    yield "magic alone", exactly(magic)
    yield "magic repeated", repeated(b"", magic)
    for length in (0, 1, manifest_bytes_max, manifest_bytes_max + 1, 2**31, 2**32 - 1):
        name = f"length {length}"
        yield f"{name} of zeros", repeated(magic + length.to_bytes(4, "big"), b"\0")
        yield f"{name} cut", exactly(magic + length.to_bytes(4, "big") + b"{")
    for name, envelope in envelopes(manifest_bytes_max):
        yield name, repeated(magic + len(envelope).to_bytes(4, "big") + envelope, b"\0")


def envelopes(size: int) -> Iterator[tuple[str, bytes]]:
    """Envelopes of this many bytes that nobody trusted has signed."""
    start, end = b'{"payload":"', b'","payloadType":"x","signatures":['
    signature = b'{"keyid":"","sig":""}'
    rest = size - len(start) - len(end) - len(signature) - 2
    yield "payload", start + b"A" * (rest // 4 * 4) + end + signature + b"]}"
    many = (size - len(start) - len(end)) // (len(signature) + 1) - 1
    yield "signatures", start + end + signature + (b"," + signature) * many + b"]}"
    yield "deep", b'{"payload":' + b"[" * (size - 11)
    yield "keyid", start + end + b'{"keyid":"' + b"a" * (rest - 30) + b'","sig":""}]}'


def envelope_in_a_name(size: int, payload_type: str, keyid: str) -> bytes:
    """An envelope of this many bytes and the right type, whose signature names a trusted key."""
    start = b'{"payload":"'
    end = b'","payloadType":"%b","signatures":[{"keyid":"%b","sig":"%b"}]}' % (
        payload_type.encode(),
        keyid.encode(),
        base64.b64encode(bytes(64)),
    )
    return start + b"A" * ((size - len(start) - len(end)) // 4 * 4) + end


def sealed_to(
    recipient: Recipient, head: bytes = b"", *, payload_type: str = "x", keyid: str = ""
) -> Iterator[tuple[str, Maker]]:
    """Sealed to its reader, as anybody can who knows the public key; made to hurt inside."""

    def sealing(plaintext: Callable[[], bytes]) -> Maker:
        def make(path: Path) -> None:
            path.write_bytes(head + seal(plaintext(), [recipient]))

        return make

    yield "sealed nothing", sealing(lambda: b"")
    yield "sealed zeros", sealing(lambda: bytes(SEALED))
    yield "sealed brackets", sealing(lambda: b"[" * SEALED)
    yield "sealed array", sealing(lambda: b"[0" + b",0" * (SEALED // 2 - 2) + b"]")
    for number, name in enumerate(("payload", "signatures", "deep", "keyid")):
        yield (
            f"sealed envelope: {name}",
            sealing(lambda number=number: [*envelopes(SEALED)][number][1]),  # type: ignore[misc]
        )
    yield (
        "sealed envelope: in a trusted name",
        sealing(lambda: envelope_in_a_name(SEALED, payload_type, keyid)),
    )


def age_headers(head: bytes = b"") -> Iterator[tuple[str, Maker]]:
    """Files of age with headers that cost: stanzas by the thousand, work factors beyond reason."""
    version = b"age-encryption.org/v1\n"
    share = base64.b64encode(b"\x09" + bytes(31)).rstrip(b"=")
    stanza = b"-> X25519 " + share + b"\n" + b"A" * 43 + b"\n"
    end = b"--- " + b"A" * 43 + b"\n"
    yield "stanzas without end", repeated(head + version, stanza)
    yield "stanzas", repeated(head + version, stanza, tail=end + bytes(64))
    yield "stanzas in 60 KiB", repeated(head + version, stanza, tail=end, size=60 * 1024)
    yield "grease", repeated(head + version, b"-> x y\n\n", tail=end, size=60 * 1024)
    yield "arguments", repeated(head + version + b"-> x", b" y", tail=b"\n\n" + end)
    for factor in (19, 30, 63, 99):
        scrypt = b"-> scrypt %b %d\n%b\n" % (b"A" * 22, factor, b"A" * 43)
        yield f"scrypt {factor}", repeated(head + version + scrypt + end, b"\0")
    yield "armour", repeated(head + b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"A" * 64 + b"\n")


_TYPES = (
    b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    b'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>'
)
_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "haha">'
    + b"".join(b'<!ENTITY %c "%b">' % (97 + n, b"&%c;" % (96 + n) * 10) for n in range(1, 10))
    + b"]><worksheet>&j;</worksheet>"
)


def workbooks(good: bytes) -> Iterator[tuple[str, Maker]]:
    """Spreadsheets that unpack, expand or repeat without measure; `good` is a sound one.

    Most unpack to just under 12 MiB, since what unpacks to more is refused before it is looked at.
    """
    sheet = next(name for name in zipfile.ZipFile(io.BytesIO(good)).namelist() if "sheet1" in name)
    start = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    end = b"</sheetData></worksheet>"
    shared = "xl/sharedStrings.xml"
    yield "bomb of 10 000 : 1", _packed(good, {sheet: [b" " * MIB] * 640})
    yield "bomb in a picture", _packed(good, {"xl/media/a.png": [bytes(MIB)] * 640})
    yield "rows", _packed(good, {sheet: [start, *[b"<row/>" * 100_000] * 15, end]})
    cells = b'<row><c t="inlineStr"><is><t>a</t></is></c></row>' * 20_000
    yield "cells", _packed(good, {sheet: [start, *[cells] * 10, end]})
    wide = b"<c><v>1</v></c>" * 50_000
    yield "one wide row", _packed(good, {sheet: [start, b"<row>", *[wide] * 14, b"</row>", end]})
    deep = [start, *[b"<row>" * 100_000] * 20]
    yield "deep", _packed(good, {sheet: deep})
    strings = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">',
        *[b"<si><t>a</t></si>" * 50_000] * 12,
        b"</sst>",
    )
    yield "shared strings", _packed(good, {shared: strings})
    long = (b'<sst xmlns="x"><si><t>', *[b"a" * MIB] * 11, b"</t></si></sst>")
    yield "one shared string", _packed(good, {shared: long})
    yield "entities", _packed(good, {sheet: [_LAUGHS]})
    yield "entities in UTF-16", _packed(good, {sheet: [_LAUGHS.decode().encode("utf-16")]})
    yield "attribute", _packed(good, {sheet: [b'<worksheet a="', *[b"a" * MIB] * 11, b'"/>']})
    styles = [b'<styleSheet xmlns="x"><fonts>', *[b"<font/>" * 100_000] * 15, b"</fonts>"]
    yield "styles", _packed(good, {"xl/styles.xml": styles})
    yield "members", _many_members
    yield "no workbook", _packed(None, {"[Content_Types].xml": [_TYPES]})
    yield "stored zeros", _packed(good, {sheet: [bytes(MIB)] * 11}, method=zipfile.ZIP_STORED)
    yield "directory that lies", exactly(_lying(good))


def _packed(
    good: bytes | None, parts: dict[str, Sequence[bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Maker:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as new:
            if good is not None:
                with zipfile.ZipFile(io.BytesIO(good)) as old:
                    for name in old.namelist():
                        if name not in parts:
                            new.writestr(name, old.read(name))
            for name, blocks in parts.items():
                with new.open(name, "w", force_zip64=True) as member:
                    for block in blocks:
                        member.write(block)

    return make


def _many_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(60_000):
            archive.writestr(f"xl/{number}.xml", b"<a/>")


def _lying(good: bytes) -> bytes:
    """Every member says that it unpacks to nothing."""
    data = bytearray(good)
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = bytes(4)
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def as_lines(value: object) -> bytes:
    """A value as one line of canonical JSON."""
    return encode_canonical(value) + b"\n"
