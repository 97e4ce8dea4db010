"""A grading site's world in a few lines: an answer key, a room's results, and the site itself.

Eight candidates in two teams, one of them absent; two choice items, one short answer, one case of
two parts. What they wrote is different for everybody, and none of it names anybody.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from exam_core.crypto.sealing import Recipient, SealingIdentity, recipient_of
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.formats.assignment import assignment_digest, sign_assignment
from exam_core.formats.audit_log import AuditEntry, next_entry, verify_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.checkpoint import checkpoint_of, room_origin, sign_checkpoint
from exam_core.formats.journal import SegmentWriter, derive_journal_key, receipt_of
from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    SegmentStarted,
    SessionSubmitted,
    SubmitReason,
    encode_entry,
)
from exam_core.formats.results_bundle import (
    build_results,
)
from exam_core.formats.results_content import (
    ABSENT,
    Counts,
    ResultsContent,
    SegmentRecord,
    SessionRecord,
)
from exam_core.formats.trust_root import encode_root
from exam_core.keys.model import (
    AnswerKey,
    FormMap,
    KeyedItem,
    KeyedPart,
    MappedItem,
    MappedPart,
    MarkingKey,
    MarkingPoint,
)
from exam_core.keys.package import build_key_package
from exam_core.model.identifiers import (
    AdmissionNumber,
    BankItemId,
    CentreId,
    ChoiceId,
    FormNumber,
    ItemId,
    PartId,
    SegmentId,
    SessionId,
)
from exam_core.model.items import ItemType
from exam_core.model.responses import ChoiceResponse, Response, TextResponse
from exam_core.model.roster import Candidate
from exam_server.accounts.passwords import PasswordProfile
from exam_server.accounts.people import People
from exam_server.accounts.roles import Role
from exam_server.marking.services.keys import import_centre, import_key
from exam_server.marking.services.results_import import import_results
from exam_server.marking.site import GradingSite, create_site, open_site, read_identity
from grading.ranking import CutLine, RankingPolicy
from tests.support import builders

MANIFEST_SHA256 = "ab" * 32
ABSENT_SERIAL = 8
CHEAP = PasswordProfile(iterations=1, lanes=1, memory_kib=8)
PASSWORD = "eine lange Parole"


@dataclass(slots=True)
class FakeClock:
    """Time that moves when a test says so."""

    now_ms: int = 1_000_000

    def monotonic_ms(self) -> int:
        """Follows `now_ms`."""
        return self.now_ms

    def boot_id(self) -> str:
        """Nothing here outlives a start."""
        return ""

    def utc_ms(self) -> int:
        """A day in 2026, plus `now_ms`."""
        return 1_800_000_000_000 + self.now_ms

    def advance(self, by_ms: int) -> None:
        """Let time pass."""
        self.now_ms += by_ms


def marked_items() -> tuple[KeyedItem, ...]:
    """One short answer of four points, one case with parts of three and five points."""
    return (
        builders.keyed_item(
            "S0001",
            item_type=ItemType.SHORT_ANSWER,
            domain="就业创业",
            legal_basis="《就业促进法》第五十二条",
            explanation="援助对象、认定、措施各一层意思。",
            parts=(
                _marked_part(
                    "请简述就业困难人员的认定条件和就业援助措施。",
                    4000,
                    ("说明身体、技能、家庭等原因难以就业", 1000),
                    ("说明连续失业一定时间仍未就业", 1000),
                    ("列出税费减免、贷款贴息、社会保险补贴、岗位补贴等措施", 2000),
                ),
            ),
        ),
        builders.keyed_item(
            "C0001",
            item_type=ItemType.CASE,
            domain="劳动关系",
            material="王某入职某公司四个月未签书面劳动合同。第五个月公司以其"
            "试用期不合格为由解除关系，未说明理由，也未支付任何费用。王某到人社窗口咨询。\n"
            "公司称双方口头约定试用期六个月，工资表有王某签字，社会保险从第三个月起缴纳。",
            parts=(
                _marked_part(
                    "王某可以主张哪些权利？说明理由。",
                    3000,
                    ("未订立书面合同的二倍工资，自第二个月起", 1500),
                    ("违法解除的赔偿金", 1500),
                ),
                _marked_part(
                    "窗口人员应当怎样答复和引导？",
                    5000,
                    ("告知维权途径：协商、调解、仲裁、监察投诉", 2000),
                    ("告知一年仲裁时效", 1000),
                    ("列出应准备的证据材料", 1500),
                    ("态度耐心，一次性告知", 500),
                ),
            ),
        ),
    )


def world_key(**fields: Any) -> AnswerKey:
    """The key of the world's paper; one form for each candidate, with ids of its own."""
    items = (builders.keyed_item("B0001"), builders.keyed_item("B0002"), *marked_items())
    forms = tuple(_form_map(number, items) for number in range(1, 10))
    return builders.answer_key(**({"items": items, "forms": forms} | fields))


