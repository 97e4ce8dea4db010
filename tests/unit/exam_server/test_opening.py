"""Two people open the paper; neither alone does."""

import json
from collections.abc import Sequence

import pytest

from exam_core.errors import ExamError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.opening_key import seal_opening_key
from exam_core.formats.paper_package import open_form, verify_package
from exam_core.model.identifiers import CentreId
from exam_core.model.states import SittingState
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import Person
from exam_server.accounts.roles import Role
from exam_server.room.serve import open_store
from exam_server.room.services import opening
from exam_server.room.services.imports import import_package
from exam_server.room.services.opening import Envelope
from exam_server.room.services.opening_desk import OpeningDesk
from exam_server.store import room as tables
from tests.support import builders
from tests.support.fake_clock import FakeClock
from tests.support.live_room import LI, ZHANG, person
from tests.support.room_world import PASSPHRASE, RoomWorld, deliver


class Desk:
    """The opening of one room, step by step."""

    def __init__(self, world: RoomWorld) -> None:
        self.world = world
        self.clock = FakeClock()
        self.store = open_store(world.folder)
        self.trail = AuditTrail(world.folder.audit_file, self.clock)
        self.desk = OpeningDesk(self.clock)

    def bring(self, key: bytes | None = None, passphrase: str = PASSPHRASE) -> None:
        """The first person's part."""
        opening.bring_key(
            self.store,
            self.world.folder,
            self.trail,
            self.desk,
            LI,
            key_file=self.world.opening_key if key is None else key,
            passphrase=passphrase,
        )

    def type(
        self, codes: str | Sequence[Envelope] | None = None, who: Person = ZHANG
    ) -> opening.OpenedPaper:
        """The second person's part."""
        return opening.open_paper(
            self.store,
            self.world.folder,
            self.trail,
            self.desk,
            who,
            codes=self.world.delivery.code if codes is None else codes,
        )

    def state(self) -> str:
        """The sitting's state in the database."""
        with self.store.transaction() as db:
            row = tables.find_sitting(db)
            assert row is not None
            return row.state


@pytest.fixture
def desk(world: RoomWorld) -> Desk:
    """A prepared room's opening desk."""
    return Desk(world)


def test_key_and_code_together_open_every_assigned_form(desk: Desk) -> None:
    """The identities open the forms; both names are in the log."""
    desk.bring()
    opened = desk.type()

    package = verify_package(desk.world.delivery.package, builders.root())
    for number, identity in opened.identities.items():
        open_form(
            package.sealed_form(number),
            identity,
            paper_id=builders.PAPER_ID,
            form_number=number,
        )
    assert len(opened.identities) == 4
    assert desk.state() == SittingState.OPENED
    assert '"actors":["li","zhang"]' in desk.world.folder.audit_file.read_text()


def test_the_code_alone_opens_nothing(desk: Desk) -> None:
    """Without the key there is nothing to type the code for."""
    with pytest.raises(ExamError, match=r"opening\.no_key"):
        desk.type()
    assert desk.state() == SittingState.PREPARED


def test_the_key_alone_opens_nothing(desk: Desk) -> None:
    """After the first person's part the forms are as shut as before."""
    desk.bring()
    locked, _ = desk.desk.held_for(ZHANG)
    assert b"AGE-SECRET-KEY" not in locked.content + encode_canonical(locked.locks)
    assert desk.state() == SittingState.PREPARED


@pytest.mark.parametrize(
    "who",
    [
        person("li", Role.IT, Role.CHIEF, session="another browser"),
        person("other", Role.CHIEF, session="li"),
    ],
)
def test_one_person_cannot_do_both_parts(desk: Desk, who: Person) -> None:
    """Neither one account in two browsers nor two accounts in one browser session."""
    desk.bring()
    with pytest.raises(ExamError, match=r"opening\.same_person"):
        desk.type(who=who)
    assert desk.state() == SittingState.PREPARED


@pytest.mark.parametrize(
    ("is_right_key", "is_right_code", "told", "logged"),
    [
        (True, True, "", "paper_opened"),
        (True, False, "opening.code", "opening_refused"),
        (False, True, "opening.key", "opening_key_refused"),
        (False, False, "opening.key", "opening_key_refused"),
    ],
)
def test_each_combination_of_key_and_code_behaves(
    desk: Desk, *, is_right_key: bool, is_right_code: bool, told: str, logged: str
) -> None:
    """Only both right open; a wrong code is told as such, a wrong key before any code counts."""
    other = deliver(builders.centre(centre_id=CentreId("C02")), forms=1)
    key = None if is_right_key else seal_opening_key(builders.OPENING_IDENTITY, PASSPHRASE)
    code = desk.world.delivery.code if is_right_code else other.code

    refusals = []
    for part in (lambda: desk.bring(key), lambda: desk.type(code)):
        try:
            part()
        except ExamError as refusal:
            refusals.append(refusal)

    assert [one.code for one in refusals][:1] == ([told] if told else [])
    if not is_right_key:
        assert refusals[1].code == "opening.no_key"
    assert all(one.exit_status in {2, 3} for one in refusals)
    assert desk.state() == (SittingState.PREPARED if told else SittingState.OPENED)
    assert f'"action":"{logged}"' in desk.world.folder.audit_file.read_text()


