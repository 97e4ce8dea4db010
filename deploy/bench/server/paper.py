"""The bench's headquarters: a paper of one hundred items, a form for every candidate."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from unittest import mock

from exam_core import limits
from exam_core.crypto.sealing import generate_identity, recipient_of
from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.opening_bundle import FormIdentity, OpeningBundle, seal_bundle
from exam_core.formats.opening_locks import draw_codes
from exam_core.formats.paper_package import build_package, seal_form, verify_package
from exam_core.formats.trust_root import Office, TrustRoot
from exam_core.model.identifiers import (
    ChoiceId,
    ExamId,
    FormNumber,
    ItemId,
    PaperId,
    PartId,
    SittingId,
)
from exam_core.model.items import Choice, Form, Item, ItemType, Part

ITEMS = 100
ESSAY_PART = PartId("essay.1")
"""The part whose answers the kiosks save: a text can have any length."""

DURATION_MS = 4 * 3_600_000

_PAPER_ID = PaperId("bench")
_SITTING_ID = SittingId("bench-1")
_KEYS = tuple(
    PrivateSigningKey(hashlib.sha256(f"bench {name}".encode()).hexdigest())
    for name in ("setter", "approver")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What headquarters delivers, and what the bench knows of it beyond."""

    sitting_id: SittingId
    package: bytes
    manifest_sha256: str
    opening: bytes
    opening_code: str
    journal_secret: bytes


def make_root() -> TrustRoot:
    """Headquarters' two keys."""
    setter, approver = map(public_key_of, _KEYS)
    return TrustRoot(
        version=1, threshold=2, keys={setter: Office.SETTER, approver: Office.APPROVER}
    )


def make_paper(centre: CentreDescriptor, *, forms: int) -> Paper:
    """A package with so many forms, all with the same items, each sealed to its own identity."""
    identities = [generate_identity() for _ in range(forms)]
    items = (*(_choice_item(number) for number in range(1, ITEMS)), _essay())
    package = build_package(
        exam_id=ExamId("bench"),
        sitting_id=_SITTING_ID,
        paper_id=_PAPER_ID,
        title="测量用卷",
        sequence=1,
        duration_ms=DURATION_MS,
        scoring_note="",
        results_recipients=[recipient_of(generate_identity())],
        sealed_forms=[
            seal_form(_form(number, items), recipient_of(identity))
            for number, identity in enumerate(identities, 1)
        ],
        keys=list(_KEYS),
    )
    secret = hashlib.sha256(b"bench journal").digest()
    manifest_sha256 = verify_package(package, make_root()).manifest_sha256
    bundle = OpeningBundle(
        paper_id=_PAPER_ID,
        sitting_id=_SITTING_ID,
        centre_id=centre.centre_id,
        manifest_sha256=manifest_sha256,
        identities=tuple(
            FormIdentity(form_number=FormNumber(number), identity=identity)
            for number, identity in enumerate(identities, 1)
        ),
        journal_secret=secret.hex(),
    )
    codes = draw_codes()
    with mock.patch.object(limits, "scrypt_log_n", 10):  # `make bench-seal` measures the locks
        opening = seal_bundle(bundle, list(_KEYS), codes, centre.opening_recipient)
    return Paper(
        sitting_id=_SITTING_ID,
        package=package,
        manifest_sha256=manifest_sha256,
        opening=opening,
        opening_code=codes.opening_code,
        journal_secret=secret,
    )


def _form(number: int, items: tuple[Item, ...]) -> Form:
    return Form(paper_id=_PAPER_ID, form_number=FormNumber(number), title="测量用卷", items=items)


def _choice_item(number: int) -> Item:
    name = f"i{number}"
    part = Part(
        part_id=PartId(f"{name}.1"),
        item_type=ItemType.SINGLE_CHOICE,
        stem=f"第 {number} 题：关于失业保险金的申领条件，下列说法正确的是哪一项？",
        points_milli=1000,
        choices=tuple(
            Choice(choice_id=ChoiceId(f"{name}-{letter}"), text=f"选项{letter}：缴费满一年")
            for letter in "ABCD"
        ),
        blank_count=0,
    )
    return Item(item_id=ItemId(name), item_type=ItemType.SINGLE_CHOICE, parts=(part,), material="")


def _essay() -> Item:
    part = Part(
        part_id=ESSAY_PART,
        item_type=ItemType.SHORT_ANSWER,
        stem="请简述经办流程。",
        points_milli=10_000,
        choices=(),
        blank_count=0,
    )
    return Item(
        item_id=ItemId("essay"), item_type=ItemType.SHORT_ANSWER, parts=(part,), material=""
    )