def part_id(form_number: int, bank_item_id: str, index: int = 0) -> PartId:
    """The opaque id of a part on a form."""
    text = f"{form_number}/{bank_item_id}/{index}"
    return PartId(hashlib.sha256(text.encode()).hexdigest()[:16])


def response_text(serial: int, number: int) -> str:
    """What candidate `serial` wrote to the `number`th marked part."""
    return (
        f"答{'甲乙丙丁戊己庚辛'[serial - 1]}{number}：用人单位自用工之日起超过一个月不满一年未与"
        "劳动者订立书面劳动合同的，应当每月支付二倍的工资。\n"
        + "劳动者可以依法申请调解、仲裁，并应当保存工资条、考勤记录等材料。"
        * (1 + serial % 3)
    )


def world_responses(serial: int) -> dict[PartId, Response]:
    """What candidate `serial` gave: the even ones have the first choice item right."""
    first, second = part_id(serial, "B0001"), part_id(serial, "B0002")
    given: dict[PartId, Response] = {
        first: ChoiceResponse(choice_ids=(ChoiceId(f"{first}-{'AB'[serial % 2 == 0]}"),)),
        second: ChoiceResponse(choice_ids=(ChoiceId(f"{second}-B"),)),
    }
    for number, (item, index) in enumerate((("S0001", 0), ("C0001", 0), ("C0001", 1)), 1):
        given[part_id(serial, item, index)] = TextResponse(text=response_text(serial, number))
    if serial == 1:  # one left a part empty: worth nothing, and nobody marks it
        given[part_id(serial, "C0001", 1)] = TextResponse(text="  ")
    return given


def world_session(serial: int, **fields: Any) -> SessionRecord:
    """The sealed session of candidate `serial`, submitted."""
    session_id = SessionId(f"{serial:032x}")
    segment_id = SegmentId(f"{serial:030x}aa")
    key = derive_journal_key(builders.JOURNAL_KEY, session_id)
    writer = SegmentWriter(key, segment_id, builders.KIOSK)
    entries: list[Entry] = [
        SegmentStarted(
            at_ms=0,
            session_id=session_id,
            manifest_sha256=MANIFEST_SHA256,
            form_number=FormNumber(serial),
            seat_id=builders.candidate(serial).seat_id,
            kiosk_key=builders.KIOSK.public_key,
        )
    ]
    entries += [
        ResponseRecorded(at_ms=1000, part_id=one, response=response)
        for one, response in world_responses(serial).items()
    ]
    entries.append(
        SessionSubmitted(at_ms=9000, reason=SubmitReason.CANDIDATE, heads={}, nonce="11" * 16)
    )
    frames = tuple(writer.append(encode_entry(entry)) for entry in entries)
    segment = SegmentRecord(
        segment_id=segment_id,
        epoch=1,
        seat_id=builders.candidate(serial).seat_id,
        signing_key=builders.KIOSK.public_key,
        frames=frames,
    )
    defaults: dict[str, Any] = {
        "session_id": session_id,
        "admission_number": AdmissionNumber(f"2026{serial:04d}"),
        "form_number": FormNumber(serial),
        "close_reason": "candidate",
        "working_ms": 3_000_000 + serial * 1000,
        "receipt": receipt_of(frames[-1]),
        "segments": (segment,),
    }
    return SessionRecord(**(defaults | fields))


