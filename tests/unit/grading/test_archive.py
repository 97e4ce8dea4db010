"""The archive as a value, as bytes, as a file, and against its vectors."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exam_core.errors import CODES, ExamError, InputError, IntegrityError, StorageError
from exam_core.model.identifiers import AdmissionNumber, CentreId, FormNumber, PartId, SeatId
from exam_core.model.responses import TextResponse
from grading import (
    Archive,
    archive_candidate,
    archive_file,
    decode_archive,
    encode_archive,
    limits,
    read_archive,
    recompute,
    write_archive,
)
from grading import archive as archive_module
from grading.archive import MAGIC
from grading.records import SegmentHead
from grading.scoring import RULES_VERSION
from tests.support import builders
from tests.support.refusals import refuses
from tests.unit.grading import archives

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors" / "archive"
CASES = json.loads((VECTORS / "cases.json").read_text())


def wrap(body: bytes) -> bytes:
    """A file with a right digest around any body."""
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_vectors(case: dict[str, str]) -> None:
    """Every good vector gives its digest, every bad one its refusal."""
    data = (VECTORS / case["file"]).read_bytes()

    if case["code"] == "ok":
        archive = decode_archive(data)
        recompute(archive)
        assert encode_archive(archive) == data
        assert archive.results_sha256 == case["results_sha256"]
    else:
        with pytest.raises(ExamError) as caught:
            recompute(decode_archive(data))
        assert caught.value.code == case["code"]
        assert type(caught.value).__name__ == case["family"]


def test_worked_contest() -> None:
    """The ranks of the contest vector, worked by hand.

    Everybody has 7 objective points and 3 for the written parts, but: 1 was raised by 1, 2 missed
    a point, 3 missed three, 4 and 6 left out a written part (1.5), 5 was quicker than 7, 8 absent.
    """
    results = recompute(read_archive(VECTORS / "good-contest.examarchive"))

    ranked = [
        (row.rank, row.admission_number[-1], row.total.score_milli) for row in results.candidates
    ]
    assert ranked == [
        (1, "1", 11_000),
        (2, "5", 10_000),
        (3, "7", 10_000),
        (4, "2", 9_000),
        (5, "4", 8_500),
        (5, "6", 8_500),
        (7, "3", 7_000),
        (None, "8", 0),
    ]
    assert [(team.rank, team.team, team.total_milli) for team in results.teams] == [
        (1, "第2队", 28_500),
        (2, "第1队", 27_000),
    ]
    assert [tie.tied for tie in results.cut_ties] == [("20260004", "20260006")]


def test_example_of_the_specification_is_a_vector() -> None:
    """The body printed in the specification is the one in the file."""
    page = (ROOT / "docs" / "spec" / "results-archive.md").read_text()
    data = (VECTORS / "good-example.examarchive").read_bytes()

    printed = page.split("```json\n")[1].split("```")[0]

    assert json.loads(printed) == json.loads(data[len(MAGIC) + 65 :])
    assert data[: len(MAGIC) + 64].decode() in page
    assert decode_archive(data).results_sha256 in page


def test_vectors_are_what_the_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running the script again gives the same files, and no others are there."""
    script = VECTORS / "make_archive_vectors.py"
    spec = importlib.util.spec_from_file_location("make_archive_vectors", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path)

    module.main()

    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {
        path.name: path.read_bytes()
        for path in VECTORS.iterdir()
        if path.suffix in {".examarchive", ".json"}
    }
    assert made == kept


def test_round_trip() -> None:
    """What is written is read back equal, and its results are the same."""
    archive = archives.archive()

    again = decode_archive(encode_archive(archive))

    assert again == archive
    assert recompute(again) == recompute(archive)


def test_identity_numbers_stay_out() -> None:
    """What is kept of a person on the roster holds neither identity number nor seat."""
    person = builders.candidate(1)

    kept = msgspec.json.encode(archive_candidate(person, archives.CENTRE)).decode()

    assert person.name in kept
    assert person.id_number not in kept
    assert "seat" not in kept


def test_journal_secrets_are_refused() -> None:
    """An archive that could open the journals is refused by its own code."""
    archive = archives.archive()

    with refuses(InputError, "archive.secrets"):
        msgspec.structs.replace(archive, key=archives.answer_key())


def test_archive_without_results_is_not_encoded() -> None:
    """Writing before computing is a mistake of the caller."""
    archive = msgspec.structs.replace(archives.archive(), results_sha256="")

    with pytest.raises(ValueError, match="results digest"):
        encode_archive(archive)


def rearranged(**fields: Any) -> Callable[[Archive], Archive]:
    """Replaces fields, each given as a function of the archive."""
    return lambda archive: msgspec.structs.replace(
        archive, **{name: change(archive) for name, change in fields.items()}
    )


def session_with(**fields: Any) -> Callable[[Archive], Archive]:
    """Replaces fields of the first session."""
    return rearranged(
        sessions=lambda archive: (
            msgspec.structs.replace(archive.sessions[0], **fields),
            *archive.sessions[1:],
        )
    )


