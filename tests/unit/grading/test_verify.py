"""Two thousand alterations of a whole room's results: each is found, and its place is named."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import recipient_of, seal
from exam_core.errors import InputError
from exam_core.formats.assignment import parse_assignment, sign_assignment
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import unverified_payload
from exam_core.formats.results_bundle import (
    build_results,
    join_results,
    open_results,
    split_results,
)
from exam_core.formats.results_content import ABSENT, ResultsContent, ResultsManifest
from grading import limits
from grading.cli import main
from grading.evidence.faults import Layer
from grading.evidence.verify import Verification, verify_results
from tests.support import builders
from tests.support.marking_world import (
    world_assignment,
    world_key,
    world_results,
    write_world_files,
)
from tests.support.refusals import refuses
from tests.support.results_edits import Edit, edits, signed_anew, signed_by_nobody
from tests.support.scale import times

EDITS = 700
"""Each is tried three times: by nobody, by the centre alone, by the centre with two officials."""

BUNDLE = world_results()
KEY = world_key()
CENTRE = builders.centre()
MANIFEST, CONTENT = open_results(BUNDLE, builders.GRADING_IDENTITY, CENTRE)


def verified(data: bytes, **fields: Any) -> Verification:
    """As the person at the grading site asks."""
    given: dict[str, Any] = {"identity": builders.GRADING_IDENTITY, "key": KEY, "centre": CENTRE}
    return verify_results(data, **(given | fields))


def is_named(edit: Edit, found: Verification) -> bool:
    """Whether the fault that the edit must have stands in the verdicts, place and all."""
    return any(
        fault.code.startswith(edit.code)
        and fault.admission_number == edit.admission_number
        and fault.segment_id == edit.segment_id
        and (fault.entry, fault.line) == (edit.entry, edit.line)
        for fault in found.faults
    )


def failing(found: Verification) -> set[Layer]:
    """The layers that do not hold."""
    return {verdict.layer for verdict in found.verdicts if not verdict.holds}


def test_whole_results_hold_in_every_layer() -> None:
    """And the officials who signed are named."""
    found = verified(BUNDLE)

    assert found.holds, found.faults
    assert found.signed_by == ("王建国（主考）", "李秀英（副主考）")
    assert [verdict.layer for verdict in found.verdicts] == list(Layer)


def test_every_edit_is_found_and_placed() -> None:
    """Candidate, segment and entry, or the line of the log, whoever signed the altered results."""
    made = 0
    for edit in edits(CONTENT, count=times(EDITS), seed=20261123):
        for keys in (None, (), builders.OFFICIAL_KEYS[:2]):
            data = (
                signed_by_nobody(BUNDLE, edit.content)
                if keys is None
                else signed_anew(MANIFEST, edit.content, *keys)
            )
            found = verified(data)
            assert not found.holds
            assert is_named(edit, found), (edit.kind, keys, found.faults)
            outer = failing(found) & {Layer.SIGNATURES, Layer.SEAL, Layer.HEADS}
            assert bool(outer) == (keys is None or not keys), (edit.kind, found.faults)
            made += 1

    print(f"campaign results_edits {made}")  # noqa: T201  the runner reads it


def test_an_edit_touches_nobody_else() -> None:
    """Who is named in journals and receipts is the candidate whose record was altered."""
    for edit in edits(CONTENT, count=22, seed=7):
        found = verified(signed_by_nobody(BUNDLE, edit.content))
        named = {
            fault.admission_number
            for fault in found.faults
            if fault.layer in {Layer.JOURNALS, Layer.RECEIPTS, Layer.KIOSKS, Layer.HEADS}
        } - {""}
        assert named <= {edit.admission_number}


def altered(**fields: Any) -> tuple[ResultsManifest, ResultsContent]:
    """The content with other fields, and the manifest as it was."""
    return MANIFEST, msgspec.structs.replace(CONTENT, **fields)


def test_people_counted_wrongly_are_told() -> None:
    """A session that was dropped changes the counts, and the head that is left names whose."""
    _, content = altered(sessions=CONTENT.sessions[1:])
    found = verified(signed_by_nobody(BUNDLE, content))

    assert {Layer.COUNTS, Layer.HEADS} <= failing(found)
    (fault,) = next(one for one in found.verdicts if one.layer is Layer.HEADS).faults
    assert fault.admission_number == CONTENT.sessions[0].admission_number


def test_log_and_table_are_held_against_the_manifest() -> None:
    """A line that was cut off, and a table that is not the signed one."""
    _, shorter = altered(audit_lines=CONTENT.audit_lines[:-1])
    found = verified(signed_by_nobody(BUNDLE, shorter))
    assert [fault.code for fault in found.faults if fault.layer is Layer.HEADS] == [
        "results.altered"
    ]
    assert [fault.line for fault in found.faults if fault.layer is Layer.LOG] == [
        len(CONTENT.audit_lines)
    ]
    _, other = altered(assignment=b"nonsense")
    found = verified(signed_by_nobody(BUNDLE, other))
    assert {fault.code for fault in found.faults if fault.layer is Layer.ASSIGNMENT} == {
        "signature.malformed",
        "assignment.log",
    }


def test_a_content_that_does_not_open_is_said_and_no_more() -> None:
    """Nobody can look into what is sealed to somebody else."""
    envelope, _ = split_results(BUNDLE)
    foreign = seal(encode_canonical(CONTENT), [recipient_of(builders.FORM_IDENTITY)])
    found = verified(join_results(envelope, foreign))

    assert [fault.code for fault in found.faults] == ["results.altered", "seal.open"]
    assert not any(one.is_checked for one in found.verdicts if one.layer is Layer.JOURNALS)


def test_what_is_no_results_file_is_refused() -> None:
    """There is nothing to look at."""
    for data in (b"", BUNDLE[:50], b"EXAR1\n"):
        with refuses(InputError, "results.malformed"):
            verified(data)


def test_another_paper_and_another_centre_are_told() -> None:
    """The answer key must be that of the paper, and the descriptor the centre's own."""
    found = verified(BUNDLE, key=world_key(paper_id="P2"))
    assert [fault.code for fault in found.faults] == ["results.paper"]
    other = builders.centre(centre_id="C02")
    found = verified(BUNDLE, centre=other)
    assert "results.altered" in [fault.code for fault in found.faults]


