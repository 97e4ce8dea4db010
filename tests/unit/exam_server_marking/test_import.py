"""What comes into a grading site: keys and results, and every way they are refused."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import recipient_of
from exam_core.crypto.signing import public_key_of
from exam_core.errors import ExamError
from exam_core.formats.audit_log import AuditEntry, entry_hash
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.journal import SegmentWriter, derive_journal_key, next_head, receipt_of
from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    ReviewFlagSet,
    SegmentStarted,
    encode_entry,
)
from exam_core.formats.results_bundle import build_results, open_results
from exam_core.formats.results_content import (
    SessionRecord,
)
from exam_core.keys.package import build_key_package
from exam_core.model.identifiers import (
    CentreId,
    ChoiceId,
    FormNumber,
    ItemId,
    PartId,
    SegmentId,
)
from exam_core.model.responses import ChoiceResponse, Response, TextResponse
from exam_core.model.states import SittingState
from exam_server.machine import Machine, RoomStatus
from exam_server.marking.services.anomalies import anomalous_sessions
from exam_server.marking.services.keys import import_centre, import_key
from exam_server.marking.services.queue import MarkingQueue
from exam_server.marking.services.results_import import import_results
from exam_server.store import marking as rows
from grading.marking import MarkerId, PointScores
from grading.records import ArchiveSession
from tests.support import builders
from tests.support.marking_world import (
    MANIFEST_SHA256,
    World,
    empty_site,
    filled_site,
    part_id,
    world_key,
    world_responses,
    world_results,
    world_roster,
    world_session,
    write_world_files,
)
from tests.support.results_edits import edits

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
    """The same file is recognised."""
    with empty_site(tmp_path) as world:
        files = write_world_files(tmp_path, recipient_of(world.identity))
        import_centre(world.site, files["centre.signed"].read_bytes(), actor="t")
        package = files["paper.examkey"].read_bytes()
        import_key(world.site, package, world.identity, actor="t")
        data = files["room.examresults"].read_bytes()
        assert import_results(world.site, data, world.identity, actor="t").is_new
        before = _state(world)
        assert not import_results(world.site, data, world.identity, actor="t").is_new
        assert _state(world) == before


def test_other_bytes_of_the_same_sequence_are_refused_and_logged(tmp_path: Path) -> None:
    """A room gives one file for a sequence: a second one has somebody behind it."""
    with filled_site(tmp_path) as world:
        before = _state(world)
        with pytest.raises(ExamError) as refused:
            _import(world)
        assert refused.value.code == "results.conflict"
        assert _state(world) == before
        log = (tmp_path / "site" / "audit.jsonl").read_text().splitlines()
        assert '"results_refused"' in log[-1]
        assert "results.conflict" in log[-1]


def test_a_later_bundle_takes_the_place_of_an_unmarked_one(tmp_path: Path) -> None:
    """A higher sequence replaces everything of the centre while nothing was marked."""
    with filled_site(tmp_path) as world:
        _import(world, sequence=2, sessions=tuple(map(world_session, range(1, 7))))
        with world.site.store.transaction() as db:
            assert len(rows.sessions(db)) == 6
            assert sum(count.total for count in rows.place_counts(db)) == 17


@pytest.mark.parametrize(
    ("sequence", "is_marked", "code"),
    [
        (2, True, "results.marked"),
        (1, False, "results.conflict"),
        (0, False, "results.sequence"),
    ],
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
        import_key(world.site, package, world.identity, actor="t")
        with pytest.raises(ExamError) as refused:
            _import(world)
    assert refused.value.code == "results.centre"


def _with_first(session: SessionRecord) -> dict[str, Any]:
    """The bundle's sessions with this one in the place of candidate 1's."""
    return {"sessions": (session, *(world_session(serial) for serial in range(2, 8)))}


def _of_frames(*frames: bytes) -> SessionRecord:
    """Candidate 1's session with these frames instead."""
    session = world_session(1)
    segment = msgspec.structs.replace(session.segments[0], frames=frames)
    return msgspec.structs.replace(session, segments=(segment,))


def _frames() -> tuple[bytes, ...]:
    return world_session(1).segments[0].frames


def _writer() -> SegmentWriter:
    """Candidate 1's kiosk, key and all, at the beginning of its segment."""
    session = world_session(1)
    key = derive_journal_key(builders.JOURNAL_KEY, session.session_id)
    return SegmentWriter(key, session.segments[0].segment_id, builders.KIOSK)


def _saying(bad: Entry | bytes, *, is_first: bool = False) -> SessionRecord:
    """Candidate 1's session when its kiosk says one thing more, right after the start."""
    start = SegmentStarted(
        at_ms=0,
        session_id=world_session(1).session_id,
        manifest_sha256=MANIFEST_SHA256,
        form_number=FormNumber(1),
        seat_id=builders.candidate(1).seat_id,
        kiosk_key=builders.KIOSK.public_key,
    )
    extra = bad if isinstance(bad, bytes) else encode_entry(bad)
    payloads = [extra] if is_first else [encode_entry(start), extra]
    payloads += [
        encode_entry(ResponseRecorded(at_ms=1, part_id=part, response=response))
        for part, response in world_responses(1).items()
    ]
    payloads.append(encode_entry(builders.session_submitted()))
    writer = _writer()
    frames = tuple(map(writer.append, payloads))
    return msgspec.structs.replace(_of_frames(*frames), receipt=receipt_of(frames[-1]))


