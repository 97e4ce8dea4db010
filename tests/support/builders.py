"""Valid values in one line, so that a test writes down only what it is about.

Every builder gives a value that all checks accept; keyword arguments replace single fields. The
keys are fixed and worthless outside tests.
"""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from exam_core.crypto.sealing import Recipient, SealingIdentity, recipient_of
from exam_core.crypto.signing import PrivateSigningKey, Signer, public_key_of
from exam_core.formats.assignment import Assignment, draw_assignment, sign_assignment
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.journal import SegmentWriter, segment_header
from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    SegmentStarted,
    SessionSubmitted,
    SubmitReason,
    encode_entry,
)
from exam_core.formats.officials import Official
from exam_core.formats.opening_bundle import FormIdentity, OpeningBundle
from exam_core.formats.opening_locks import OpeningCodes
from exam_core.formats.package_manifest import Manifest, Member, MemberRole
from exam_core.formats.paper_package import build_package, seal_form
from exam_core.formats.results_content import (
    Counts,
    ResultsContent,
    ResultsManifest,
    SegmentRecord,
    SessionRecord,
    session_heads,
)
from exam_core.formats.trust_root import Office, TrustRoot
from exam_core.keys.model import (
    AnswerKey,
    ChoiceKey,
    FormMap,
    KeyedItem,
    KeyedPart,
    MappedItem,
    MappedPart,
    MarkingKey,
    MarkingPoint,
    ScoringScheme,
)
from exam_core.model.identifiers import (
    AdmissionNumber,
    BankItemId,
    CentreId,
    ChoiceId,
    ExamId,
    FormNumber,
    ImageId,
    ItemId,
    PaperId,
    PartId,
    SeatId,
    SegmentId,
    SessionId,
    SittingId,
)
from exam_core.model.images import ImageSeal, ItemImage, MediaType
from exam_core.model.items import CHOICE_TYPES, Choice, Form, Item, ItemType, Part
from exam_core.model.responses import ChoiceResponse
from exam_core.model.roster import Candidate

PAPER_ID = PaperId("P2026A")
EXAM_ID = ExamId("E2026")
SITTING_ID = SittingId("S2026-1")
CENTRE_ID = CentreId("C01")
SEGMENT_ID = SegmentId("0f" * 16)
SESSION_ID = SessionId("5e" * 16)
JOURNAL_KEY = bytes(range(32))
OPENING_CODE = "12340 56786 90129 34567 78905 13577"
ENVELOPE_CODES = (
    "11115 22223 33333 44446 55551 66661",
    "10019 20023 30031 40041 50054 60061",
    "98769 87652 76544 65432 54325 43212",
)

# Three identities of age, drawn once: drawing is random, and tests want the same keys every time.
GRADING_IDENTITY = SealingIdentity(
    "AGE-SECRET-KEY-1GMYD6Q284DRZLS622WRK6TKDLKT282FMRHTWLKWA6CE3QW600NHQN93R9R"
)
OPENING_IDENTITY = SealingIdentity(
    "AGE-SECRET-KEY-1JKRHQXN70KKA4ZM6L5D70080G0H3F9462ZTDVTSUM738T9V8J7JSEUZH6H"
)
FORM_IDENTITY = SealingIdentity(
    "AGE-SECRET-KEY-12L4XYE30TDDQSGUDC97G767QQKTT9FLGNTFE9Y40WWQHK4K80QUSSUP8XD"
)


_T = TypeVar("_T")


def _make(kind: Callable[..., _T], changed: dict[str, Any], **defaults: Any) -> _T:
    return kind(**(defaults | changed))


def signing_key(word: str) -> PrivateSigningKey:
    """The private signing key that belongs to a word; the same word gives the same key."""
    return PrivateSigningKey(hashlib.sha256(f"test key {word}".encode()).hexdigest())


SETTER = signing_key("setter")
APPROVER = signing_key("approver")
STRANGER = signing_key("stranger")
KIOSK_KEY = signing_key("kiosk")
KIOSK = Signer(KIOSK_KEY)
"""The kiosk that writes the journals of these builders."""

CENTRE_KEY = signing_key("centre")
OFFICIAL_KEYS = tuple(signing_key(word) for word in ("chief", "deputy", "records"))

RESULTS_KEYS = (CENTRE_KEY, *OFFICIAL_KEYS[:2])
"""Who must sign results: the centre and two of its officials."""


def recipient(identity: SealingIdentity = GRADING_IDENTITY) -> Recipient:
    """The public half of an identity."""
    return recipient_of(identity)


