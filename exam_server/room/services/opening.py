"""Opens the paper with two people: one brings the centre's key, another types the codes.

The codes are the opening code, or those in the envelopes of two officials. What the two bring
together stays in memory. After a restart both come again. At rest nothing on this machine opens
the paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import ExamError, InputError, IntegrityError, StateError, declare
from exam_core.formats.journal_reading import FormShape
from exam_core.formats.opening_bundle import (
    OPENING_MISMATCH,
    OpeningBundle,
    check_fits,
    open_bundle,
    read_opening_file,
    unwrap_bundle,
)
from exam_core.formats.opening_key import open_opening_key
from exam_core.formats.opening_locks import Proof, prove_by_code, prove_by_envelopes
from exam_core.formats.paper_package import PaperPackage, open_form
from exam_core.model.identifiers import FormNumber, SittingId
from exam_core.model.items import Form
from exam_core.model.states import (
    FIXED_STATES,
    SITTING_STATE,
    SittingEvent,
    SittingState,
    next_sitting_state,
)
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import Person
from exam_server.folder import read_input
from exam_server.room.folder import RoomFolder
from exam_server.room.services.opening_desk import OPENING_NO_KEY, OpeningDesk
from exam_server.store import room as tables
from exam_server.store.engine import Store

OPENING_NEVER = declare("opening.never", "请先由两人启封试卷：一人带来启封密钥，另一人输入启封码。")
OPENING_OFFICIALS = declare(
    "opening.officials", "请填写两个信封各自负责人的姓名；两个信封须由两位负责人各自启封。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPaper:
    """What the room knows once the paper is open; never written to disk."""

    manifest_sha256: str
    journal_secret: bytes
    identities: Mapping[FormNumber, SealingIdentity]
    shapes: Mapping[FormNumber, FormShape]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One official's sealed envelope, as typed: its number, who held it, the code in it."""

    number: int
    official: str
    code: str


def bring_key(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    desk: OpeningDesk,
    person: Person,
    *,
    key_file: bytes,
    passphrase: str,
) -> None:
    """The first person's part: the centre's key takes the outer layer off the bundle; slow.

    Raises:
        InputError: `file.unreadable`, `opening.malformed`.
        IntegrityError: `opening.key`, `opening.altered`, `signature.*`.
        StateError: `sitting.state`.
    """
    sitting = _sitting_to_open(store)
    try:
        identity = open_opening_key(key_file, passphrase)
        bundle = read_input(
            room.opening_file(sitting.package_sha256),
            bytes_max=limits.opening_bundle_bytes_max,
            name="启封包",
        )
        locked = unwrap_bundle(read_opening_file(bundle, room.root()), identity)
    except ExamError as error:
        trail.record("opening_key_refused", actors=(person.name,), code=error.code)
        raise
    desk.hold(locked, person)
    trail.record("opening_key_brought", actors=(person.name,), subject=sitting.sitting_id)


def open_paper(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    desk: OpeningDesk,
    person: Person,
    *,
    codes: str | Sequence[Envelope],
) -> OpenedPaper:
    """The second person's part: the opening code, or two envelopes, open the bundle; slow.

    Every assigned form is opened once, so that a fault shows now and not at the start. In a
    sitting that was opened before (the server restarted) only the memory is filled again.

    Raises:
        InputError: `opening.code_shape`, `opening.code_group`, `opening.same_envelope`,
            `opening.officials`.
        IntegrityError: `opening.code`, `opening.envelopes`, `opening.altered`,
            `opening.mismatch`, `package.altered`, `signature.*`.
        StateError: `opening.no_key`, `opening.done`, `opening.same_person`, `sitting.state`.
    """
    sitting = _sitting_to_open(store)
    locked, first = desk.held_for(person)
    way = _way(codes)
    try:
        proof = _proof(codes)
        package = room.package(sitting.package_sha256)
        check_fits(
            locked.header,
            room.centre(),
            paper_id=package.manifest.paper_id,
            sitting_id=sitting.sitting_id,
            manifest_sha256=package.manifest_sha256,
        )
        bundle = open_bundle(locked, proof, room.root())
        opened = _open_forms(package, bundle, sitting.form_numbers)
    except ExamError as error:
        trail.record(
            "opening_refused",
            actors=(first.name, person.name),
            code=error.code,
            way=way.name,
            envelopes=way.envelopes,
            officials=way.officials,
        )
        raise
    with store.transaction() as db:
        row = tables.find_sitting(db)
        assert row is not None, "found above"  # noqa: S101  narrows
        is_first = row.state == SittingState.PREPARED
        if is_first:
            row.state = str(next_sitting_state(SittingState.PREPARED, SittingEvent.OPEN))
        trail.record(
            "paper_opened" if is_first else "paper_reopened",
            actors=(first.name, person.name),
            role="it+chief",
            subject=sitting.sitting_id,
            manifest_sha256=package.manifest_sha256,
            way=way.name,
            envelopes=way.envelopes,
            officials=way.officials,
            **_against_plan(package, desk.utc_ms()),
        )
    desk.finish()
    return opened