def _response(part: PartId, response: Response) -> Entry:
    return ResponseRecorded(at_ms=1, part_id=part, response=response)


def _behind_garbage() -> SessionRecord:
    """Garbage sealed with no key of ours takes the first places, before an honest segment."""
    garbage = SegmentWriter(bytes(32), SegmentId("0d" * 16), builders.KIOSK)
    session = world_session(1)
    bad = msgspec.structs.replace(
        session.segments[0],
        segment_id=garbage.segment_id,
        epoch=0,
        frames=(garbage.append(b"{}"), b"garbage", garbage.append(b"{}")),
    )
    return msgspec.structs.replace(session, segments=(bad, *session.segments))


def _after_the_end() -> SessionRecord:
    writer = _writer()
    frames = _frames()
    writer.seq = len(frames)
    for frame in frames:
        writer.head = next_head(writer.head, frame)
    late = _response(FIRST_PART, ChoiceResponse(choice_ids=(ChoiceId(f"{FIRST_PART}-B"),)))
    return _of_frames(*frames, writer.append(encode_entry(late)))


FIRST_PART = part_id(1, "B0001")
CHOICE = ChoiceResponse(choice_ids=(ChoiceId("nonsense"),))
KEEPS_ALL = {
    "unknown part": (_saying(_response(PartId("no such part"), CHOICE)), "response.unknown_part"),
    "part of another form": (
        _saying(_response(part_id(2, "B0001"), CHOICE)),
        "response.unknown_part",
    ),
    "unknown flag": (
        _saying(ReviewFlagSet(at_ms=1, item_id=ItemId("x"), is_flagged=True)),
        "response.unknown_part",
    ),
    "choice not on the item": (_saying(_response(FIRST_PART, CHOICE)), "response.misfit"),
    "wrong kind": (_saying(_response(FIRST_PART, TextResponse(text="甲"))), "response.misfit"),
    "sealed nonsense": (_saying(b'{"type":"nonsense"}'), "journal.entry"),
    "wrong first entry": (
        _saying(_response(FIRST_PART, CHOICE), is_first=True),
        "journal.entry",
    ),
    "keyless garbage first": (_behind_garbage(), "journal.frame"),
    "after the end": (_after_the_end(), "response.after_end"),
}
"""Sessions of a hostile kiosk whose honest entries still count, all of them."""

LOSES = {
    "missing frame": (_of_frames(*_frames()[:1], *_frames()[2:]), "journal.chain", 0),
    "altered frame": (
        _of_frames(
            *_frames()[:2], _frames()[2][:-1] + bytes([_frames()[2][-1] ^ 1]), *_frames()[3:]
        ),
        "journal.frame",
        1,
    ),
    "foreign frames": (
        world_session(1, segments=world_session(2).segments),
        "journal.frame",
        0,
    ),
    "garbage alone": (_of_frames(b"", b"garbage"), "journal.frame", 0),
}
"""Sessions whose submit entry cannot be read, and how many responses are left."""


def _handed_in(world: World) -> dict[str, ArchiveSession]:
    with world.site.store.transaction() as db:
        return {str(one.admission_number): one for one in rows.sessions(db)}


def _anomalies(world: World) -> list[tuple[str, str]]:
    with world.site.store.transaction() as db:
        return [(str(one.admission_number), one.anomaly.code) for one in rows.anomalies(db)]


@pytest.mark.parametrize(("session", "code"), KEEPS_ALL.values(), ids=KEEPS_ALL)
def test_a_hostile_kiosk_changes_nobodys_results(
    tmp_path: Path, session: SessionRecord, code: str
) -> None:
    """What does not count is skipped and recorded; all honest responses are as they were."""
    with filled_site(tmp_path) as world:
        before = _handed_in(world)
        assert _anomalies(world) == []
        done = import_results(
            world.site,
            world_results(
                recipient=recipient_of(world.identity), sequence=2, **_with_first(session)
            ),
            world.identity,
            actor="t",
        )
        after = _handed_in(world)
        assert {name: one.responses for name, one in after.items()} == {
            name: one.responses for name, one in before.items()
        }
        assert {**after, "20260001": None} == {**before, "20260001": None}
        assert done.anomalous_sessions == 1
        assert _anomalies(world) == [("20260001", code)]
        line = world.site.audit.lines()[-1].decode()
        assert '"action":"session_anomalous"' in line
        assert f"{code}=" in line


@pytest.mark.parametrize(("session", "code", "left"), LOSES.values(), ids=LOSES)
def test_a_journal_that_does_not_hold_costs_its_own_session_alone(
    tmp_path: Path, session: SessionRecord, code: str, left: int
) -> None:
    """What stands before the damage counts; that the confirmed submission is gone is said too."""
    with filled_site(tmp_path) as world:
        before = _handed_in(world)
        _import(world, sequence=2, **_with_first(session))
        after = _handed_in(world)
        assert {**after, "20260001": None} == {**before, "20260001": None}
        assert len(after["20260001"].responses) == left
        assert _anomalies(world) == [("20260001", "results.receipt"), ("20260001", code)]
        found = anomalous_sessions(world.site)
        assert [one.is_grave for one in found] == [True]