def test_a_wrong_code_opens_nothing_and_is_logged(desk: Desk) -> None:
    """The code of another centre; the right one still works afterwards."""
    desk.bring()
    with pytest.raises(ExamError) as refusal:
        desk.type(deliver(builders.centre(centre_id=CentreId("C02")), forms=1).code)
    assert refusal.value.code == "opening.code"
    assert refusal.value.exit_status == 2
    assert desk.state() == SittingState.PREPARED
    assert "opening_refused" in desk.world.folder.audit_file.read_text()
    desk.type()


def envelopes(desk: Desk, *numbers: int, officials: str = "陈林吴") -> list[Envelope]:
    """The right envelopes with these numbers, each brought by its official."""
    codes = desk.world.delivery.codes.envelope_codes
    return [
        Envelope(number=number, official=officials[number - 1], code=codes[number - 1])
        for number in numbers
    ]


@pytest.mark.parametrize("pair", [(1, 2), (1, 3), (2, 3), (3, 2)])
def test_each_pair_of_envelopes_opens(desk: Desk, pair: tuple[int, int]) -> None:
    """The log names both accounts, both envelopes and both officials."""
    desk.bring()
    opened = desk.type(envelopes(desk, *pair))

    assert len(opened.identities) == 4
    assert desk.state() == SittingState.OPENED
    last = desk.world.folder.audit_file.read_text().splitlines()[-1]
    assert '"action":"paper_opened","actors":["li","zhang"]' in last
    assert f'"envelopes":"{pair[0]}+{pair[1]}"' in last
    assert "、".join("陈林吴"[number - 1] for number in pair) in last
    assert '"way":"envelopes"' in last
    assert not any(code in last for code in desk.world.delivery.codes.envelope_codes)


def test_two_envelopes_of_one_official_open_nothing(desk: Desk) -> None:
    """One envelope twice, one official with two envelopes, an official without a name."""
    desk.bring()
    first, second = envelopes(desk, 1, 2)
    for pair, code in (
        ((first, Envelope(number=1, official="林", code=first.code)), "opening.same_envelope"),
        ((first, Envelope(number=2, official="林", code=first.code)), "opening.same_envelope"),
        ((first, Envelope(number=2, official="陈", code=second.code)), "opening.officials"),
        ((first, Envelope(number=2, official="", code=second.code)), "opening.officials"),
        ((first, Envelope(number=2, official="林" * 33, code=second.code)), "opening.officials"),
        ((first, Envelope(number=0, official="林", code=second.code)), "opening.same_envelope"),
    ):
        with pytest.raises(ExamError) as refusal:
            desk.type(pair)
        assert refusal.value.code == code
    assert desk.state() == SittingState.PREPARED
    assert '"way":"envelopes"' in desk.world.folder.audit_file.read_text()
    desk.type([first, second])


def test_an_envelope_of_another_centre_opens_nothing(desk: Desk) -> None:
    """Beside a right one; and the envelopes need the centre's key as the code does."""
    other = deliver(builders.centre(centre_id=CentreId("C02")), forms=1)
    first, _ = envelopes(desk, 1, 2)
    wrong = Envelope(number=2, official="林", code=other.codes.envelope_codes[1])
    with pytest.raises(ExamError, match=r"opening\.no_key"):
        desk.type(envelopes(desk, 1, 2))
    desk.bring()
    with pytest.raises(ExamError, match=r"opening\.envelopes"):
        desk.type([first, wrong])
    assert desk.state() == SittingState.PREPARED


def test_a_mistyped_group_is_named_before_anything_slow(desk: Desk) -> None:
    """One wrong digit never reaches the key derivation."""
    desk.bring()
    code = desk.world.delivery.code
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    with pytest.raises(ExamError, match="第 6 组") as refusal:
        desk.type(wrong)
    assert refusal.value.code == "opening.code_group"