def root(**fields: Any) -> TrustRoot:
    """A root that wants setter and approver."""
    keys = {public_key_of(SETTER): Office.SETTER, public_key_of(APPROVER): Office.APPROVER}
    return _make(TrustRoot, fields, version=1, threshold=2, keys=keys)


def officials() -> tuple[Official, ...]:
    """Three people who may sign the centre's results, with `OFFICIAL_KEYS`."""
    people = (("王建国", "主考"), ("李秀英", "副主考"), ("陈志远", "考务负责人"))
    return tuple(
        Official(name=name, office=office, signing_key=public_key_of(key))
        for (name, office), key in zip(people, OFFICIAL_KEYS, strict=True)
    )


def centre(**fields: Any) -> CentreDescriptor:
    """Centre C01 with the fixed opening and signing keys."""
    return _make(
        CentreDescriptor,
        fields,
        centre_id=CENTRE_ID,
        name="第一考点",
        opening_recipient=recipient_of(OPENING_IDENTITY),
        signing_key=public_key_of(CENTRE_KEY),
        ca_certificate="-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        officials=officials(),
    )


def choice(letter: str, **fields: Any) -> Choice:
    """A choice whose id ends with `letter`."""
    return _make(Choice, fields, choice_id=ChoiceId(f"c-{letter}"), text=f"选项{letter}")


def part(name: str = "p1", **fields: Any) -> Part:
    """A part worth one point; single_choice with four choices unless another type is given."""
    item_type = fields.get("item_type", ItemType.SINGLE_CHOICE)
    letters = "AB" if item_type is ItemType.TRUE_FALSE else "ABCD"
    return _make(
        Part,
        fields,
        part_id=PartId(name),
        item_type=item_type,
        stem=f"下列哪一项正确（{name}）",
        points_milli=1000,
        choices=tuple(choice(letter, choice_id=ChoiceId(f"{name}-{letter}")) for letter in letters)
        if item_type in CHOICE_TYPES
        else (),
        blank_count=1 if item_type is ItemType.FILL_BLANK else 0,
    )


def item(name: str = "i1", **fields: Any) -> Item:
    """An item of one part; a case has material and two parts."""
    item_type = fields.get("item_type", ItemType.SINGLE_CHOICE)
    is_case = item_type is ItemType.CASE
    parts = (
        (part(f"{name}.1"), part(f"{name}.2", item_type=ItemType.SHORT_ANSWER))
        if is_case
        else (part(f"{name}.1", item_type=item_type),)
    )
    return _make(
        Item,
        fields,
        item_id=ItemId(name),
        item_type=item_type,
        parts=parts,
        material="张某与某公司签订劳动合同。" if is_case else "",
    )


def image(image_id: ImageId, **fields: Any) -> ItemImage:
    """A picture of 8 by 6 pixels on an item, as `tests.support.pictures.png` makes it."""
    return _make(
        ItemImage,
        fields,
        image_id=image_id,
        media_type=MediaType.PNG,
        width=8,
        height=6,
        alternative_text="失业登记流程图",
    )


def image_seal(image_id: ImageId, content: bytes, identity: SealingIdentity) -> ImageSeal:
    """What opens a picture with these bytes."""
    digest = hashlib.sha256(content).hexdigest()
    return ImageSeal(image_id=image_id, identity=identity, sha256=digest)


def form(number: int = 1, **fields: Any) -> Form:
    """A form with one item of each of the six types."""
    return _make(
        Form,
        fields,
        paper_id=PAPER_ID,
        form_number=FormNumber(number),
        title="业务技能比武笔试",
        items=tuple(item(f"i{n}", item_type=kind) for n, kind in enumerate(ItemType, 1)),
    )


def manifest(sealed_forms: tuple[bytes, ...] = (b"sealed",), **fields: Any) -> Manifest:
    """The manifest of a package with these members."""
    members = []
    offset = 0
    for number, sealed in enumerate(sealed_forms, 1):
        digest = hashlib.sha256(sealed).hexdigest()
        members.append(
            Member(
                role=MemberRole.FORM,
                name=str(number),
                offset=offset,
                size=len(sealed),
                sha256=digest,
            )
        )
        offset += len(sealed)
    return _make(
        Manifest,
        fields,
        suite="std",
        exam_id=EXAM_ID,
        sitting_id=SITTING_ID,
        paper_id=PAPER_ID,
        title="业务技能比武笔试",
        sequence=1,
        duration_ms=5_400_000,
        not_before_utc_ms=None,
        min_program="0.1.0",
        scoring_note="多选题少选、错选均不得分",
        results_recipients=(recipient(),),
        total_forms=len(members),
        members=tuple(members),
    )


