"""Marks planted into every kind of text of an item bank, and how a text can lie somewhere."""

import base64
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from openpyxl import load_workbook

from exam_core.formats.journal import derive_journal_key
from exam_core.formats.opening_bundle import (
    OpeningBundle,
    open_bundle,
    read_opening_file,
    unwrap_bundle,
)
from exam_core.formats.opening_key import open_opening_key
from exam_core.formats.opening_locks import prove_by_code
from exam_core.formats.trust_root import parse_root
from exam_core.model.identifiers import SessionId

CANARY_BYTES = 16
SHOWN_KINDS = ("stem", "material", "choice")
KEY_KINDS = ("explanation", "point", "blank")
NEEDLE_CHARS = 16
"""So much of a text is looked for: enough to be itself, little enough to survive a page's end."""
_COLUMNS = {"题干": "stem", "材料(案例)": "material", "解析": "explanation"}
_CHOICE = re.compile("选项[A-H]")
_ACCEPTED = re.compile("[^|；\n]+")
_POINT = re.compile(r"(?m)^(?=[^|\n]+\|)([^|\n]+)")


def draw_canaries() -> dict[str, str]:
    """One of 128 random bits, in hex, for each kind of text."""
    return {kind: secrets.token_hex(CANARY_BYTES) for kind in (*SHOWN_KINDS, *KEY_KINDS)}


def plant(bank: Path, target: Path, canaries: dict[str, str]) -> None:
    """Copy a bank's spreadsheet; every text of every item begins and ends with its canary.

    At both ends, so that a text cut anywhere still has one.
    """
    book = load_workbook(bank)
    sheet = book.worksheets[0]
    titles = [str(cell.value) for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        cells = dict(zip(titles, row, strict=True))
        for title, cell in cells.items():
            kind = "choice" if _CHOICE.fullmatch(title) else _COLUMNS.get(title)
            if kind and cell.value:
                cell.value = f"{canaries[kind]}{cell.value}{canaries[kind]}"
        answer, points = cells["答案"], cells["采分点"]
        if cells["题型"].value == "填空":
            answer.value = _ACCEPTED.sub(
                rf"{canaries['blank']}\g<0>{canaries['blank']}", str(answer.value)
            )
        if points.value:
            points.value = _POINT.sub(
                rf"{canaries['point']}\g<0>{canaries['point']}", str(points.value)
            )
    book.save(target)


def spellings(text: str, *, chars: int = NEEDLE_CHARS) -> dict[str, bytes]:
    """The ways in which a text could lie on a disk or in memory, each long enough to be told."""
    start = text[:chars]
    raw = start.encode()
    found = {
        "UTF-8": raw,
        "UTF-16": start.encode("utf-16-le"),
        "UTF-32": start.encode("utf-32-le"),
        "JSON escapes": json.dumps(start)[1:-1].encode(),
        "hex": raw.hex().encode(),
    }
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + raw)
        found[f"base64 at {offset}"] = coded[4 if offset else 0 : len(coded) // 4 * 4 - 4]
    return found


def key_spellings(key: bytes) -> dict[str, bytes]:
    """The ways in which a key of random bytes could lie there: itself, and as text."""
    return {"bytes": key, "hex": key.hex().encode(), "HEX": key.hex().upper().encode()} | {
        f"base64 {name}": code(key).rstrip(b"=")[:-1]
        for name, code in (("std", base64.b64encode), ("url", base64.urlsafe_b64encode))
    }


def read_bundle(
    bundle: Path, key: Path, *, passphrase: str, code: str, root: Path
) -> OpeningBundle:
    """What two people open on the day, opened by a test that has what both bring."""
    trusted = parse_root(root.read_bytes())
    identity = open_opening_key(key.read_bytes(), passphrase)
    locked = unwrap_bundle(read_opening_file(bundle.read_bytes(), trusted), identity)
    return open_bundle(locked, prove_by_code(code), trusted)


def secrets_of(
    bundle: OpeningBundle, sessions: list[SessionId]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Every form's identity and every session's journal key, with the ways to write it."""
    for held in bundle.identities:
        yield f"identity of form {held.form_number}", spellings(held.identity, chars=40)
    secret = bytes.fromhex(bundle.journal_secret)
    yield "journal secret", key_spellings(secret)
    for session in sessions:
        yield f"journal key of {session}", key_spellings(derive_journal_key(secret, session))
