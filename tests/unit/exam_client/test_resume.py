"""The note by which a killed kiosk takes its session up again."""

from pathlib import Path

from exam_client.config import DataFolder
from exam_client.session.resume import Resume, ResumeFile, Stage, SubmitPlace
from exam_core.errors import InputError
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import AdmissionNumber
from tests.support import builders
from tests.support.memory_files import MemoryFiles
from tests.support.refusals import refuses

FOLDER = DataFolder(Path("/kiosk"))
RESUME = Resume(
    sitting_id=builders.SITTING_ID,
    session_id=builders.SESSION_ID,
    token="ab",
    admission_number=AdmissionNumber("20260001"),
    name="考生1",
    unit="福州市人社局",
    team="第1队",
    stage=Stage.CONFIRMED,
    submit=SubmitPlace(
        segment_id=builders.SEGMENT_ID, seq=1, receipt="r", reason=SubmitReason.PROCTOR
    ),
    is_confirmed=True,
)


def test_what_was_saved_is_loaded_until_it_is_forgotten() -> None:
    """All fields come back after a power loss; after forgetting there is none."""
    files = MemoryFiles()
    ResumeFile(files, FOLDER).save(RESUME)

    note = ResumeFile(files.power_off(files.rng), FOLDER)

    assert note.load() == RESUME
    note.forget()
    assert note.load() is None


def test_a_spoilt_note_is_refused() -> None:
    """Bytes that are no note are a refusal, not a crash."""
    files = MemoryFiles()
    files.put(FOLDER.resume, b'{"token": 1}')

    with refuses(InputError, "client.resume"):
        ResumeFile(files, FOLDER).load()