def package(*forms: Form, **fields: Any) -> bytes:
    """A package file signed by setter and approver; every form sealed to FORM_IDENTITY."""
    sealed = [seal_form(one, recipient_of(FORM_IDENTITY)) for one in forms or (form(),)]
    return _make(
        build_package,
        fields,
        exam_id=EXAM_ID,
        sitting_id=SITTING_ID,
        paper_id=PAPER_ID,
        title="业务技能比武笔试",
        sequence=1,
        duration_ms=5_400_000,
        scoring_note="多选题少选、错选均不得分",
        results_recipients=(recipient(),),
        sealed_forms=sealed,
        keys=[SETTER, APPROVER],
    )


def codes(**fields: Any) -> OpeningCodes:
    """What opens the bundles of the tests: the fixed code and the fixed envelopes."""
    return _make(OpeningCodes, fields, opening_code=OPENING_CODE, envelope_codes=ENVELOPE_CODES)


def form_identity(number: int) -> FormIdentity:
    """The identity of the tests' forms, for the form of this number."""
    return FormIdentity(form_number=FormNumber(number), identity=FORM_IDENTITY)


def bundle(**fields: Any) -> OpeningBundle:
    """The opening bundle of C01 with the identity of form 1."""
    return _make(
        OpeningBundle,
        fields,
        paper_id=PAPER_ID,
        sitting_id=SITTING_ID,
        centre_id=CENTRE_ID,
        manifest_sha256="ab" * 32,
        identities=(form_identity(1),),
        journal_secret=JOURNAL_KEY.hex(),
    )


def keyed_part(**fields: Any) -> KeyedPart:
    """A single_choice part of four choices; B is right."""
    return _make(
        KeyedPart,
        fields,
        item_type=ItemType.SINGLE_CHOICE,
        stem="下列哪一项正确",
        points_milli=1000,
        key=ChoiceKey(letters="B"),
        choices=("甲", "乙", "丙", "丁"),
    )


def short_answer_part(**fields: Any) -> KeyedPart:
    """A short_answer part of two points with two marking points."""
    points = tuple(MarkingPoint(text=text, points_milli=1000) for text in ("主体适格", "意思真实"))
    return _make(
        keyed_part,
        fields,
        item_type=ItemType.SHORT_ANSWER,
        choices=(),
        points_milli=2000,
        key=MarkingKey(marking_points=points),
    )


def keyed_item(name: str = "B0001", **fields: Any) -> KeyedItem:
    """A bank item of one single_choice part."""
    return _make(
        KeyedItem,
        fields,
        bank_item_id=BankItemId(name),
        version=1,
        item_type=ItemType.SINGLE_CHOICE,
        domain="劳动关系",
        knowledge_point="劳动合同订立",
        difficulty_milli=700,
        legal_basis="《劳动合同法》第十条",
        parts=(keyed_part(),),
    )


def form_map(number: int = 1, **fields: Any) -> FormMap:
    """Form `number` with the one part of bank item B0001."""
    letters = {ChoiceId(f"p1-{letter}"): letter for letter in "ABCD"}
    mapped = MappedItem(
        item_id=ItemId("i1"),
        bank_item_id=BankItemId("B0001"),
        parts=(MappedPart(part_id=PartId("p1"), letters=letters, order="ABCD"),),
    )
    return _make(FormMap, fields, form_number=FormNumber(number), items=(mapped,))


def answer_key(**fields: Any) -> AnswerKey:
    """The key of a paper of one item and one form."""
    return _make(
        AnswerKey,
        fields,
        paper_id=PAPER_ID,
        title="业务技能比武笔试",
        key_version=1,
        scoring=ScoringScheme(),
        items=(keyed_item(),),
        forms=(form_map(),),
        journal_secrets={CENTRE_ID: JOURNAL_KEY.hex()},
    )


def id_number(serial: int = 1) -> str:
    """A resident identity number with the right check character; 1 to 999."""
    body = f"35010219900101{serial:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(digit) for weight, digit in zip(weights, body, strict=True))
    return body + "10X98765432"[total % 11]


def candidate(serial: int = 1, **fields: Any) -> Candidate:
    """Candidate number `serial`, each at a seat of their own, four to a team."""
    return _make(
        Candidate,
        fields,
        admission_number=AdmissionNumber(f"2026{serial:04d}"),
        name=f"考生{serial}",
        id_number=id_number(serial),
        unit="福州市人社局",
        team=f"第{(serial - 1) // 4 + 1}队",
        seat_id=SeatId(f"A{serial:02d}"),
    )


def roster(size: int = 4) -> tuple[Candidate, ...]:
    """Candidates 1 to `size`."""
    return tuple(candidate(serial) for serial in range(1, size + 1))


