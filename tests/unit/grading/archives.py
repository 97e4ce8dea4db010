"""A small paper of all six types, and archives of candidates who wrote it.

Worth 14 points: single 1, multiple 2, true/false 1, two unordered blanks 2, short answer 4, and a
case of a single choice 1 and a short answer 3. Forms 1 and 2 differ in ids and in order.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exam_core.formats.journal_entries import SubmitReason
from exam_core.keys.model import (
    AnswerKey,
    BlanksKey,
    ChoiceKey,
    FormMap,
    KeyedItem,
    KeyedPart,
    MappedItem,
    MappedPart,
    MarkingKey,
    MarkingPoint,
)
from exam_core.model.identifiers import (
    AdmissionNumber,
    BankItemId,
    CentreId,
    ChoiceId,
    FormNumber,
    ItemId,
    PartId,
    SeatId,
    SegmentId,
)
from exam_core.model.items import CHOICE_TYPES, ItemType
from exam_core.model.responses import BlanksResponse, ChoiceResponse, Response, TextResponse
from grading.archive import Archive
from grading.marking import (
    Judgement,
    Mark,
    MarkerId,
    PointScores,
    TaskId,
    marking_tasks,
)
from grading.ranking import RankingPolicy
from grading.records import ArchiveCandidate, ArchiveSession, SegmentHead
from grading.results import build_archive
from tests.support import builders

SALT = "5a" * 32
CENTRE = CentreId("C01")
WRITTEN = ("B0005", "B0006")
"""Bank items with a part that a person marks."""


def part(item_type: ItemType, points_milli: int, key: Any, choices: str = "") -> KeyedPart:
    """A keyed part; `choices` gives one letter for each choice."""
    return builders.keyed_part(
        item_type=item_type,
        stem=f"{item_type} 题干",
        points_milli=points_milli,
        key=key,
        choices=tuple(f"选项{letter}" for letter in choices),
    )


def marking_key(*points_milli: int) -> MarkingKey:
    """A marking key with these points."""
    return MarkingKey(
        marking_points=tuple(
            MarkingPoint(text=f"要点{number}", points_milli=points)
            for number, points in enumerate(points_milli, 1)
        )
    )


def items() -> tuple[KeyedItem, ...]:
    """The six items."""
    blanks = BlanksKey(blanks=(("公平", "公平原则"), ("就业",)), is_unordered=True)
    single = part(ItemType.SINGLE_CHOICE, 1000, ChoiceKey(letters="B"), "ABCD")
    rows = (
        ("就业创业", ItemType.SINGLE_CHOICE, (single,)),
        (
            "社会保险",
            ItemType.MULTIPLE_CHOICE,
            (part(ItemType.MULTIPLE_CHOICE, 2000, ChoiceKey(letters="ABD"), "ABCDE"),),
        ),
        (
            "劳动关系",
            ItemType.TRUE_FALSE,
            (part(ItemType.TRUE_FALSE, 1000, ChoiceKey(letters="A"), "AB"),),
        ),
        ("人事人才", ItemType.FILL_BLANK, (part(ItemType.FILL_BLANK, 2000, blanks),)),
        (
            "社会保险",
            ItemType.SHORT_ANSWER,
            (part(ItemType.SHORT_ANSWER, 4000, marking_key(2000, 1500, 1000)),),
        ),
        (
            "劳动关系",
            ItemType.CASE,
            (single, part(ItemType.SHORT_ANSWER, 3000, marking_key(1000, 2000))),
        ),
    )
    return tuple(
        builders.keyed_item(
            f"B{number:04}",
            domain=domain,
            item_type=item_type,
            parts=parts,
            material="某公司与张某订立劳动合同。" if item_type is ItemType.CASE else "",
        )
        for number, (domain, item_type, parts) in enumerate(rows, 1)
    )


def part_id(form_number: int, bank_item_id: str, part_index: int = 0) -> PartId:
    """The opaque id of a part on a form."""
    return PartId(f"f{form_number}.{bank_item_id}.{part_index}")


def mapped_part(form_number: int, item: KeyedItem, part_index: int) -> MappedPart:
    """A part of a form; choice ids carry the letter, for tests alone."""
    name = part_id(form_number, item.bank_item_id, part_index)
    count = len(item.parts[part_index].choices)
    letters = {ChoiceId(f"{name}.{letter}"): letter for letter in "ABCDEFGH"[:count]}
    return MappedPart(part_id=name, letters=letters, order="".join(letters.values()))


def form_map(form_number: int) -> FormMap:
    """Form 1 in the order of the bank, every other one in reverse."""
    mapped = [
        MappedItem(
            item_id=ItemId(f"f{form_number}.{item.bank_item_id}"),
            bank_item_id=item.bank_item_id,
            parts=tuple(mapped_part(form_number, item, place) for place in range(len(item.parts))),
        )
        for item in items()
    ]
    return FormMap(
        form_number=FormNumber(form_number),
        items=tuple(mapped if form_number == 1 else mapped[::-1]),
    )


def answer_key(**fields: Any) -> AnswerKey:
    """The key of the paper, with forms 1 and 2."""
    return builders.answer_key(**({"items": items(), "forms": (form_map(1), form_map(2))} | fields))


FULL: Mapping[tuple[str, int], Any] = {
    ("B0001", 0): "B",
    ("B0002", 0): "ABD",
    ("B0003", 0): "A",
    ("B0004", 0): ("就业", "公平"),
    ("B0005", 0): "依法参加社会保险。",
    ("B0006", 0): "B",
    ("B0006", 1): "应当支付二倍工资。",
}
"""A response to every part, all objective ones right."""


def response(form_number: int, item: KeyedItem, part_index: int, given: Any) -> Response:
    """Letters, blanks or text as a response on a form."""
    item_type = item.parts[part_index].item_type
    if item_type in CHOICE_TYPES:
        name = part_id(form_number, item.bank_item_id, part_index)
        return ChoiceResponse(choice_ids=tuple(ChoiceId(f"{name}.{letter}") for letter in given))
    if item_type is ItemType.FILL_BLANK:
        return BlanksResponse(texts=tuple(given))
    return TextResponse(text=given)


def number(serial: int) -> AdmissionNumber:
    """The admission number of candidate `serial`."""
    return AdmissionNumber(f"2026{serial:04}")


def session(
    serial: int = 1,
    changed: Mapping[tuple[str, int], Any] | None = None,
    **fields: Any,
) -> ArchiveSession:
    """A session with FULL's responses but for `changed`; None leaves a part untouched."""
    form_number = fields.get("form_number", 1 + (serial - 1) % 2)
    by_id = {item.bank_item_id: item for item in items()}
    responses = {
        part_id(form_number, bank_item_id, index): response(
            form_number, by_id[BankItemId(bank_item_id)], index, given
        )
        for (bank_item_id, index), given in ({**FULL, **(changed or {})}).items()
        if given is not None
    }
    head = SegmentHead(
        segment_id=SegmentId(f"{serial:032x}"),
        seat_id=SeatId(f"A{serial:02}"),
        frames=12,
        head="ab" * 32,
    )
    defaults: dict[str, Any] = {
        "admission_number": number(serial),
        "form_number": FormNumber(form_number),
        "responses": responses,
        "close_reason": SubmitReason.CANDIDATE,
        "working_ms": 1_800_000,
        "receipt": "0123 4567 89ab cdef 0123 4567 89ab cdef 0123 4567",
        "segment_heads": (head,),
    }
    return ArchiveSession(**(defaults | fields))