def world_roster() -> tuple[Candidate, ...]:
    """The eight people, with names that occur nowhere else."""
    names = [
        "欧阳思远",
        "司徒静怡",
        "诸葛明哲",
        "上官若兰",
        "皇甫承志",
        "尉迟嘉禾",
        "慕容雪松",
        "令狐长青",
    ]
    return tuple(
        builders.candidate(serial, name=name, unit=f"{name[:2]}区人社局", seat_id=f"K{serial:02d}Z")
        for serial, name in enumerate(names, 1)
    )


def world_assignment(
    *,
    centre_id: CentreId = builders.CENTRE_ID,
    key: PrivateSigningKey = builders.CENTRE_KEY,
    **fields: Any,
) -> bytes:
    """The signed table: from this seed the draw happens to give everybody their own number."""
    defaults: dict[str, Any] = {
        "roster": world_roster(),
        "seed": bytes.fromhex(f"{0xB475:064x}"),
        "form_numbers": builders.form_numbers(9),
        "centre_id": centre_id,
        "manifest_sha256": MANIFEST_SHA256,
    }
    return sign_assignment(builders.assignment(**(defaults | fields)), key)


def world_log(assignment: bytes, **actions: str) -> tuple[str, ...]:
    """The room's log: the draw, the enrolled kiosks, the end; keyword arguments add lines."""
    told: list[tuple[str, str, dict[str, str]]] = [
        ("forms_assigned", "S2026-1", {"assignment_sha256": assignment_digest(assignment)}),
        *(
            ("kiosk_enrolled", str(person.seat_id), {"signing_key": str(builders.KIOSK.public_key)})
            for person in builders.roster(8)
        ),
        *((action, subject, {}) for action, subject in actions.items()),
        ("results_fixed", "S2026-1", {}),
    ]
    entries: list[AuditEntry] = []
    for action, subject, details in told:
        entries.append(
            next_entry(
                entries[-1] if entries else None,
                at_utc_ms=len(entries),
                actors=("系统",),
                role="",
                action=action,
                subject=subject,
                details=details,
            )
        )
    return tuple(encode_canonical(entry).decode() for entry in entries)


def world_checkpoint(
    lines: Sequence[str],
    *,
    centre_id: CentreId = builders.CENTRE_ID,
    key: PrivateSigningKey = builders.CENTRE_KEY,
) -> str:
    """The state of the whole log, as the centre signs it."""
    data = [line.encode() for line in lines]
    origin = room_origin(centre_id, builders.SITTING_ID)
    return sign_checkpoint(checkpoint_of(data, origin=origin, head=verify_lines(data)), key)


def world_results(
    *,
    sequence: int = 1,
    recipient: Recipient | None = None,
    centre_id: CentreId = builders.CENTRE_ID,
    keys: Sequence[PrivateSigningKey] = builders.RESULTS_KEYS,
    **changed: Any,
) -> bytes:
    """The centre's bundle; keyword arguments replace the sessions or the audit lines."""
    assignment = world_assignment(centre_id=centre_id, key=keys[0])
    content = ResultsContent(
        **(
            {
                "roster": world_roster(),
                "sessions": tuple(world_session(serial) for serial in range(1, 8)),
                "assignment": assignment,
                "audit_lines": world_log(assignment),
                "checkpoints": (),
            }
            | changed
        )
    )
    if "checkpoints" not in changed:
        notes = (world_checkpoint(content.audit_lines, centre_id=centre_id, key=keys[0]),)
        content = msgspec.structs.replace(content, checkpoints=notes)
    submitted = sum(bool(session.receipt) for session in content.sessions)
    began = sum(session.close_reason != ABSENT for session in content.sessions)
    manifest = builders.results_manifest(
        centre_id=centre_id,
        sequence=sequence,
        manifest_sha256=MANIFEST_SHA256,
        counts=Counts(
            rostered=len(content.roster),
            submitted=submitted,
            unsubmitted=began - submitted,
            absent=len(content.roster) - began,
        ),
        audit_head=verify_lines(line.encode() for line in content.audit_lines),
    )
    to = recipient or recipient_of(builders.GRADING_IDENTITY)
    return build_results(manifest, content, keys, [to])


