"""Bad files change nothing; good ones come in whole."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from exam_core.errors import ExamError, StorageError
from exam_core.formats.assignment import (
    Assignment,
    check_roster_unchanged,
    verify_assignment,
)
from exam_core.formats.audit_log import AuditEntry, verify_lines
from exam_core.formats.centre_descriptor import CentreDescriptor, sign_centre
from exam_core.formats.trust_root import encode_root
from exam_core.model.states import SittingState
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.folder import STORAGE_FULL
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import open_store
from exam_server.room.services import imports, set_up
from exam_server.room.services.assignment import log_assignment_in_force, read_assignment
from exam_server.store import room as tables
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.audit_logs import read_entries
from tests.support.room_world import (
    Delivery,
    RoomWorld,
    deliver,
    initialise_room,
    roster_file,
    seal_opening,
)

Files = dict[str, str]
LOG = "audit.jsonl"


def snapshot(folder: RoomFolder, *, but: str = "lock") -> Files:
    """The digest of every file that an import could touch."""
    return {
        str(file.relative_to(folder.path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.path.rglob("*")
        if file.is_file() and not file.name.startswith(("room.db", "lock", but))
    }


def log_of(folder: RoomFolder) -> list[AuditEntry]:
    """The lines of the log."""
    return read_entries(folder.audit_file.read_bytes().splitlines())


class Room:
    """The world's room with its store open."""

    def __init__(self, world: RoomWorld) -> None:
        self.world = world
        self.folder = world.folder
        self.store: Store = open_store(world.folder)
        self.trail = AuditTrail(world.folder.audit_file, SystemClock())

    def import_package(self, package: bytes, opening: bytes | None = None) -> None:
        """Import with the world's opening bundle unless another is given."""
        file = self.world.folder.path.with_name("stick.exampkg")
        file.write_bytes(package)
        imports.import_package(
            self.store,
            self.folder,
            self.trail,
            package=file,
            opening=self.world.delivery.opening if opening is None else opening,
        )

    def sitting(self) -> tuple[str, int]:
        """Digest and sequence of the present package."""
        with self.store.transaction() as db:
            row = tables.find_sitting(db)
            assert row is not None
            return row.package_sha256, row.sequence


@pytest.fixture
def room(world: RoomWorld) -> Room:
    """A prepared room."""
    return Room(world)


def altered(delivery: Delivery) -> bytes:
    """One byte of the last form changed."""
    return delivery.package[:-1] + bytes([delivery.package[-1] ^ 1])


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda _: b"nonsense", "package.malformed"),
        (lambda _: b"", "package.malformed"),
        (lambda delivery: delivery.opening, "package.malformed"),
        (lambda delivery: delivery.package[:-1], "package.size"),
        (lambda delivery: delivery.package[:100], "package.malformed"),
        (lambda delivery: delivery.package + b"x", "package.size"),
        (altered, "package.altered"),
        (lambda delivery: delivery.package.replace(b'"sig":"', b'"sig":"A', 1), None),
        (lambda _: builders.package(keys=[builders.SETTER]), "signature.threshold"),
        (lambda _: builders.package(sitting_id="other"), "package.sitting"),
        (lambda _: builders.package(exam_id="other", sequence=2), "package.sitting"),
        (lambda _: builders.package(min_program="9.0.0", sequence=2), "package.program"),
        (lambda _: builders.package(sequence=2), "package.forms"),
    ],
)
def test_a_bad_package_changes_nothing(
    room: Room, spoil: Callable[[Delivery], bytes], code: str | None
) -> None:
    """Wrong kind, truncated, longer, altered, one signer, another sitting, too few forms."""
    before, sitting = snapshot(room.folder, but=LOG), room.sitting()
    with pytest.raises(ExamError) as refusal:
        room.import_package(spoil(room.world.delivery))
    assert refusal.value.exit_status == 2
    assert code is None or refusal.value.code == code
    assert snapshot(room.folder, but=LOG) == before
    last = log_of(room.folder)[-1]
    assert (last.action, last.details) == ("package_refused", {"code": refusal.value.code})
    assert room.sitting() == sitting