def test_a_receipt_without_its_entry_is_recorded(tmp_path: Path) -> None:
    """The centre confirmed what is not there: the responses count, and the lead is told."""
    with filled_site(tmp_path) as world:
        before = _handed_in(world)["20260001"].responses
        _import(world, sequence=2, **_with_first(world_session(1, receipt="0000 1111")))
        assert _handed_in(world)["20260001"].responses == before
        assert _anomalies(world) == [("20260001", "results.receipt")]


def test_a_later_bundle_brings_its_own_anomalies(tmp_path: Path) -> None:
    """Those of the bundle before go with it."""
    bad, _ = KEEPS_ALL["sealed nonsense"]
    with filled_site(tmp_path) as world:
        again = world_results(
            recipient=recipient_of(world.identity), sequence=2, **_with_first(bad)
        )
        assert import_results(world.site, again, world.identity, actor="t").is_new
        assert not import_results(world.site, again, world.identity, actor="t").is_new
        _import(world, sequence=3)
        assert _anomalies(world) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"form_number": 99}, "assignment.session"), ({"close_reason": "tired"}, "results.journal")],
)
def test_what_the_centre_answers_for_refuses_the_bundle_whole(
    tmp_path: Path, fields: dict[str, Any], code: str
) -> None:
    """A form that the key does not know, a reason that is none: nothing of the file is kept."""
    with filled_site(tmp_path) as world:
        before = _state(world)
        with pytest.raises(ExamError) as refused:
            _import(world, sequence=2, **_with_first(world_session(1, **fields)))
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
            _import(world, centre_id=second, keys=(builders.STRANGER, *builders.OFFICIAL_KEYS))
        assert refused.value.code == "results.candidate"
        with pytest.raises(ExamError) as refused:
            _import(world, centre_id=second)
        assert refused.value.code == "results.altered"
        assert _state(world) == before


def test_the_answer_key_waits_for_the_room_on_this_machine(tmp_path: Path) -> None:
    """The key is refused while a room there is not closed; nobody names the room's folder."""
    with empty_site(tmp_path) as world:
        recipient = recipient_of(world.identity)
        files = write_world_files(tmp_path, recipient)
        package = files["paper.examkey"].read_bytes()
        machine = Machine(tmp_path / "machine")
        for state in (SittingState.PREPARED, SittingState.RUNNING, SittingState.ENDED):
            machine.register("ab" * 8, RoomStatus(centre_id="C01", sitting_id="S1", state=state))
            with pytest.raises(ExamError) as refused:
                import_key(world.site, package, world.identity, actor="t")
            assert refused.value.code == "key.sitting_open"
            assert "C01" in refused.value.message
        with pytest.raises(ExamError):
            world.site.paper()
        closed = RoomStatus(centre_id="C01", sitting_id="S1", state=SittingState.CLOSED)
        machine.register("ab" * 8, closed)
        import_key(world.site, package, world.identity, actor="t")
        assert world.site.paper().key.paper_id == builders.PAPER_ID


def test_an_answer_key_is_replaced_only_before_results_came(tmp_path: Path) -> None:
    """A later version counts before the results; afterwards every other key is refused."""
    with empty_site(tmp_path) as world:
        to = [recipient_of(world.identity)]

        def bring(**fields: Any) -> None:
            package = build_key_package(world_key(**fields), HEADQUARTERS, to)
            import_key(world.site, package, world.identity, actor="t")

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


def test_a_room_that_lies_is_refused_and_a_kiosk_spoils_its_own_session_alone(
    tmp_path: Path,
) -> None:
    """Signed by the centre and two officials or not: what `grading verify` blames on the room."""
    manifest, content = open_results(
        world_results(sequence=2), builders.GRADING_IDENTITY, builders.centre()
    )
    refused: dict[str, str] = {}
    with filled_site(tmp_path) as world:
        before = _state(world)
        recipients = [recipient_of(world.identity)]
        for sequence, edit in enumerate(edits(content, count=22, seed=5), 3):
            last = msgspec.json.decode(edit.content.audit_lines[-1], type=AuditEntry)
            fields = msgspec.structs.replace(
                manifest, sequence=sequence, audit_head=entry_hash(last)
            )
            data = build_results(fields, edit.content, builders.RESULTS_KEYS, recipients)
            try:
                done = import_results(world.site, data, world.identity, actor="t")
            except ExamError as error:
                refused[edit.kind] = error.code
            else:
                assert done.anomalous_sessions == 1, edit.kind
                assert {number for number, _ in _anomalies(world)} == {edit.admission_number}
        assert _state(world) != before
    assert refused == {
        "roster row": "assignment.roster",
        "log line": "audit.chain",
        "form number": "assignment.session",
        "table row": "assignment.draw",
        "kiosk key": "results.kiosk",
    }