def test_a_malformed_segment_id_does_not_stop_the_verification() -> None:
    """It is the room's doing, and named."""
    (segment,) = CONTENT.sessions[0].segments
    bad = msgspec.structs.replace(segment, segment_id="zz")
    session = msgspec.structs.replace(CONTENT.sessions[0], segments=(bad,))
    found = verified(
        signed_by_nobody(
            BUNDLE, msgspec.structs.replace(CONTENT, sessions=(session, *CONTENT.sessions[1:]))
        )
    )

    assert {Layer.HEADS, Layer.SESSIONS} <= failing(found)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Everything that the command needs."""
    found = write_world_files(tmp_path, builders.recipient())
    (tmp_path / "grading.key").write_text(f"# comment\n{builders.GRADING_IDENTITY}\n")
    return found | {"grading.key": tmp_path / "grading.key"}


def words(files: dict[str, Path], *more: str) -> list[str]:
    """The command line."""
    return [
        "verify",
        str(files["room.examresults"]),
        *("--identity", str(files["grading.key"]), "--key", str(files["paper.examkey"])),
        *("--centre", str(files["centre.signed"]), "--root", str(files["root.json"])),
        *more,
    ]


def status_of(arguments: list[str]) -> int:
    """How the program ends."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    code = ended.value.code
    return 0 if code is None else int(code)


