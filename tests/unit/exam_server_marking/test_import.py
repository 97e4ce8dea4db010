"""What comes into a grading site: keys and results, and every way they are refused."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import recipient_of
from exam_core.crypto.signing import public_key_of
from exam_core.errors import ExamError
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.keys.package import build_key_package
from exam_core.model.identifiers import CentreId
from exam_server.marking.services.keys import import_centre, import_key
from exam_server.marking.services.queue import MarkingQueue
from exam_server.marking.services.results_import import import_results
from exam_server.store import marking as rows
from grading.marking import MarkerId, PointScores
from tests.support import builders
from tests.support.marking_world import (
    World,
    empty_site,
    filled_site,
    world_key,
    world_results,
    world_roster,
    world_session,
    write_world_files,
)

HEADQUARTERS = [builders.SETTER, builders.APPROVER]


def _state(world: World) -> str:
    """A digest of everything that an import can change."""
    with world.site.store.transaction() as db:
        parts = (rows.candidates(db), rows.sessions(db), rows.place_counts(db), rows.bundles(db))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _import(world: World, **fields: Any) -> object:
    data = world_results(recipient=recipient_of(world.identity), **fields)
    return import_results(world.site, data, world.identity, actor="t")


def _mark_one(world: World) -> None:
    queue = MarkingQueue(world.site)
    task_id = queue.take_next(MarkerId("m"))
    assert task_id
    view = queue.open(task_id, MarkerId("m"), may_mark=True)
    scores = tuple(0 for _ in view.marking_points)
    judgement = PointScores(scores_milli=scores)
    queue.give(task_id, MarkerId("m"), sequence=1, judgement=judgement, comment="")


def test_written_responses_that_are_not_empty_become_tasks(tmp_path: Path) -> None:
    """Seven candidates came and one left a part empty: 7 + 7 + 6 tasks."""
    with filled_site(tmp_path) as world, world.site.store.transaction() as db:
        assert [(count.total, count.marked) for count in rows.place_counts(db)] == [
            (7, 0),
            (7, 0),
            (6, 0),
        ]
        assert len(rows.candidates(db)) == 8
        assert len(rows.sessions(db)) == 7


def test_the_same_results_again_change_nothing(tmp_path: Path) -> None:
    """The same bundle, and the same results sealed anew, are recognised."""
    with filled_site(tmp_path) as world:
        before = _state(world)
        again = world_results(recipient=recipient_of(world.identity))
        assert not import_results(world.site, again, world.identity, actor="t").is_new
        assert not import_results(world.site, again, world.identity, actor="t").is_new
        assert _state(world) == before


def test_a_later_bundle_takes_the_place_of_an_unmarked_one(tmp_path: Path) -> None:
    """A higher sequence replaces everything of the centre while nothing was marked."""
    with filled_site(tmp_path) as world:
        _import(world, sequence=2, sessions=tuple(map(world_session, range(1, 7))))
        with world.site.store.transaction() as db:
            assert len(rows.sessions(db)) == 6
            assert sum(count.total for count in rows.place_counts(db)) == 17


@pytest.mark.parametrize(
    ("sequence", "is_marked", "code"),
    [(2, True, "results.marked"), (1, False, "results.sequence")],
)
def test_a_bundle_that_may_not_replace_is_refused(
    tmp_path: Path, sequence: int, code: str, *, is_marked: bool
) -> None:
    """After the first mark no bundle replaces another, and a sequence never repeats."""
    with filled_site(tmp_path) as world:
        if is_marked:
            _mark_one(world)
        before = _state(world)
        with pytest.raises(ExamError) as refused:
            _import(world, sequence=sequence, sessions=tuple(map(world_session, range(1, 7))))
        assert refused.value.code == code
        assert _state(world) == before


def test_results_before_the_key_are_refused(tmp_path: Path) -> None:
    """Without the answer key nothing can be opened."""
    with empty_site(tmp_path) as world, pytest.raises(ExamError) as refused:
        _import(world)
    assert refused.value.code == "grading.no_key"


def test_a_centre_that_nobody_vouched_for_is_refused(tmp_path: Path) -> None:
    """A bundle counts only when a registered centre signed it."""
    with empty_site(tmp_path) as world:
        package = build_key_package(world_key(), HEADQUARTERS, [recipient_of(world.identity)])
        import_key(world.site, package, world.identity, room_folders=(), actor="t")
        with pytest.raises(ExamError) as refused:
            _import(world)
    assert refused.value.code == "results.centre"


def _altered_receipt() -> dict[str, Any]:
    sessions = [world_session(serial) for serial in range(1, 8)]
    return {"sessions": (world_session(1, receipt="0000 1111"), *sessions[1:])}


def _missing_frame() -> dict[str, Any]:
    session = world_session(1)
    segment = session.segments[0]
    cut = msgspec.structs.replace(segment, frames=segment.frames[:1] + segment.frames[2:])
    rest = [world_session(serial) for serial in range(2, 8)]
    return {"sessions": (msgspec.structs.replace(session, segments=(cut,)), *rest)}


def _foreign_frames() -> dict[str, Any]:
    other = world_session(2).segments
    rest = [world_session(serial) for serial in range(2, 8)]
    return {"sessions": (world_session(1, segments=other), *rest)}


def _wrong_form() -> dict[str, Any]:
    rest = [world_session(serial) for serial in range(2, 8)]
    return {"sessions": (world_session(1, form_number=5), *rest)}


def _wrong_reason() -> dict[str, Any]:
    rest = [world_session(serial) for serial in range(2, 8)]
    return {"sessions": (world_session(1, close_reason="tired"), *rest)}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (_altered_receipt(), "results.journal"),
        (_missing_frame(), "journal.chain"),
        (_foreign_frames(), "journal.frame"),
        (_wrong_form(), "results.journal"),
        (_wrong_reason(), "results.journal"),
    ],
    ids=["receipt", "missing frame", "foreign frames", "wrong form", "close reason"],
)
def test_a_bundle_with_a_wrong_session_is_refused_whole(
    tmp_path: Path, changed: dict[str, Any], code: str
) -> None:
    """One session that does not hold refuses the file, and nothing of it is kept."""
    with filled_site(tmp_path) as world:
        before = _state(world)
        with pytest.raises(ExamError) as refused:
            _import(world, sequence=2, **changed)
        assert refused.value.code == code
        assert _state(world) == before


def test_who_logged_in_and_never_began_counts_as_absent(tmp_path: Path) -> None:
    """A session closed as absent leaves no responses and no rank."""
    sessions = (
        *(world_session(serial) for serial in range(1, 7)),
        world_session(7, close_reason="absent", receipt="", segments=()),
    )
    with filled_site(tmp_path) as world:
        _import(world, sequence=2, sessions=sessions)
        with world.site.store.transaction() as db:
            assert len(rows.sessions(db)) == 6


def test_a_person_of_two_centres_is_refused(tmp_path: Path) -> None:
    """An admission number belongs to one centre; another centre's bundle may not bring it again."""
    second = CentreId("C02")
    other = builders.centre(centre_id=second, signing_key=public_key_of(builders.STRANGER))
    secrets = dict.fromkeys((builders.CENTRE_ID, second), builders.JOURNAL_KEY.hex())
    with filled_site(tmp_path, journal_secrets=secrets) as world:
        import_centre(world.site, sign_centre(other, HEADQUARTERS), actor="t")
        before = _state(world)
        with pytest.raises(ExamError) as refused:
            _import(world, centre_id=second, signing_key=builders.STRANGER)
        assert refused.value.code == "results.candidate"
        with pytest.raises(ExamError) as refused:
            _import(world, centre_id=second)
        assert refused.value.code == "results.altered"
        assert _state(world) == before