def bundle_of(delivery: Delivery, centre: CentreDescriptor, **fields: object) -> bytes:
    """A bundle file for a centre, with something in it that does not belong to this delivery."""
    bundle = msgspec.structs.replace(delivery.bundle, centre_id=centre.centre_id, **fields)
    return seal_opening(bundle, delivery.codes, centre)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda *_: b"nonsense", "opening.malformed"),
        (lambda delivery, _: delivery.package, "opening.malformed"),
        (lambda delivery, _: delivery.opening[:-9], "opening.altered"),
        (lambda delivery, _: bundle_of(delivery, builders.centre()), "opening.other_key"),
        (
            lambda delivery, centre: bundle_of(
                delivery, msgspec.structs.replace(centre, centre_id="C02")
            ),
            "opening.mismatch",
        ),
        (
            lambda delivery, centre: bundle_of(delivery, centre, sitting_id="other"),
            "opening.mismatch",
        ),
        (
            lambda delivery, centre: bundle_of(delivery, centre, manifest_sha256="cd" * 32),
            "opening.mismatch",
        ),
        (
            lambda delivery, centre: bundle_of(delivery, centre, paper_id="other"),
            "opening.mismatch",
        ),
        (
            lambda delivery, centre: bundle_of(
                delivery,
                centre,
                identities=(*delivery.bundle.identities, builders.form_identity(6)),
            ),
            "opening.forms",
        ),
        (
            lambda delivery, centre: bundle_of(
                delivery, centre, identities=delivery.bundle.identities[:3]
            ),
            "package.forms",
        ),
    ],
)
def test_a_bad_opening_bundle_changes_nothing(
    room: Room, spoil: Callable[[Delivery, CentreDescriptor], bytes], code: str
) -> None:
    """What does not belong together shows at import, days before anybody comes with a key."""
    before = snapshot(room.folder, but=LOG)
    with pytest.raises(ExamError) as refusal:
        room.import_package(
            room.world.delivery.package, spoil(room.world.delivery, room.folder.centre())
        )
    assert refusal.value.code == code
    assert snapshot(room.folder, but=LOG) == before
    last = log_of(room.folder)[-1]
    assert (last.action, last.details) == ("package_refused", {"code": refusal.value.code})


def test_the_same_package_again_is_no_change_of_package(room: Room) -> None:
    """A second import of what is there is harmless."""
    sitting = room.sitting()
    room.import_package(room.world.delivery.package)
    assert room.sitting() == sitting


def test_a_higher_sequence_replaces_and_a_lower_one_is_refused(room: Room) -> None:
    """The former package's files go; going back is not possible."""
    newer = deliver(room.folder.centre(), forms=5, sequence=2)
    room.import_package(newer.package, newer.opening)

    assert room.sitting() == (hashlib.sha256(newer.package).hexdigest(), 2)
    assert len(list((room.folder.path / "packages").iterdir())) == 2
    with pytest.raises(ExamError, match=r"package\.sequence"):
        room.import_package(room.world.delivery.package)


def table_of(room: Room) -> tuple[Assignment, str]:
    """The table that the database names, checked as the grading site checks it, and its digest."""
    with room.store.transaction() as db:
        row = tables.find_sitting(db)
        assert row is not None
        digest = row.assignment_sha256
    signed = read_assignment(room.folder, digest)
    return verify_assignment(signed, room.folder.centre()), digest


def drawn(room: Room) -> list[str]:
    """The digests of the tables that the log names, in order."""
    entries = read_entries(room.trail.lines())
    return [one.details["assignment_sha256"] for one in entries if one.action == "forms_assigned"]


def test_the_assignment_is_signed_and_its_digest_logged(room: Room) -> None:
    """The table in the folder is the one that everybody writes, and the log names it."""
    with room.store.transaction() as db:
        given = {row.admission_number: row.form_number for row in tables.list_candidates(db)}
    table, digest = table_of(room)
    log = room.folder.audit_file.read_text()

    assert table.form_of() == given
    assert table.seed == "11" * 32
    assert len(table.spares) == 1
    check_roster_unchanged(table, room.world.roster)
    assert digest in log.splitlines()[-1]
    verify_lines(log.encode().splitlines())


def test_a_new_package_assigns_the_forms_anew(room: Room) -> None:
    """From the same seed, for the package that is there now; the former table stays as evidence."""
    _, former = table_of(room)
    newer = deliver(room.folder.centre(), forms=9, sequence=2)
    room.import_package(newer.package, newer.opening)
    table, digest = table_of(room)

    assert (table.package_sequence, len(table.form_numbers), table.seed) == (2, 9, "11" * 32)
    assert digest != former
    assert room.folder.assignment_file(former).exists()


