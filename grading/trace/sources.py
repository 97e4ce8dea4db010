"""Where the orders come from: the answer-key package, or the archive, which also knows people."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import InputError, declare
from exam_core.formats.trust_root import parse_root
from exam_core.keys.model import AnswerKey
from exam_core.keys.package import MAGIC, open_key_package
from exam_core.model.identifiers import AdmissionNumber, CentreId, FormNumber, SeatId
from grading import limits
from grading.archive import decode_archive
from grading.archive_file import read_regular

TRACE_SOURCE = declare(
    "trace.source",
    "请给出成绩档案 .examarchive；或给出答案包 .examkey，并同时给出 --identity 和 --root。",
)


class Sitter(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered a form, and at which machines, in the order of their seats."""

    admission_number: AdmissionNumber
    name: str
    unit: str
    centre_id: CentreId
    seats: tuple[SeatId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSource:
    """The answer key with its forms; who sat at which form, when the file knows."""

    key: AnswerKey
    sitters: Mapping[FormNumber, tuple[Sitter, ...]]


def read_source(path: Path, *, identity: Path | None, root: Path | None) -> TraceSource:
    """What an archive or an answer-key package says.

    Args:
        path: `.examarchive` or `.examkey`.
        identity: The grading site's identity file, for an answer-key package.
        root: Headquarters' root, for an answer-key package.

    Raises:
        InputError: `trace.source`, `archive.*`, `key.*`, `root.malformed`, `seal.key`.
        IntegrityError: `archive.altered`, `seal.open`, `signature.*`.
    """
    data = _read(path, limits.archive_bytes_max)
    if not data.startswith(MAGIC):
        return _from_archive(data)
    if identity is None or root is None:
        raise InputError(TRACE_SOURCE, "答案包要有阅卷点私钥和信任根才能打开")
    trusted = parse_root(_read(root, limits.small_file_bytes_max))
    return TraceSource(key=open_key_package(data, _identity(identity), trusted), sitters={})


def _from_archive(data: bytes) -> TraceSource:
    archive = decode_archive(data)
    people = {one.admission_number: one for one in archive.candidates}
    sitters: dict[FormNumber, tuple[Sitter, ...]] = {}
    for session in archive.sessions:
        person = people[session.admission_number]
        sitter = Sitter(
            admission_number=person.admission_number,
            name=person.name,
            unit=person.unit,
            centre_id=person.centre_id,
            seats=tuple(sorted({head.seat_id for head in session.segment_heads})),
        )
        sitters[session.form_number] = (*sitters.get(session.form_number, ()), sitter)
    return TraceSource(key=archive.key, sitters=sitters)


def _identity(path: Path) -> SealingIdentity:
    text = _read(path, limits.small_file_bytes_max).decode("utf-8", "replace")
    keys = [line.strip() for line in text.splitlines() if line.startswith("AGE-SECRET-KEY-")]
    if len(keys) != 1:
        raise InputError(TRACE_SOURCE, "私钥文件中没有唯一的一把私钥")
    return SealingIdentity(keys[0])


def _read(path: Path, bytes_max: int) -> bytes:
    data = read_regular(path, bytes_max=bytes_max, code=TRACE_SOURCE)
    if len(data) > bytes_max:
        raise InputError(TRACE_SOURCE, f"{path.name} 过大")
    return data