def test_the_answer_key_waits_for_the_room_on_this_machine(tmp_path: Path) -> None:
    """The key is refused while the room there is not closed, or says nothing."""
    with empty_site(tmp_path) as world:
        recipient = recipient_of(world.identity)
        files = write_world_files(tmp_path, recipient)
        package = files["paper.examkey"].read_bytes()
        for room in (tmp_path / "open", tmp_path / "silent"):
            with pytest.raises(ExamError) as refused:
                import_key(world.site, package, world.identity, room_folders=(room,), actor="t")
            assert refused.value.code == "key.sitting_open"
        with pytest.raises(ExamError):
            world.site.paper()
        closed = tmp_path / "closed"
        import_key(world.site, package, world.identity, room_folders=(closed,), actor="t")
        assert world.site.paper().key.paper_id == builders.PAPER_ID


def test_an_answer_key_is_replaced_only_before_results_came(tmp_path: Path) -> None:
    """A later version counts before the results; afterwards every other key is refused."""
    with empty_site(tmp_path) as world:
        to = [recipient_of(world.identity)]

        def bring(**fields: Any) -> None:
            package = build_key_package(world_key(**fields), HEADQUARTERS, to)
            import_key(world.site, package, world.identity, room_folders=(), actor="t")

        bring()
        bring()
        bring(key_version=2)
        assert world.site.paper().key.key_version == 2
        for fields in ({"key_version": 1}, {"paper_id": "other", "key_version": 9}):
            with pytest.raises(ExamError) as refused:
                bring(**fields)
            assert refused.value.code == "key.in_use"
        import_centre(world.site, sign_centre(builders.centre(), HEADQUARTERS), actor="t")
        _import(world)
        with pytest.raises(ExamError) as refused:
            bring(key_version=3)
        assert refused.value.code == "key.in_use"


def test_nothing_secret_of_a_person_is_kept(tmp_path: Path) -> None:
    """Identity numbers and seats of the roster do not reach the grading site's database."""
    with filled_site(tmp_path) as world:
        folder = world.site.folder
    stored = b"".join(file.read_bytes() for file in folder.glob("grading.db*"))
    for person in world_roster():
        assert person.id_number.encode() not in stored
        assert person.seat_id.encode() not in stored