def test_a_draw_that_was_taken_back_is_not_what_the_log_ends_with(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start writes the line of the table in force again, and only then and once."""
    table, digest = table_of(room)
    newer = deliver(room.folder.centre(), forms=9, sequence=2)

    def full(*_: object) -> None:
        raise StorageError(STORAGE_FULL, "磁盘已满")

    monkeypatch.setattr(RoomFolder, "report_state", full)
    with pytest.raises(StorageError):
        room.import_package(newer.package, newer.opening)
    assert table_of(room) == (table, digest)
    assert drawn(room)[-1] != digest

    for _ in range(2):
        log_assignment_in_force(room.store, room.folder, room.trail)

    assert drawn(room)[-1] == digest
    assert drawn(room).count(digest) == 2


def test_after_the_opening_no_line_of_the_table_is_written(room: Room) -> None:
    """What the log does not say then is for people to judge; nor is there one before a draw."""
    room.folder.audit_file.write_bytes(b"")
    room.trail = AuditTrail(room.folder.audit_file, SystemClock())
    for field, value in (("state", str(SittingState.OPENED)), ("assignment_sha256", "")):
        with room.store.transaction() as db:
            sitting = tables.find_sitting(db)
            assert sitting is not None
            sitting.state = str(SittingState.PREPARED)
            setattr(sitting, field, value)

        log_assignment_in_force(room.store, room.folder, room.trail)

    assert drawn(room) == []


@pytest.mark.parametrize("seed", range(20))
def test_forms_change_hands_in_any_order(room: Room, seed: int) -> None:
    """Whoever gets the form that another had: no order of the rows is refused."""
    done = imports.import_roster(
        room.store,
        room.folder,
        room.trail,
        roster=roster_file(builders.roster(5)),
        seed_hex=f"{seed:064x}",
        replaces=True,
    )
    with room.store.transaction() as db:
        given = {row.admission_number: row.form_number for row in tables.list_candidates(db)}
    assert given == done.table.form_of()


def test_nobody_who_logged_in_gets_another_form(room: Room) -> None:
    """A package with more forms comes too late then."""
    with room.store.transaction() as db:
        db.add(
            tables.SessionRow(
                session_id="5e" * 16,
                admission_number="20260001",
                seat_id="A01",
                form_number=1,
                state="initial",
                stage="",
                token_sha256="",
                extra_ms=0,
                close_reason="",
                receipt="",
            )
        )
    newer = deliver(room.folder.centre(), forms=9, sequence=2)
    before = table_of(room)
    with pytest.raises(ExamError, match=r"sitting\.state"):
        room.import_package(newer.package, newer.opening)
    assert table_of(room) == before


def test_a_table_that_was_exchanged_is_found(room: Room) -> None:
    """The file must have the digest that is logged."""
    _, digest = table_of(room)
    file = room.folder.assignment_file(digest)
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(ExamError, match=r"assignment\.other"):
        read_assignment(room.folder, digest)


@pytest.mark.parametrize(
    ("seats", "seed", "code"),
    [(6, "", "package.forms"), (2, "xyz", "roster.seed"), (2, "11" * 31, "roster.seed")],
)
def test_a_roster_that_cannot_be_drawn_changes_nothing(
    room: Room, seats: int, seed: str, code: str
) -> None:
    """More people than forms, or a seed that is none."""
    with pytest.raises(ExamError) as refusal:
        imports.import_roster(
            room.store,
            room.folder,
            room.trail,
            roster=roster_file(builders.roster(seats)),
            seed_hex=seed,
            replaces=True,
        )
    assert refusal.value.code == code
    with room.store.transaction() as db:
        assert len(tables.list_candidates(db)) == 4


def test_a_new_roster_replaces_the_old_one_whole(room: Room) -> None:
    """When the person says so, and as long as nobody has logged in; the log tells it."""
    smaller = roster_file(builders.roster(2))
    with pytest.raises(ExamError, match=r"roster\.exists"):
        imports.import_roster(room.store, room.folder, room.trail, roster=smaller, seed_hex="")
    done = imports.import_roster(
        room.store, room.folder, room.trail, roster=smaller, seed_hex="", replaces=True
    )
    with room.store.transaction() as db:
        assert len(tables.list_candidates(db)) == len(tables.list_seats(db)) == 2
    assert done.table.seed != "11" * 32
    assert table_of(room) == (done.table, done.sha256)
    assert '"roster_replaced"' in room.folder.audit_file.read_text().splitlines()[-2]


def test_a_roster_before_the_package_is_refused(tmp_path: Path) -> None:
    """The number of forms must be known."""
    folder, _ = initialise_room(tmp_path / "data")
    with pytest.raises(ExamError, match=r"roster\.no_package"):
        imports.import_roster(
            open_store(folder),
            folder,
            AuditTrail(folder.audit_file, SystemClock()),
            roster=roster_file(builders.roster(2)),
            seed_hex="",
        )


def test_only_the_own_signed_descriptor_is_installed(room: Room) -> None:
    """Another centre's, and one that headquarters did not sign, are refused."""
    own = room.folder.centre()
    keys = [builders.SETTER, builders.APPROVER]
    with pytest.raises(ExamError, match=r"centre\.other"):
        set_up.install_centre(room.folder, sign_centre(builders.centre(), keys), room.trail)
    with pytest.raises(ExamError, match=r"signature\.threshold"):
        set_up.install_centre(room.folder, sign_centre(own, keys[:1]), room.trail)
    assert not room.folder.signed_centre_file.exists()
    set_up.install_centre(room.folder, sign_centre(own, keys), room.trail)
    assert room.folder.signed_centre_file.exists()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"centre_id": "考点"}, "centre.id"),
        ({"name": ""}, "centre.id"),
        ({"passphrase": "short"}, "passphrase.short"),
        ({"root_bytes": b"{}"}, "root.malformed"),
        ({"addresses": ["a b"]}, "tls.address"),
        ({"database_url": "nonsense"}, "database.url"),
    ],
)
def test_init_with_wrong_facts_makes_nothing(
    tmp_path: Path, fields: dict[str, object], code: str
) -> None:
    """No folder, no key file."""
    facts: dict[str, object] = {
        "centre_id": "C01",
        "name": "第一考点",
        "root_bytes": encode_root(builders.root()),
        "addresses": ["127.0.0.1"],
        "passphrase": "a long passphrase",
        "database_url": set_up.DEFAULT_DATABASE,
    }
    with pytest.raises(ExamError) as refusal:
        set_up.initialise(
            tmp_path / "data",
            **(facts | fields),  # type: ignore[arg-type]  # one field is wrong on purpose
            opening_key_out=tmp_path / "key",
            machine=tmp_path.parent / f"{tmp_path.name}-machine",
            clock=SystemClock(),
        )
    assert refusal.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_the_same_files_again_change_nothing(room: Room) -> None:
    """Not even the audit log."""
    before = snapshot(room.folder)
    room.import_package(room.world.delivery.package)
    assert snapshot(room.folder) == before


