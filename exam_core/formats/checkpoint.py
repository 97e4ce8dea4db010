"""Checkpoints: the signed state of a log, small enough to be printed and carried away.

A checkpoint says how many lines a log had, the Merkle root over them and the hash of the last
one; whoever keeps it can prove later that a line before it was changed.
Source: C2SP tlog-checkpoint (c2sp.org/tlog-checkpoint), with one extension line.
Specified in `docs/spec/checkpoint.md`.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from exam_core.crypto.merkle import HASH_BYTES, GrowingTree, leaf_hash
from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey
from exam_core.errors import InputError, declare
from exam_core.formats.signed_note import open_note, sign_note
from exam_core.model.identifiers import CentreId, SittingId

CHECKPOINT_MALFORMED = declare("checkpoint.malformed", "检查点格式不对，保留原件并上报。")
CHECKPOINT_ORIGIN = declare("checkpoint.origin", "检查点属于另一份日志，请核对文件。")

_EMPTY_LINES = [False, False, False, False, True, False, True]
"""Which parts of a checkpoint are empty between line feeds: four lines, none, the signature."""

_HEAD_LEAD = "head "
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_HEAD = re.compile(r"[0-9a-f]{64}")


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of a log: `size` lines, their Merkle `root` and their `head`, both in hex."""

    origin: str
    size: int
    root: str
    head: str


def room_origin(centre_id: CentreId, sitting_id: SittingId) -> str:
    """The name of an exam room's log; what is no letter, digit or dash is percent-encoded."""
    return f"gongyuan/{quote(centre_id, safe='')}/{quote(sitting_id, safe='')}/room"


def grading_origin(key: PublicSigningKey) -> str:
    """The name of a grading site's log: its key names it, for it has no other name."""
    return f"gongyuan/{key}/grading"


def checkpoint_of(lines: Iterable[bytes], *, origin: str, head: str) -> Checkpoint:
    """The state of a log with these lines (without line ends) and this head."""
    tree = GrowingTree(leaf_hash(line) for line in lines)
    return Checkpoint(origin=origin, size=tree.size, root=tree.root().hex(), head=head)


def sign_checkpoint(checkpoint: Checkpoint, key: PrivateSigningKey) -> str:
    """The checkpoint as a signed note; the same state gives the same note."""
    root = base64.b64encode(bytes.fromhex(checkpoint.root)).decode()
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n{_HEAD_LEAD}{checkpoint.head}\n"
    return sign_note(text, name=checkpoint.origin, key=key)


def open_checkpoint(note: str, *, origin: str, key: PublicSigningKey) -> Checkpoint:
    """The checkpoint in a note, once the log's key has signed it; one state has one note.

    Raises:
        InputError: `note.malformed`, `checkpoint.malformed`, `checkpoint.origin`.
        IntegrityError: `note.signature`.
    """
    lines = note.split("\n")
    if [not line for line in lines] != _EMPTY_LINES:
        raise InputError(CHECKPOINT_MALFORMED, "检查点的行数不对")
    if lines[0] != origin:
        raise InputError(CHECKPOINT_ORIGIN, "检查点属于另一份日志", expected=origin)
    _, size, root, head = open_note(note, name=origin, key=key).removesuffix("\n").split("\n")
    is_head = head.startswith(_HEAD_LEAD) and _HEAD.fullmatch(head.removeprefix(_HEAD_LEAD))
    if not _SIZE.fullmatch(size) or not is_head:
        raise InputError(CHECKPOINT_MALFORMED, "检查点的行数或日志头不对")
    return Checkpoint(
        origin=origin,
        size=int(size),
        root=_read_root(root),
        head=head.removeprefix(_HEAD_LEAD),
    )


def split_checkpoints(data: bytes) -> list[str]:
    """The notes of a file of checkpoints, in their order; each still to be opened.

    A note ends with its signature line, so that a damaged one takes none of its neighbours along;
    bytes that are no text make one bad note, too.
    """
    notes: list[str] = []
    lines: list[str] = []
    for line in data.decode(errors="surrogateescape").split("\n"):
        lines.append(line)
        if line.startswith("— "):
            notes.append("\n".join((*lines, "")))
            lines = []
    if lines != [""]:
        notes.append("\n".join(lines))
    return notes


def _read_root(text: str) -> str:
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(CHECKPOINT_MALFORMED, "检查点的根不对") from error
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != text:
        raise InputError(CHECKPOINT_MALFORMED, "检查点的根不对")
    return root.hex()
