"""What a session leaves on the disk beside its journal: a bad disk is an alarm, never an end."""

from pathlib import Path

import msgspec
import pytest

from exam_client.session import keeping
from exam_client.session.evidence import EVIDENCE_NAME
from exam_client.session.keeping import boot_id
from exam_client.session.resume import Stage
from exam_core.crypto.sealing import recipient_of
from exam_core.formats.resume_file import resume_recipients, seal_resume
from exam_core.model.identifiers import SessionId
from exam_core.protocol.orders import Begin
from tests.support import builders
from tests.support.core_steps import begun, record
from tests.support.kiosk_process import DEVICE_KEY, FOLDER, KioskProcess
from tests.support.room_model import JOURNAL_SECRET, SEAT
from tests.unit.exam_core.test_resume_file import KEYS, TICKET

BEGIN = Begin(
    form_number=KEYS.form_number,
    form_identity=KEYS.form_identity,
    journal_key=KEYS.journal_key,
    time_left_ms=1,
    resume_recipients=resume_recipients(
        JOURNAL_SECRET, sitting_id=builders.SITTING_ID, seat_id=SEAT
    ),
)


def refuse(kiosk: KioskProcess, *calls: str) -> None:
    """From now on the disk refuses these calls."""
    kiosk.files.fault = lambda _number, name, _path: OSError(5, "bad") if name in calls else None


def test_a_disk_that_refuses_everything_costs_alarms_only() -> None:
    """The exam goes on, and the codes asked for are what the disk still has."""
    kiosk = begun()
    refuse(kiosk, "replace", "remove", "read")

    kiosk.keeping.save(kiosk.core.attempt.resume)
    kiosk.keeping.keep_keys(kiosk.core.attempt.resume, BEGIN)
    kiosk.keeping.drop_keys()
    kiosk.keeping.forget()
    kiosk.keeping.keep_evidence(builders.SESSION_ID, b"{}")

    assert set(kiosk.disk_alarms) == {"client.disk"}
    assert kiosk.keeping.load() is None
    assert kiosk.keeping.locked() is None
    record(kiosk, "A")
    kiosk.files.fault = None
    assert kiosk.keeping.locked() is not None


def test_a_resume_file_that_cannot_be_read_asks_for_no_code() -> None:
    """Whatever else is on the disk."""
    kiosk = begun()
    sealed = FOLDER.sealed_resume
    kiosk.files.fault = lambda _number, name, path: (
        OSError(5, "bad") if (name, path) == ("read", sealed) else None
    )

    assert kiosk.keeping.locked() is None
    assert kiosk.disk_alarms == []


def test_a_damaged_record_of_the_session_is_an_alarm() -> None:
    """The candidate logs in again, which finds the same journal."""
    kiosk = begun()
    kiosk.files.put(FOLDER.resume, b"{}")

    assert kiosk.keeping.load() is None
    assert kiosk.disk_alarms == ["client.resume"]


def test_no_code_is_asked_for_before_the_paper_was_open() -> None:
    """Nor for the file of another session, which a former candidate may have left."""
    kiosk = begun()
    resume = kiosk.core.attempt.resume
    kiosk.keeping.save(msgspec.structs.replace(resume, stage=Stage.CONFIRMED))
    assert kiosk.keeping.locked() is None

    kiosk.keeping.save(msgspec.structs.replace(resume, session_id=SessionId("00" * 16)))
    assert kiosk.keeping.locked() is None


def test_a_missing_device_key_is_an_alarm_and_no_end() -> None:
    """Nothing can be sealed then, and nothing is written in plain instead."""
    kiosk = begun()
    kiosk.files.put(FOLDER.device_key, b"no key")

    kiosk.keeping.keep_keys(kiosk.core.attempt.resume, BEGIN)

    assert kiosk.disk_alarms == ["client.disk"]


def test_the_journal_and_its_evidence_are_left_when_a_session_is_forgotten() -> None:
    """What is removed is what could open the paper, and the record of who sat here."""
    kiosk = begun()
    kiosk.settle()

    kiosk.keeping.forget()

    assert kiosk.files.names(FOLDER.path) == sorted({"device.key", "orders.json"})
    names = kiosk.files.names(FOLDER.session(builders.SESSION_ID))
    assert EVIDENCE_NAME in names
    assert any(name.endswith(".exj") for name in names)


def test_the_device_key_of_the_tests_opens_what_is_kept() -> None:
    """A file made by hand is read like one of the product."""
    kiosk = begun()
    resume = kiosk.core.attempt.resume
    ticket = msgspec.structs.replace(TICKET, session_id=resume.session_id, code_number=3)
    kiosk.files.put(FOLDER.sealed_resume, seal_resume(KEYS, ticket, recipient_of(DEVICE_KEY)))

    locked = kiosk.keeping.locked()

    assert locked is not None
    assert locked.ticket == ticket


def test_a_machine_that_does_not_tell_its_boots_apart_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Then the journal says how much was worked."""
    monkeypatch.setattr(keeping, "_BOOT_ID", tmp_path / "missing")
    assert boot_id() == ""
    (tmp_path / "missing").write_text("4f\n")
    assert boot_id() == "4f"