def test_forms_are_drawn_from_those_that_the_bundle_opens(room: Room) -> None:
    """A centre whose bundle holds forms 2 to 5 of the package gives out these and no others."""
    delivery = room.world.delivery
    fewer = bundle_of(delivery, room.folder.centre(), identities=delivery.bundle.identities[1:])
    room.import_package(delivery.package, fewer)
    with room.store.transaction() as db:
        assert tables.list_forms(db) == [2, 3, 4, 5]
        assert {one.form_number for one in tables.list_candidates(db)} == {2, 3, 4, 5}
    table, _ = table_of(room)
    assert (table.form_numbers, table.spares) == ((2, 3, 4, 5), ())


def test_another_bundle_is_taken_until_the_paper_is_opened(room: Room) -> None:
    """It can be replaced before; afterwards the bundle that opened the paper stays."""
    good, package = room.world.delivery.opening, room.world.delivery.package
    file = room.folder.opening_file(room.sitting()[0])
    other = bundle_of(room.world.delivery, room.folder.centre())
    room.import_package(package, other)
    assert file.read_bytes() == other
    room.import_package(package, good)
    for state in SittingState:
        if state is SittingState.PREPARED:
            continue
        with room.store.transaction() as db:
            row = tables.find_sitting(db)
            assert row is not None
            row.state = str(state)
        before = snapshot(room.folder, but=LOG)
        with pytest.raises(ExamError, match=r"sitting\.state"):
            room.import_package(package, other)
        room.import_package(package, good)
        assert snapshot(room.folder, but=LOG) == before


def test_a_failed_import_keeps_the_former_bundle(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it fails after the file was written."""
    before = snapshot(room.folder)

    def fail(*_names: object, **_facts: object) -> None:
        raise StorageError("storage.full", "full")

    monkeypatch.setattr(room.trail, "record", fail)
    other = bundle_of(room.world.delivery, room.folder.centre())
    with pytest.raises(StorageError):
        room.import_package(room.world.delivery.package, other)
    assert snapshot(room.folder) == before