@dataclass(slots=True)
class World:
    """An open grading site with everything imported, and its files."""

    site: GradingSite
    clock: FakeClock
    people: People
    identity: SealingIdentity
    accounts: dict[str, frozenset[Role]] = field(default_factory=dict)

    def add(self, name: str, *roles: Role) -> None:
        """Make an account with the one password."""
        self.people.add(name, PASSWORD, frozenset(roles))
        self.accounts[name] = frozenset(roles)


def write_world_files(folder: Path, recipient: Recipient) -> dict[str, Path]:
    """Root, signed centre, answer key and results as files, sealed to a site's recipient."""
    headquarters = [builders.SETTER, builders.APPROVER]
    files = {
        "root.json": encode_root(builders.root()),
        "centre.signed": sign_centre(builders.centre(), headquarters),
        "paper.examkey": build_key_package(world_key(), headquarters, [recipient]),
        "room.examresults": world_results(recipient=recipient),
        "policy.json": encode_canonical(
            RankingPolicy(cut_lines=(CutLine(name="知识通", places=1),))
        ),
        "closed/run/sitting.json": json.dumps({"state": "closed"}).encode(),
        "open/run/sitting.json": json.dumps({"state": "running"}).encode(),
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return {name: folder / name for name in files}


@contextmanager
def empty_site(folder: Path, *, database_url: str = "") -> Iterator[World]:
    """A grading site that was just made."""
    clock = FakeClock()
    create_site(
        folder / "site",
        root=builders.root(),
        root_bytes=encode_root(builders.root()),
        addresses=["127.0.0.1"],
        identity_out=folder / "grading.key",
        policy=RankingPolicy(cut_lines=(CutLine(name="知识通", places=1),)),
        clock=clock,
        machine=folder / "machine",
        database_url=database_url,
    )
    identity = read_identity(folder / "grading.key")
    with open_site(folder / "site", clock) as site:
        yield World(
            site=site, clock=clock, people=People(site.store, clock, CHEAP), identity=identity
        )


@contextmanager
def filled_site(folder: Path, *, database_url: str = "", **fields: Any) -> Iterator[World]:
    """A grading site with centre, key and results in it: 20 responses to mark.

    Keyword arguments replace fields of the answer key.
    """
    with empty_site(folder, database_url=database_url) as world:
        headquarters = [builders.SETTER, builders.APPROVER]
        recipient = recipient_of(world.identity)
        import_centre(world.site, sign_centre(builders.centre(), headquarters), actor="t")
        package = build_key_package(world_key(**fields), headquarters, [recipient])
        import_key(world.site, package, world.identity, actor="t")
        import_results(world.site, world_results(recipient=recipient), world.identity, actor="t")
        yield world


def _marked_part(stem: str, points_milli: int, *points: tuple[str, int]) -> KeyedPart:
    return builders.short_answer_part(
        stem=stem,
        points_milli=points_milli,
        key=MarkingKey(
            marking_points=tuple(
                MarkingPoint(text=text, points_milli=milli) for text, milli in points
            )
        ),
    )


def _form_map(number: int, items: tuple[KeyedItem, ...]) -> FormMap:
    return FormMap(
        form_number=FormNumber(number),
        items=tuple(
            MappedItem(
                item_id=ItemId(f"f{number}-{item.bank_item_id}"),
                bank_item_id=BankItemId(item.bank_item_id),
                parts=tuple(
                    MappedPart(
                        part_id=part_id(number, item.bank_item_id, index),
                        letters={
                            ChoiceId(
                                f"{part_id(number, item.bank_item_id, index)}-{letter}"
                            ): letter
                            for letter in "ABCD"[: len(part.choices)]
                        },
                        order="ABCD"[: len(part.choices)],
                    )
                    for index, part in enumerate(item.parts)
                ),
            )
            for item in items
        ),
    )