def segment_head(**fields: Any) -> SegmentHead:
    """A segment's head with these fields changed."""
    return msgspec.structs.replace(archives.session(1).segment_heads[0], **fields)


def twice_on_form(archive: Archive) -> Any:
    """A key whose form 1 has its first item twice."""
    form = archive.key.forms[0]
    doubled = msgspec.structs.replace(form, items=form.items + form.items[:1])
    return msgspec.structs.replace(archive.key, forms=(doubled, *archive.key.forms[1:]))


@pytest.mark.parametrize(
    "change",
    [
        rearranged(rules_version=lambda _: RULES_VERSION + 1),
        rearranged(title=lambda _: ""),
        rearranged(title=lambda _: "名" * (limits.archive_title_chars_max + 1)),
        rearranged(task_salt=lambda _: "5A" * 32),
        rearranged(results_sha256=lambda _: "00"),
        rearranged(centre_ids=lambda _: ()),
        rearranged(centre_ids=lambda _: (CentreId("C01"), CentreId("C01"))),
        rearranged(candidates=lambda archive: archive.candidates[::-1]),
        rearranged(candidates=lambda archive: archive.candidates[1:]),
        rearranged(sessions=lambda archive: archive.sessions[:1] * 2),
        rearranged(marks=lambda archive: archive.marks[::-1]),
        rearranged(key=twice_on_form),
        session_with(form_number=FormNumber(9)),
        session_with(responses={PartId("p"): TextResponse(text="")}),
        session_with(working_ms=-1),
        session_with(receipt="0" * (limits.receipt_chars_max + 1)),
        session_with(segment_heads=archives.session(1).segment_heads * 2),
        lambda _: segment_head(frames=-1),
        lambda _: segment_head(head="AB" * 32),
        lambda _: segment_head(seat_id=SeatId("")),
        lambda _: segment_head(seat_id=SeatId("A" * 17)),
        lambda _: archives.candidate(admission_number=AdmissionNumber("甲1")),
        lambda _: archives.candidate(admission_number=AdmissionNumber("1" * 33)),
        lambda _: archives.candidate(name=""),
    ],
)
def test_malformed_value_is_refused(change: Callable[[Archive], Any]) -> None:
    """Wrong order, repeats, dangling references and other versions never become an archive."""
    archive = archives.archive()

    with refuses(InputError, "archive.malformed"):
        change(archive)


@pytest.mark.parametrize("name", ["archive_centres_max", "archive_bytes_max"])
def test_limits_hold(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A list or a file above its maximum is refused."""
    data = encode_archive(archives.archive())
    path = tmp_path / "big.examarchive"
    path.write_bytes(data)
    monkeypatch.setattr(limits, name, 0)

    with refuses(InputError, "archive.malformed"):
        decode_archive(data)
    with refuses(InputError, "archive.malformed"):
        read_archive(path)


def test_any_changed_byte_is_found() -> None:
    """Whatever byte is changed, the file is refused."""
    data = encode_archive(archives.archive([], candidates=1))

    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises((InputError, IntegrityError)):
            decode_archive(bytes(changed))


def test_digest_missing_in_the_body_is_refused() -> None:
    """A body whose results digest is empty is no archive."""
    body = json.loads(encode_archive(archives.archive())[len(MAGIC) + 65 :])
    body["results_sha256"] = ""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    with refuses(InputError, "archive.malformed"):
        decode_archive(wrap(text.encode()))


def test_file_round_trip(tmp_path: Path) -> None:
    """A written file is read back, nothing else is left in the folder, and it is not replaced."""
    archive = archives.archive()
    path = tmp_path / "a.examarchive"

    write_archive(path, archive)
    with refuses(InputError, "archive.exists"):
        write_archive(path, archives.archive([], candidates=1))

    assert read_archive(path) == archive
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.examarchive"]


@pytest.mark.parametrize("name", ["missing.examarchive", "."])
def test_unreadable_file_is_refused(name: str, tmp_path: Path) -> None:
    """A missing file and a folder are refused with one sentence."""
    with refuses(InputError, "archive.unreadable"):
        read_archive(tmp_path / name)


def test_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, no remains are left."""
    path = tmp_path / "a.examarchive"

    def refuse(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with refuses(StorageError, "archive.unwritten"):
        write_archive(path, archives.archive())

    assert list(tmp_path.iterdir()) == []


def test_folder_is_not_synced_where_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows cannot open a folder for syncing, and does not need to."""
    monkeypatch.setattr(archive_file, "_FOLDERS_SYNC", False)

    archive_file._sync_folder(Path("nowhere"))


def test_every_code_of_grading_has_advice() -> None:
    """No refusal reaches a person without saying what to do."""
    codes = {name for name in CODES if name.split(".")[0] in {"archive", "mark", "report", "score"}}

    assert archive_module.ARCHIVE_ALTERED in codes
    assert all(CODES[name] for name in codes)