def candidate(serial: int = 1, **fields: Any) -> ArchiveCandidate:
    """Candidate `serial`; four to a team, the fourth a substitute."""
    defaults: dict[str, Any] = {
        "admission_number": number(serial),
        "name": f"考生{serial}",
        "unit": "福州市人社局",
        "team": f"第{(serial - 1) // 4 + 1}队",
        "centre_id": CENTRE,
        "is_substitute": serial % 4 == 0,
    }
    return ArchiveCandidate(**(defaults | fields))


def mark(task_id: str = "00" * 16, **fields: Any) -> Mark:
    """The first mark of a task: full marks for each of three points."""
    defaults: dict[str, Any] = {
        "task_id": TaskId(task_id),
        "sequence": 1,
        "marker_id": MarkerId("yuejuan1"),
        "judgement": PointScores(scores_milli=(2000, 1500, 1000)),
        "marked_at_ms": 1_790_000_000_000,
    }
    return Mark(**(defaults | fields))


def marks(
    sessions: Iterable[ArchiveSession], judgements: Mapping[str, Sequence[Judgement]] | None = None
) -> tuple[Mark, ...]:
    """One mark for every task, in turn from `judgements` by bank item; half marks by default."""
    chosen: dict[str, Sequence[Judgement]] = {
        "B0005": [PointScores(scores_milli=(1000, 500, 0))],
        "B0006": [PointScores(scores_milli=(500, 1000))],
        **(judgements or {}),
    }
    turns = dict.fromkeys(chosen, 0)
    rows = []
    for task in marking_tasks(answer_key(), sessions, SALT):
        name = task.ref.bank_item_id
        judgement = chosen[name][turns[name] % len(chosen[name])]
        turns[name] += 1
        rows.append(mark(task.task_id, judgement=judgement))
    return tuple(rows)


def archive(
    sessions: Sequence[ArchiveSession] | None = None,
    *,
    candidates: int = 4,
    people: Sequence[ArchiveCandidate] | None = None,
    **fields: Any,
) -> Archive:
    """A finished archive; by default four candidates, all objective responses right."""
    wrote = [session(serial) for serial in range(1, 5)] if sessions is None else sessions
    defaults: dict[str, Any] = {
        "title": "业务技能比武笔试",
        "centre_ids": [CENTRE],
        "candidates": people or [candidate(serial) for serial in range(1, candidates + 1)],
        "sessions": wrote,
        "key": answer_key(),
        "marks": marks(wrote),
        "task_salt": SALT,
        "policy": RankingPolicy(),
    }
    return build_archive(**(defaults | fields))
