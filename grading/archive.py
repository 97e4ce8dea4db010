r"""`.examarchive`: everything that the results of a paper follow from, in one file.

The file is `EXAR1\n`, the SHA-256 of the body in hex, `\n`, and the canonical JSON body. The
digest finds damage; it proves no author, so the digest is written on the signed result sheet.
Specified in `docs/spec/results-archive.md`. This module knows bytes, `archive_file` knows disks.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import CentreId
from grading import limits
from grading.marking.model import Mark
from grading.ranking.policy import RankingPolicy
from grading.records import (
    ARCHIVE_MALFORMED,
    SHA256_HEX_CHARS,
    ArchiveCandidate,
    ArchiveSession,
    is_sha256_hex,
)
from grading.scoring.outcome import RULES_VERSION

ARCHIVE_ALTERED = declare(
    "archive.altered", "成绩档案被改动或不完整，停止使用，改用另一份拷贝并保留此文件备查。"
)
ARCHIVE_SECRETS = declare(
    "archive.secrets", "成绩档案中不得含有作答日志密钥，请重新从阅卷系统导出，并删除此文件。"
)

MAGIC = b"EXAR1\n"
_HEAD_BYTES = len(MAGIC) + SHA256_HEX_CHARS + 1


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The inputs of `compute_results`, and the digest of what it must give.

    Every list is in ascending order without repeats: `centre_ids`; `candidates` and `sessions` by
    admission number; `marks` by task and sequence. `key.journal_secrets` is empty: an archive
    is read by more people than may open the journals. `task_salt` is 32 bytes in hex.
    `results_sha256` is the digest of that name in `grading.result_model`; it is empty only while
    an archive is being built (`grading.results.build_archive`), and such a value is never encoded.
    """

    rules_version: int
    title: str
    centre_ids: tuple[CentreId, ...]
    candidates: tuple[ArchiveCandidate, ...]
    sessions: tuple[ArchiveSession, ...]
    key: AnswerKey
    task_salt: str
    marks: tuple[Mark, ...]
    policy: RankingPolicy
    results_sha256: str = ""

    def __post_init__(self) -> None:
        if self.rules_version != RULES_VERSION:
            raise InputError(
                ARCHIVE_MALFORMED,
                f"档案的计分规则版本是 {self.rules_version}，本程序只支持 {RULES_VERSION}",
            )
        if self.key.journal_secrets:
            raise InputError(ARCHIVE_SECRETS, "成绩档案中含有作答日志密钥")
        if not 1 <= len(self.title) <= limits.archive_title_chars_max:
            raise InputError(ARCHIVE_MALFORMED, "档案标题为空或过长")
        if not is_sha256_hex(self.task_salt):
            raise InputError(ARCHIVE_MALFORMED, "档案的评卷随机数不对")
        if self.results_sha256 and not is_sha256_hex(self.results_sha256):
            raise InputError(ARCHIVE_MALFORMED, "档案的成绩摘要不对")
        _check_order("考点", self.centre_ids, limits.archive_centres_max)
        numbers = [candidate.admission_number for candidate in self.candidates]
        sat = [session.admission_number for session in self.sessions]
        _check_order("名单", numbers, limits.archive_sessions_max)
        _check_order("作答", sat, limits.archive_sessions_max)
        _check_order(
            "评分", [(mark.task_id, mark.sequence) for mark in self.marks], limits.archive_marks_max
        )
        self._check_references(set(numbers))

    def _check_references(self, numbers: set[Any]) -> None:
        if not {candidate.centre_id for candidate in self.candidates} <= set(self.centre_ids):
            raise InputError(ARCHIVE_MALFORMED, "名单中有档案未列出的考点")
        for form in self.key.forms:
            parts = [part.part_id for item in form.items for part in item.parts]
            items = [item.bank_item_id for item in form.items]
            if len(set(parts)) != len(parts) or len(set(items)) != len(items):
                raise InputError(ARCHIVE_MALFORMED, f"答案中第 {form.form_number} 卷的试题重复")
        forms = {
            form.form_number: {part.part_id for item in form.items for part in item.parts}
            for form in self.key.forms
        }
        for session in self.sessions:
            name = f"考生 {session.admission_number}"
            if session.admission_number not in numbers:
                raise InputError(ARCHIVE_MALFORMED, f"{name} 有作答但不在名单中")
            if session.form_number not in forms:
                raise InputError(ARCHIVE_MALFORMED, f"{name} 的卷号不在答案中")
            if not session.responses.keys() <= forms[session.form_number]:
                raise InputError(ARCHIVE_MALFORMED, f"{name} 的作答中有该卷没有的试题")


def encode_archive(archive: Archive) -> bytes:
    """The file.

    Raises:
        ValueError: The archive has no results digest yet.
    """
    if not archive.results_sha256:
        raise ValueError("an archive is encoded only with its results digest")
    body = encode_canonical(archive)
    return b"".join((MAGIC, hashlib.sha256(body).hexdigest().encode(), b"\n", body))


def decode_archive(data: bytes) -> Archive:
    """The archive in a file, once the digest holds and the body is the one valid encoding.

    That the results digest holds is checked by `grading.results.recompute`.

    Raises:
        InputError: `archive.malformed`, `archive.secrets`, or a refusal of a value inside.
        IntegrityError: `archive.altered`.
    """
    if not data.startswith(MAGIC):
        raise InputError(ARCHIVE_MALFORMED, "这不是成绩档案")
    if len(data) > limits.archive_bytes_max:
        raise InputError(ARCHIVE_MALFORMED, "成绩档案过大")
    digest, body = data[len(MAGIC) : _HEAD_BYTES], data[_HEAD_BYTES:]
    expected = hashlib.sha256(body).hexdigest().encode() + b"\n"
    if not hmac.compare_digest(digest, expected):
        raise IntegrityError(ARCHIVE_ALTERED, "成绩档案的内容与其摘要不符")
    archive = decode_canonical(body, Archive, ARCHIVE_MALFORMED, "成绩档案")
    if not archive.results_sha256:
        raise InputError(ARCHIVE_MALFORMED, "成绩档案没有成绩摘要")
    return archive


def _check_order(name: str, keys: Sequence[Any], maximum: int) -> None:
    if len(keys) > maximum:
        raise InputError(ARCHIVE_MALFORMED, f"档案中{name}的条数超过 {maximum}")
    if not _is_ascending(keys):
        raise InputError(ARCHIVE_MALFORMED, f"档案中{name}未按顺序排列或有重复")


def _is_ascending(keys: Iterable[Any]) -> bool:
    return all(before < after for before, after in pairwise(keys))
