"""The assignment table: which candidate of a roster writes which form, signed by the centre.

It is made when the roster is imported, before anybody can read a form, and it says how: from a
recorded seed, by a named algorithm. So whoever holds the roster draws again and compares; a table
that was made up, or a roster that was changed afterwards, shows.
Specified in `docs/spec/assignment.md`.
"""

import hashlib
import re
from collections.abc import Collection, Sequence

import msgspec

from exam_core import limits
from exam_core.crypto.signing import PrivateSigningKey, key_id
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.dsse import sign_envelope, verify_envelope
from exam_core.model.form_draw import ALGORITHM, SEED_BYTES, draw_forms
from exam_core.model.identifiers import (
    AdmissionNumber,
    CentreId,
    FormNumber,
    PaperId,
    SittingId,
)
from exam_core.model.roster import Candidate

ASSIGNMENT_MALFORMED = declare("assignment.malformed", "分卷表格式不对，保留原件并上报。")
ASSIGNMENT_OTHER = declare(
    "assignment.other", "分卷表属于另一考点、另一场次或另一试卷包，请考点核查后上报。"
)
ASSIGNMENT_ALGORITHM = declare(
    "assignment.algorithm", "分卷表的抽取方法本程序不认识，请使用配套版本的程序核验。"
)
ASSIGNMENT_DRAW = declare(
    "assignment.draw", "分卷表不是由所记种子抽出的结果，可能被人为改动；停止使用并上报。"
)
ASSIGNMENT_ROSTER = declare(
    "assignment.roster", "名单与分卷时的名单不同，可能被改动过；请考点与书面名单核对并上报。"
)

_PAYLOAD_TYPE = "application/vnd.gongyuan.assignment.v1+json"
_SHA256_TEXT = re.compile(r"[0-9a-f]{64}")
_SEED_TEXT = re.compile(rf"[0-9a-f]{{{2 * SEED_BYTES}}}")


class AssignedForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One candidate's form; `person_sha256` says who the number stood for when forms were drawn."""

    admission_number: AdmissionNumber
    form_number: FormNumber
    person_sha256: str


class Assignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table, in order of admission number, with what the draw started from.

    `form_numbers`, ascending, are the forms that this centre's opening bundle opens: those drawn
    and the spares.
    """

    centre_id: CentreId
    sitting_id: SittingId
    paper_id: PaperId
    package_sequence: int
    manifest_sha256: str
    algorithm: str
    seed: str
    form_numbers: tuple[FormNumber, ...]
    roster_sha256: str
    rows: tuple[AssignedForm, ...]
    spares: tuple[FormNumber, ...]

    def __post_init__(self) -> None:
        digests = (self.manifest_sha256, self.roster_sha256, *(r.person_sha256 for r in self.rows))
        numbers = [row.admission_number for row in self.rows]
        is_sound = (
            _SEED_TEXT.fullmatch(self.seed) is not None
            and all(_SHA256_TEXT.fullmatch(digest) for digest in digests)
            and 1 <= len(self.rows) <= limits.roster_candidates_max
            and len(self.rows) <= len(self.form_numbers) <= limits.package_forms_max
            and list(self.form_numbers) == sorted(set(self.form_numbers))
            and self.form_numbers[0] >= 1
            and self.form_numbers[-1] <= limits.package_forms_max
            and numbers == sorted(set(numbers))
        )
        if not is_sound:
            raise InputError(ASSIGNMENT_MALFORMED, "分卷表内容不全或顺序不对")

    def form_of(self) -> dict[AdmissionNumber, FormNumber]:
        """The form of every candidate."""
        return {row.admission_number: row.form_number for row in self.rows}


def person_digest(candidate: Candidate) -> str:
    """SHA-256 of a row of the roster in its canonical form."""
    return hashlib.sha256(encode_canonical(candidate)).hexdigest()


def roster_digest(roster: Sequence[Candidate]) -> str:
    """SHA-256 of the whole roster in canonical form, in order of admission number."""
    in_order = sorted(roster, key=lambda one: one.admission_number)
    return hashlib.sha256(encode_canonical(in_order)).hexdigest()


def draw_assignment(
    roster: Sequence[Candidate],
    *,
    seed: bytes,
    form_numbers: Collection[FormNumber],
    centre_id: CentreId,
    sitting_id: SittingId,
    paper_id: PaperId,
    package_sequence: int,
    manifest_sha256: str,
) -> Assignment:
    """Draw the table for a roster from the forms that the centre can open."""
    draw = draw_forms(seed, (one.admission_number for one in roster), form_numbers)
    people = {one.admission_number: one for one in roster}
    return Assignment(
        centre_id=centre_id,
        sitting_id=sitting_id,
        paper_id=paper_id,
        package_sequence=package_sequence,
        manifest_sha256=manifest_sha256,
        algorithm=ALGORITHM,
        seed=seed.hex(),
        form_numbers=tuple(sorted(form_numbers)),
        roster_sha256=roster_digest(roster),
        rows=tuple(
            AssignedForm(
                admission_number=number,
                form_number=draw.forms[number],
                person_sha256=person_digest(people[number]),
            )
            for number in sorted(people)
        ),
        spares=draw.spares,
    )


def sign_assignment(assignment: Assignment, key: PrivateSigningKey) -> bytes:
    """The table as the centre signs it."""
    return sign_envelope(encode_canonical(assignment), _PAYLOAD_TYPE, [key])


def verify_assignment(data: bytes, centre: CentreDescriptor) -> Assignment:
    """The table, once its centre signed it and the draw from its seed gives it.

    Raises:
        InputError: `assignment.malformed`, `assignment.algorithm`, `signature.malformed`,
            `signature.type`.
        IntegrityError: `assignment.draw`, `assignment.other`, `signature.*`.
    """
    trusted = {key_id(centre.signing_key): centre.signing_key}
    payload = verify_envelope(data, _PAYLOAD_TYPE, trusted, 1)
    assignment = parse_assignment(payload)
    if assignment.centre_id != centre.centre_id:
        raise IntegrityError(ASSIGNMENT_OTHER, f"分卷表属于考点 {assignment.centre_id}")
    check_draw(assignment)
    return assignment


def parse_assignment(payload: bytes) -> Assignment:
    """The table from the payload of its envelope, nothing of it checked but its shape.

    Raises:
        InputError: `assignment.malformed`.
    """
    return decode_canonical(payload, Assignment, ASSIGNMENT_MALFORMED, "分卷表")


def check_draw(assignment: Assignment) -> None:
    """Draw again and compare.

    Raises:
        InputError: `assignment.algorithm`.
        IntegrityError: `assignment.draw`, naming the first candidate whose form differs.
    """
    if assignment.algorithm != ALGORITHM:
        raise InputError(ASSIGNMENT_ALGORITHM, f"分卷方法是 {assignment.algorithm[:50]}")
    held = assignment.form_of()
    draw = draw_forms(bytes.fromhex(assignment.seed), held, assignment.form_numbers)
    for number, form in held.items():
        if draw.forms[number] != form:
            raise IntegrityError(
                ASSIGNMENT_DRAW,
                f"考生 {number} 按种子应为第 {draw.forms[number]} 卷，表中是第 {form} 卷",
                admission_number=number,
            )
    if draw.spares != assignment.spares:
        raise IntegrityError(ASSIGNMENT_DRAW, "备用卷与种子抽出的不同")


def changed_people(
    assignment: Assignment, roster: Sequence[Candidate]
) -> tuple[AdmissionNumber, ...]:
    """The admission numbers under which table and roster do not mean the same person.

    Those who stand on one of them alone are among them; nobody, when the roster is the one that
    forms were drawn for.
    """
    drawn = {row.admission_number: row.person_sha256 for row in assignment.rows}
    now = {one.admission_number: person_digest(one) for one in roster}
    return tuple(number for number in sorted(drawn | now) if drawn.get(number) != now.get(number))


def check_roster_unchanged(assignment: Assignment, roster: Sequence[Candidate]) -> None:
    """Refuse a roster that is not the one that forms were drawn for.

    Raises:
        IntegrityError: `assignment.roster`, naming the first candidate that differs.
    """
    changed = changed_people(assignment, roster)
    if changed:
        raise IntegrityError(
            ASSIGNMENT_ROSTER, f"考生 {changed[0]} 与分卷时的名单不同", admission_number=changed[0]
        )
    if len(roster) != len(assignment.rows) or roster_digest(roster) != assignment.roster_sha256:
        raise IntegrityError(ASSIGNMENT_ROSTER, "名单与分卷时的名单不同")


def assignment_digest(data: bytes) -> str:
    """SHA-256 of the signed table, as it stands in the audit log and on paper."""
    return hashlib.sha256(data).hexdigest()