def _against_plan(package: PaperPackage, now_utc_ms: int) -> dict[str, int]:
    """For the log: when the sitting was planned to begin, and how much too early it is opened.

    It decides nothing: no clock of a room can be trusted.
    """
    planned = package.manifest.not_before_utc_ms
    if planned is None:
        return {}
    early_s = max(0, planned - now_utc_ms) // 1000
    return {"planned_utc_ms": planned} | ({"early_s": early_s} if early_s else {})


def _proof(codes: str | Sequence[Envelope]) -> Proof:
    if isinstance(codes, str):
        return prove_by_code(codes)
    names = {envelope.official for envelope in codes}
    is_named = all(0 < len(name) <= limits.account_name_chars_max for name in names)
    if len(names) != len(codes) or not is_named:
        raise InputError(OPENING_OFFICIALS, "信封负责人没有填，或填了同一人")
    return prove_by_envelopes({envelope.number: envelope.code for envelope in codes})


class _Way(NamedTuple):
    """How the paper was to be opened, for the log; no code is in it."""

    name: str
    envelopes: str = ""
    officials: str = ""


def _way(codes: str | Sequence[Envelope]) -> _Way:
    if isinstance(codes, str):
        return _Way("code")
    names = [envelope.official[: limits.account_name_chars_max] for envelope in codes]
    return _Way("envelopes", "+".join(str(envelope.number) for envelope in codes), "、".join(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SittingToOpen:
    sitting_id: SittingId
    package_sha256: str
    form_numbers: tuple[FormNumber, ...]


def _sitting_to_open(store: Store) -> _SittingToOpen:
    with store.transaction() as db:
        row = tables.find_sitting(db)
        if row is None or row.state in FIXED_STATES:
            raise StateError(SITTING_STATE, "没有可启封的试卷包，或结果已固定")
        numbers = [FormNumber(one.form_number) for one in tables.list_candidates(db)]
        if not numbers:
            raise StateError(SITTING_STATE, "还没有导入名单")
        return _SittingToOpen(
            sitting_id=SittingId(row.sitting_id),
            package_sha256=row.package_sha256,
            form_numbers=tuple(numbers),
        )


def paper_is_shut(state: SittingState) -> StateError:
    """The refusal of what needs the open paper: it was never opened, or a restart shut it."""
    if state is SittingState.PREPARED:
        return StateError(OPENING_NEVER, "试卷还没有启封")
    return StateError(OPENING_NO_KEY, "服务重启后须先由两人重新启封")


def _open_forms(
    package: PaperPackage, bundle: OpeningBundle, numbers: tuple[FormNumber, ...]
) -> OpenedPaper:
    known = {identity.form_number: identity.identity for identity in bundle.identities}
    missing = [number for number in numbers if number not in known]
    if missing:
        raise IntegrityError(OPENING_MISMATCH, f"启封包缺少第 {missing[0]} 卷的密钥")
    shapes = {}
    for number in numbers:
        form = open_form(
            package.sealed_form(number),
            known[number],
            paper_id=package.manifest.paper_id,
            form_number=number,
        )
        shapes[number] = _shape(form)
    return OpenedPaper(
        manifest_sha256=package.manifest_sha256,
        journal_secret=bytes.fromhex(bundle.journal_secret),
        identities={number: known[number] for number in numbers},
        shapes=shapes,
    )


def _shape(form: Form) -> FormShape:
    # In place: the form was decoded for this alone, and a copy would validate every part again,
    # which for a thousand forms costs the room two seconds at the hour of the opening.
    for part in form.parts():
        msgspec.structs.force_setattr(part, "stem", "-")
        for choice in part.choices:
            msgspec.structs.force_setattr(choice, "text", "")
    return FormShape(
        parts={part.part_id: part for part in form.parts()},
        item_ids=frozenset(item.item_id for item in form.items),
    )
