"""Brings in what headquarters vouches for: centres, and the answer key.

An answer key comes to a machine only when no sitting there is open. The exam rooms on a machine
keep small status files in one folder of it (`exam_server.machine`); nothing else of a room is
read.
"""

import hashlib
from pathlib import Path
from typing import BinaryIO

import msgspec

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import StateError, declare
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor, verify_centre
from exam_core.keys.model import AnswerKey
from exam_core.keys.package import open_key_package
from exam_server.machine import Machine
from exam_server.marking.site import GradingSite
from exam_server.store import marking as rows

KEY_SITTING_OPEN = declare(
    "key.sitting_open", "请先在本机考场系统中结束考试并导出结果，再导入答案包。"
)
KEY_IN_USE = declare(
    "key.in_use", "已导入考试结果或另一套试卷的答案，不能再换答案包；请核对文件，必要时上报。"
)


def import_centre(site: GradingSite, data: bytes, *, actor: str) -> CentreDescriptor:
    """Take a centre's signed descriptor; from then on its bundles are accepted.

    Raises:
        InputError: `signature.*`, `centre.malformed`.
        IntegrityError: `signature.*`.
    """
    centre = verify_centre(data, site.root)
    with site.store.transaction() as db:
        rows.add_centre(db, centre)
    site.audit.record("centre_imported", actors=(actor,), subject=centre.centre_id)
    return centre


def import_key(
    site: GradingSite,
    data: bytes | BinaryIO,
    identity: SealingIdentity,
    *,
    actor: str,
) -> AnswerKey:
    """Take the answer key; the same one again changes nothing.

    Args:
        site: The open site.
        data: The `.examkey`, or the open file.
        identity: The site's private sealing key.
        actor: Who does it.

    Raises:
        InputError: `key.file`, `key.malformed`, `seal.key`, `signature.*`.
        IntegrityError: `seal.open`, `signature.*`.
        StateError: `key.sitting_open`, `key.in_use`.
        StorageError: `machine.registry`.
    """
    Machine(Path(site.config.machine)).refuse_open_sittings(KEY_SITTING_OPEN)
    key = open_key_package(data, identity, site.root)
    digest = hashlib.sha256(encode_canonical(key)).hexdigest()
    with site.store.transaction() as db:
        present = rows.answer_key(db)
        if present is not None:
            if present[0] == digest:
                return key
            earlier = msgspec.json.decode(present[1], type=AnswerKey)
            _check_may_replace(earlier, key, has_results=bool(rows.bundles(db)))
        rows.add_key(db, key, content_sha256=digest, now_utc_ms=site.clock.utc_ms())
    site.audit.record(
        "key_imported",
        actors=(actor,),
        subject=key.paper_id,
        key_version=key.key_version,
        sha256=digest,
    )
    return key


def _check_may_replace(earlier: AnswerKey, key: AnswerKey, *, has_results: bool) -> None:
    if earlier.paper_id != key.paper_id:
        raise StateError(KEY_IN_USE, f"阅卷点已有试卷 {earlier.paper_id} 的答案")
    if key.key_version <= earlier.key_version:
        raise StateError(
            KEY_IN_USE, f"已有第 {earlier.key_version} 版答案，导入的是第 {key.key_version} 版"
        )
    if has_results:
        raise StateError(KEY_IN_USE, "已按原答案导入考试结果")
