"""Opens the paper with two people: one brings the centre's key, another types the code.

Two accounts in two browser sessions; what they bring together stays in memory. After a restart
both come again. At rest nothing on this machine opens the paper.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import ExamError, IntegrityError, StateError, declare
from exam_core.formats.opening_bundle import (
    OPENING_MISMATCH,
    OpeningBundle,
    open_bundle,
    open_opening_key,
    unwrap_bundle,
)
from exam_core.formats.paper_package import PaperPackage, open_form
from exam_core.model.identifiers import FormNumber, ItemId, PartId
from exam_core.model.items import Choice, Form, Part
from exam_core.model.states import (
    SITTING_STATE,
    SittingEvent,
    SittingState,
    next_sitting_state,
)
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import Person
from exam_server.clock import Clock
from exam_server.folder import read_input
from exam_server.room.folder import RoomFolder
from exam_server.store import room as tables
from exam_server.store.engine import Store

OPENING_NO_KEY = declare("opening.no_key", "请先由技术人员带来考点启封密钥，10 分钟内输入启封码。")
OPENING_NEVER = declare("opening.never", "请先由两人启封试卷：一人带来启封密钥，另一人输入启封码。")
OPENING_DONE = declare("opening.done", "不需要再输启封码，请按考试进度继续。")
OPENING_SAME_PERSON = declare("opening.same_person", "启封须两人：请另一位同事用自己的账号操作。")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormShape:
    """What a form can be answered with; stems and texts are left out."""

    parts: Mapping[PartId, Part]
    item_ids: frozenset[ItemId]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPaper:
    """What the room knows once the paper is open; never written to disk."""

    manifest_sha256: str
    journal_secret: bytes
    identities: Mapping[FormNumber, SealingIdentity]
    shapes: Mapping[FormNumber, FormShape]


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldKey:
    inner: bytes
    person: Person
    brought_at_ms: int


class OpeningDesk:
    """Holds what the first person brought until the second one comes, or ten minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: _HeldKey | None = None
        self._is_done = False
        self._turn = threading.Lock()

    def hold(self, inner: bytes, person: Person) -> None:
        """Keep the unwrapped bundle in memory."""
        with self._turn:
            self._held = _HeldKey(
                inner=inner, person=person, brought_at_ms=self._clock.monotonic_ms()
            )

    def held_for(self, person: Person) -> tuple[bytes, Person]:
        """The bundle and who brought it, for the second person.

        Raises:
            StateError: `opening.no_key`, `opening.same_person`; `opening.done` when the paper was
                opened with it.
        """
        with self._turn:
            held = self._present()
            if held is None and self._is_done:
                raise StateError(OPENING_DONE, "试卷已经启封")
            if held is None:
                raise StateError(OPENING_NO_KEY, "还没有启封密钥，或已超过 10 分钟")
            is_same = held.person.account_id == person.account_id
            if is_same or held.person.session_key == person.session_key:
                raise StateError(OPENING_SAME_PERSON, "启封密钥和启封码不能由同一人提供")
            return held.inner, held.person

    def brought_by(self) -> str:
        """Who brought the key that is held now; empty when none is."""
        with self._turn:
            held = self._present()
            return held.person.name if held else ""

    def finish(self) -> None:
        """The paper is open: forget what is held."""
        with self._turn:
            self._held = None
            self._is_done = True

    def _present(self) -> _HeldKey | None:
        if self._held is None:
            return None
        age = self._clock.monotonic_ms() - self._held.brought_at_ms
        if age > limits.opening_key_life_ms:
            self._held = None
        return self._held


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
        IntegrityError: `opening.key`.
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
        inner = unwrap_bundle(bundle, identity)
    except ExamError as error:
        trail.record("opening_key_refused", actors=(person.name,), code=error.code)
        raise
    desk.hold(inner, person)
    trail.record("opening_key_brought", actors=(person.name,), subject=sitting.sitting_id)


def open_paper(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    desk: OpeningDesk,
    person: Person,
    *,
    code: str,
) -> OpenedPaper:
    """The second person's part: the code opens the bundle; slow.

    Every assigned form is opened once, so that a fault shows now and not at the start. In a
    sitting that was opened before (the server restarted) only the memory is filled again.

    Raises:
        InputError: `opening.code_shape`, `opening.code_group`.
        IntegrityError: `opening.code`, `opening.mismatch`, `package.altered`, `signature.*`.
        StateError: `opening.no_key`, `opening.done`, `opening.same_person`, `sitting.state`.
    """
    sitting = _sitting_to_open(store)
    inner, first = desk.held_for(person)
    try:
        package = room.package(sitting.package_sha256)
        bundle = open_bundle(
            inner,
            code,
            room.root(),
            manifest_sha256=package.manifest_sha256,
            centre_id=room.centre().centre_id,
        )
        if bundle.sitting_id != sitting.sitting_id:
            raise IntegrityError(OPENING_MISMATCH, "启封包属于另一场次")
        opened = _open_forms(package, bundle, sitting.form_numbers)
    except ExamError as error:
        trail.record("opening_refused", actors=(first.name, person.name), code=error.code)
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
        )
    desk.finish()
    return opened


@dataclass(frozen=True, slots=True, kw_only=True)
class _SittingToOpen:
    sitting_id: str
    package_sha256: str
    form_numbers: tuple[FormNumber, ...]


def _sitting_to_open(store: Store) -> _SittingToOpen:
    with store.transaction() as db:
        row = tables.find_sitting(db)
        if row is None or row.state == SittingState.CLOSED:
            raise StateError(SITTING_STATE, "没有可启封的试卷包，或场次已归档")
        numbers = [FormNumber(one.form_number) for one in tables.list_candidates(db)]
        if not numbers:
            raise StateError(SITTING_STATE, "还没有导入名单")
        return _SittingToOpen(
            sitting_id=row.sitting_id,
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
    parts = {
        part.part_id: msgspec.structs.replace(
            part,
            stem="-",
            choices=tuple(Choice(choice_id=choice.choice_id, text="") for choice in part.choices),
        )
        for part in form.parts()
    }
    return FormShape(parts=parts, item_ids=frozenset(item.item_id for item in form.items))