def test_the_command_shows_a_table_and_its_status(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when all holds, 1 when something does not, and the place in words."""
    assert status_of(words(files)) == 0
    assert "全部相符" in capsys.readouterr().out
    edit = next(edits(CONTENT, count=1, seed=1))
    files["room.examresults"].write_bytes(signed_anew(MANIFEST, edit.content))
    assert status_of(words(files)) == 1
    told = capsys.readouterr().out
    assert f"考生 {edit.admission_number} 段 {edit.segment_id[:8]} 第 {edit.entry} 条" in told
    assert "results.no_official" in told
    assert status_of(words(files, "--json")) == 1
    statement = msgspec.json.decode(capsys.readouterr().out)
    assert statement["holds"] is False
    assert statement["layers"]["journals"] is False
    assert statement["layers"]["counts"] is True


def test_the_command_asks_for_what_it_needs(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Results need four files more; an identity file holds one key."""
    assert status_of(["verify", str(files["room.examresults"])]) == 2
    assert "verify.source" in capsys.readouterr().err
    files["grading.key"].write_text("nothing")
    assert status_of(words(files)) == 2
    assert "verify.source" in capsys.readouterr().err


def test_an_archive_is_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """Its digest and its results, as `recompute` does."""
    archive = Path("tests/vectors/archive/good-example.examarchive")
    assert status_of(["verify", str(archive)]) == 0
    assert "重算的成绩与档案记载相符" in capsys.readouterr().out
    assert status_of(["verify", str(archive), "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["holds"] is True


def codes_of(content: ResultsContent, layer: Layer, **fields: Any) -> list[str]:
    """What a layer says of a content that the centre and two officials signed."""
    manifest = msgspec.structs.replace(MANIFEST, **fields)
    recipients = [builders.recipient()]
    data = build_results(manifest, content, builders.RESULTS_KEYS, recipients)
    return [fault.code for fault in verified(data).faults if fault.layer is layer]


def test_the_head_of_the_log_must_be_the_signed_one() -> None:
    """A whole log without checkpoints, and a manifest that names another last line."""
    content = msgspec.structs.replace(CONTENT, checkpoints=())

    assert codes_of(content, Layer.LOG, audit_head="00" * 32) == ["results.altered"]


def test_a_line_that_cannot_be_read_is_placed() -> None:
    """And what the other lines say of the room is used all the same."""
    lines = (CONTENT.audit_lines[0], "nonsense", *CONTENT.audit_lines[2:])
    content = msgspec.structs.replace(CONTENT, audit_lines=lines)

    assert codes_of(content, Layer.LOG) == ["audit.malformed"]
    assert codes_of(content, Layer.KIOSKS) == ["results.kiosk"]
    assert codes_of(content, Layer.ASSIGNMENT) == []


def test_a_table_of_another_package_is_told() -> None:
    """Drawn and signed well, but not for what was sat."""
    table = world_assignment(manifest_sha256="cd" * 32)
    content = msgspec.structs.replace(CONTENT, assignment=table)

    assert codes_of(content, Layer.ASSIGNMENT) == ["assignment.log", "assignment.other"]


def test_a_table_that_a_stranger_made_up_is_told_in_full() -> None:
    """The signature, the draw, and the candidates who sat with other forms than it says."""
    table = parse_assignment(unverified_payload(CONTENT.assignment)[0])
    first, second, *rest = table.rows
    rows = (
        msgspec.structs.replace(first, form_number=second.form_number),
        msgspec.structs.replace(second, form_number=first.form_number),
        *rest,
    )
    made_up = sign_assignment(msgspec.structs.replace(table, rows=rows), builders.STRANGER)
    content = msgspec.structs.replace(CONTENT, assignment=made_up)

    assert codes_of(content, Layer.ASSIGNMENT) == [
        "signature.unknown_key",
        "assignment.draw",
        "assignment.log",
        "assignment.session",
        "assignment.session",
    ]


def test_somebody_twice_on_the_roster_is_told() -> None:
    """Each person is the one of the draw, and still the roster is not."""
    content = msgspec.structs.replace(CONTENT, roster=(*CONTENT.roster, CONTENT.roster[0]))

    assert codes_of(content, Layer.ASSIGNMENT) == ["assignment.roster"]


def test_sessions_that_cannot_be_read_are_the_rooms_doing() -> None:
    """A reason that is none, a form without a key; who never began has nothing to read."""
    first, second, *rest = CONTENT.sessions
    tired = msgspec.structs.replace(first, close_reason="tired")
    away = msgspec.structs.replace(second, close_reason=ABSENT, receipt="", segments=())
    content = msgspec.structs.replace(CONTENT, sessions=(tired, away, *rest))
    assert codes_of(content, Layer.SESSIONS) == ["results.journal"]

    fewer = verified(BUNDLE, key=world_key(forms=KEY.forms[1:]))
    assert [(fault.code, fault.admission_number) for fault in fewer.faults] == [
        ("results.paper", "20260001")
    ]


def test_what_nobody_can_look_at_is_said(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A content that is sealed to somebody else leaves the inner layers open; limits hold."""
    envelope, _ = split_results(BUNDLE)
    foreign = seal(b"x", [recipient_of(builders.FORM_IDENTITY)])
    files["room.examresults"].write_bytes(join_results(envelope, foreign))
    assert status_of(words(files)) == 1
    assert "无法查看" in capsys.readouterr().out
    files["root.json"].write_bytes(bytes(limits.small_file_bytes_max + 1))
    assert status_of(words(files)) == 2
    assert "verify.source" in capsys.readouterr().err