def form_numbers(last: int) -> tuple[FormNumber, ...]:
    """Forms 1 to `last`."""
    return tuple(map(FormNumber, range(1, last + 1)))


def assignment(size: int = 2, **fields: Any) -> Assignment:
    """The table of candidates 1 to `size` of C01 for a package with one spare form."""
    return _make(
        draw_assignment,
        fields,
        roster=roster(size),
        seed=bytes.fromhex("22" * 32),
        form_numbers=form_numbers(size + 1),
        centre_id=CENTRE_ID,
        sitting_id=SITTING_ID,
        paper_id=PAPER_ID,
        package_sequence=1,
        manifest_sha256="ab" * 32,
    )


def segment_started(**fields: Any) -> SegmentStarted:
    """The first entry of a segment."""
    return _make(
        SegmentStarted,
        fields,
        at_ms=0,
        session_id=SESSION_ID,
        manifest_sha256="ab" * 32,
        form_number=FormNumber(1),
        seat_id=SeatId("A01"),
        kiosk_key=KIOSK.public_key,
    )


def response_recorded(part_id: str = "p1", letter: str = "A", **fields: Any) -> ResponseRecorded:
    """One choice picked."""
    return _make(
        ResponseRecorded,
        fields,
        at_ms=1000,
        part_id=PartId(part_id),
        response=ChoiceResponse(choice_ids=(ChoiceId(f"{part_id}-{letter}"),)),
    )


def session_submitted(**fields: Any) -> SessionSubmitted:
    """The candidate handed in."""
    return _make(
        SessionSubmitted,
        fields,
        at_ms=9000,
        reason=SubmitReason.CANDIDATE,
        heads={},
        nonce="11" * 16,
    )


def entries() -> tuple[Entry, ...]:
    """A whole short session: started, two responses, submitted."""
    return (
        segment_started(),
        response_recorded("p1", "A"),
        response_recorded("p2", "B"),
        session_submitted(),
    )


def frames(
    *payloads: bytes,
    key: bytes = JOURNAL_KEY,
    segment_id: SegmentId = SEGMENT_ID,
    signer: Signer = KIOSK,
) -> list[bytes]:
    """The chained frames of these payloads; of `entries()` when none is given."""
    writer = SegmentWriter(key, segment_id, signer)
    return [writer.append(payload) for payload in payloads or map(encode_entry, entries())]


def segment(
    *payloads: bytes, key: bytes = JOURNAL_KEY, segment_id: SegmentId = SEGMENT_ID
) -> bytes:
    """A whole segment file."""
    return segment_header(segment_id) + b"".join(frames(*payloads, key=key, segment_id=segment_id))


def session_record(serial: int = 1, **fields: Any) -> SessionRecord:
    """A submitted session of candidate `serial`, with one segment."""
    record = SegmentRecord(
        segment_id=SEGMENT_ID,
        epoch=1,
        seat_id=SeatId(f"A{serial:02d}"),
        signing_key=KIOSK.public_key,
        frames=tuple(frames()),
    )
    return _make(
        SessionRecord,
        fields,
        session_id=SessionId(f"{serial:032x}"),
        admission_number=AdmissionNumber(f"2026{serial:04d}"),
        form_number=FormNumber(serial),
        close_reason="candidate",
        working_ms=3_600_000,
        receipt="0123 4567 89ab cdef 0123 4567 89ab cdef 0123 4567",
        segments=(record,),
    )


def signed_assignment(**fields: Any) -> bytes:
    """`assignment()` as C01 signs it."""
    return sign_assignment(assignment(**fields), CENTRE_KEY)


def results_manifest(**fields: Any) -> ResultsManifest:
    """A results manifest for two candidates, one of whom came."""
    return _make(
        ResultsManifest,
        fields,
        centre_id=CENTRE_ID,
        sitting_id=SITTING_ID,
        paper_id=PAPER_ID,
        manifest_sha256="ab" * 32,
        sequence=1,
        counts=Counts(rostered=2, submitted=1, unsubmitted=0, absent=1),
        audit_head="00" * 32,
        audit_lines=0,
        assignment_sha256=hashlib.sha256(signed_assignment()).hexdigest(),
        sessions=session_heads((session_record(1),)),
        content_sha256="",
    )


def results_content(**fields: Any) -> ResultsContent:
    """The content that fits `results_manifest()`."""
    return _make(
        ResultsContent,
        fields,
        roster=roster(2),
        sessions=(session_record(1),),
        assignment=signed_assignment(),
        audit_lines=(),
        checkpoints=(),
    )