@pytest.mark.parametrize(
    ("key", "passphrase"), [(None, "another passphrase"), (b"nonsense", PASSPHRASE)]
)
def test_a_wrong_key_or_passphrase_is_refused(
    desk: Desk, key: bytes | None, passphrase: str
) -> None:
    """And nothing is held for the second person."""
    with pytest.raises(ExamError, match=r"opening\.key"):
        desk.bring(key, passphrase)
    assert desk.desk.brought_by() == ""


def test_the_key_waits_ten_minutes(desk: Desk) -> None:
    """Then the first person comes again."""
    desk.bring()
    assert desk.desk.brought_by() == "li"
    desk.clock.advance(limits.opening_key_life_ms + 1)
    assert desk.desk.brought_by() == ""
    with pytest.raises(ExamError, match=r"opening\.no_key"):
        desk.type()


def test_a_bundle_of_another_package_is_refused(desk: Desk) -> None:
    """Bundle and package must be one delivery."""
    other = deliver(desk.world.folder.centre(), forms=5, sequence=2)
    with desk.store.transaction() as db:
        row = tables.find_sitting(db)
        assert row is not None
        digest = row.package_sha256
    desk.world.folder.opening_file(digest).write_bytes(other.opening)
    desk.bring()
    with pytest.raises(ExamError, match=r"opening\.mismatch"):
        desk.type(other.code)


def test_after_a_restart_the_two_fill_the_memory_again(desk: Desk) -> None:
    """The state stays; the log says that it was a second time."""
    desk.bring()
    desk.type()
    desk.bring()
    desk.type()
    assert desk.state() == SittingState.OPENED
    assert "paper_reopened" in desk.world.folder.audit_file.read_text()


def test_shapes_hold_no_wording(desk: Desk) -> None:
    """What stays in memory to check responses has neither stems nor choices' texts."""
    desk.bring()
    shape = next(iter(desk.type().shapes.values()))
    assert {part.stem for part in shape.parts.values()} == {"-"}
    assert {choice.text for part in shape.parts.values() for choice in part.choices} == {""}


def test_a_code_typed_again_is_told_that_the_paper_is_open(desk: Desk) -> None:
    """Not that a key is missing; another key opens it again all the same."""
    desk.bring()
    desk.type()
    with pytest.raises(ExamError, match=r"opening\.done"):
        desk.type()
    desk.bring()
    desk.type()


def test_a_shut_paper_says_whether_it_was_ever_open() -> None:
    """Before the first opening nothing was restarted."""
    assert opening.paper_is_shut(SittingState.PREPARED).code == "opening.never"
    assert opening.paper_is_shut(SittingState.RUNNING).code == "opening.no_key"


def test_there_must_be_something_to_open(desk: Desk) -> None:
    """A closed sitting and a room without a roster are told so before a key is looked at."""
    with desk.store.transaction() as db:
        row = tables.find_sitting(db)
        assert row is not None
        row.state = str(SittingState.CLOSED)
    with pytest.raises(ExamError, match=r"sitting\.state"):
        desk.bring()
    with desk.store.transaction() as db:
        row = tables.find_sitting(db)
        assert row is not None
        row.state = str(SittingState.PREPARED)
        tables.replace_roster(db, (), ())
    with pytest.raises(ExamError, match="名单"):
        desk.bring()


def test_a_form_that_the_bundle_does_not_open_is_found_at_the_opening(desk: Desk) -> None:
    """However it came into the database: better now than at a candidate's seat."""
    with desk.store.transaction() as db:
        tables.list_candidates(db)[0].form_number = 9
    desk.bring()
    with pytest.raises(ExamError, match="第 9 卷") as refusal:
        desk.type()
    assert refusal.value.code == "opening.mismatch"
    assert desk.state() == SittingState.PREPARED


@pytest.mark.parametrize(("planned_in_s", "early"), [(3600, "3600"), (-60, None)])
def test_the_planned_time_warns_and_never_decides(
    desk: Desk, planned_in_s: int, early: str | None
) -> None:
    """A paper opens before its time as after it; the log says how much too early."""
    world = desk.world
    planned = desk.clock.utc_ms() + planned_in_s * 1000
    delivery = deliver(world.folder.centre(), forms=5, sequence=2, not_before_utc_ms=planned)
    stick = world.folder.path.with_name("stick")
    stick.write_bytes(delivery.package)
    import_package(desk.store, world.folder, desk.trail, package=stick, opening=delivery.opening)

    desk.bring()
    desk.type(delivery.code)

    assert desk.state() == SittingState.OPENED
    line = next(
        entry
        for entry in map(json.loads, world.folder.audit_file.read_text().splitlines())
        if entry["action"] == "paper_opened"
    )
    assert line["details"]["planned_utc_ms"] == str(planned)
    assert line["details"].get("early_s") == early
