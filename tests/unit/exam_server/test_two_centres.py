"""Two centres write one paper, each from forms of its own."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from exam_core import limits
from exam_core.errors import IntegrityError
from exam_core.formats.assignment import verify_assignment
from exam_core.formats.opening_bundle import (
    OpeningBundle,
    open_bundle,
    read_opening_file,
    unwrap_bundle,
)
from exam_core.formats.opening_key import open_opening_key
from exam_core.formats.opening_locks import prove_by_code
from exam_core.formats.paper_package import open_form, verify_package
from exam_core.model.identifiers import CentreId, FormNumber
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import open_store
from exam_server.room.services import imports
from exam_server.room.services.assignment import read_assignment
from paper_builder.assembly import draw_paper
from paper_builder.publish import CentreOrder, SealedPaper, seal_paper
from tests.support import builders
from tests.support.refusals import refuses
from tests.support.room_world import PASSPHRASE, initialise_room, roster_file
from tests.unit.paper_builder.bank_items import SEED, Stock, blueprint

FORMS = 7
SHARES = ((1, 2, 3), (4, 5, 6, 7))


@pytest.fixture(scope="module", autouse=True)
def _cheap_scrypt() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "scrypt_log_n", 10)
        yield


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[RoomFolder, bytes]]:
    """Rooms of centres C01 and C02, with their opening key files."""
    folder = tmp_path_factory.mktemp("centres")
    return [
        initialise_room(folder / name / "room", centre_id=CentreId(name)) for name in ("C01", "C02")
    ]


@pytest.fixture(scope="module")
def sealed(rooms: list[tuple[RoomFolder, bytes]]) -> SealedPaper:
    """One paper of seven forms for both, as headquarters seals it when nobody names forms."""
    return seal_paper(
        draw_paper(Stock().items(), blueprint(), SEED, forms=FORMS).draft,
        exam_id=builders.EXAM_ID,
        sitting_id=builders.SITTING_ID,
        sequence=1,
        keys=[builders.SETTER, builders.APPROVER],
        root=builders.root(),
        centres=[CentreOrder(centre=room.centre()) for room, _ in rooms],
        grading_recipients=[builders.recipient()],
    )


def opened(sealed: SealedPaper, room: RoomFolder, key_file: bytes) -> OpeningBundle:
    """What a centre's own key and code give."""
    centre_id = room.centre().centre_id
    file = read_opening_file(sealed.bundles[centre_id], room.root())
    locked = unwrap_bundle(file, open_opening_key(key_file, PASSPHRASE))
    return open_bundle(locked, prove_by_code(sealed.codes[centre_id].opening_code), room.root())


def test_neither_centre_opens_a_form_of_the_other(
    sealed: SealedPaper, rooms: list[tuple[RoomFolder, bytes]]
) -> None:
    """Everything that stands in a bundle opens its own forms, and shuts at all of the other's."""
    package = verify_package(sealed.package, builders.root())
    bundles = [opened(sealed, room, key_file) for room, key_file in rooms]
    assert tuple(bundle.form_numbers() for bundle in bundles) == SHARES

    for bundle in bundles:
        for held in bundle.identities:
            for number in map(FormNumber, range(1, FORMS + 1)):
                attempt = partial(
                    open_form,
                    package.sealed_form(number),
                    held.identity,
                    paper_id=bundle.paper_id,
                    form_number=number,
                )
                if number == held.form_number:
                    attempt()
                else:
                    with refuses(IntegrityError, "seal.open"):
                        attempt()


def test_both_rooms_import_and_draw_from_their_own_forms(
    sealed: SealedPaper, rooms: list[tuple[RoomFolder, bytes]], tmp_path: Path
) -> None:
    """The same package in both; nobody in one room can get a form of the other room."""
    stick = tmp_path / "paper.exampkg"
    stick.write_bytes(sealed.package)
    drawn = []
    for room, _ in rooms:
        store = open_store(room)
        trail = AuditTrail(room.audit_file, SystemClock())
        opening = sealed.bundles[room.centre().centre_id]
        imports.import_package(store, room, trail, package=stick, opening=opening)
        done = imports.import_roster(
            store, room, trail, roster=roster_file(builders.roster(3)), seed_hex=""
        )
        store.close()
        table = verify_assignment(read_assignment(room, done.sha256), room.centre())
        assert sorted((*table.form_of().values(), *table.spares)) == list(table.form_numbers)
        drawn.append(table.form_numbers)

    assert tuple(drawn) == SHARES


def test_the_bundle_of_the_other_centre_is_refused(
    sealed: SealedPaper, rooms: list[tuple[RoomFolder, bytes]], tmp_path: Path
) -> None:
    """A stick for C02 that comes to C01 is found out at import."""
    room, _ = rooms[0]
    stick = tmp_path / "paper.exampkg"
    stick.write_bytes(sealed.package)
    store = open_store(room)
    trail = AuditTrail(room.audit_file, SystemClock())
    with refuses(IntegrityError, "opening.mismatch"):
        imports.import_package(
            store, room, trail, package=stick, opening=sealed.bundles[CentreId("C02")]
        )
    store.close()
