"""Real kiosk processes on real files, killed at random moments: what they showed is never lost."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from exam_client.simulate.knowledge import response_sha256
from exam_core.formats.journal_entries import ResponseRecorded
from exam_core.formats.resume_file import resume_code
from exam_core.model.states import SittingState
from tests.support import builders
from tests.support.kiosk_room import (
    ANSWER_CANARY,
    STEM_CANARY,
    kiosk_files,
    room_with,
    wait_until,
    write_plan,
)
from tests.support.room_double import RoomDouble
from tests.support.room_model import JOURNAL_SECRET
from tests.support.scale import times

KILLS = 24
ITEMS = 120
CANDIDATES = builders.roster(3)


class Simulator:
    """One start of `exam-client simulate --progress`, with what it printed."""

    def __init__(self, plan: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exam_client.cli", "simulate", "--plan", plan, "--progress"],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # the last line may be cut off by the kill
                    self.events.append(json.loads(line))

    def saved(self) -> list[tuple[str, str, str]]:
        """Seat, part and digest of every response that was shown as kept or saved."""
        return [
            (event["seat_id"], event["part_id"], event["response_sha256"])
            for event in list(self.events)
            if event["event"] == "saved" and event["state"] != "not_kept"
        ]

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        status = self.process.wait(120)
        self._reader.join(20)
        return status


def test_a_kiosk_killed_while_the_server_is_away_goes_on_with_resume_codes(tmp_path: Path) -> None:
    """Answers before, between and after two kills without a server are all in the room.

    Nothing on the kiosk's disk says a word of the paper, or the key that opens it.
    """
    candidate = CANDIDATES[0]
    codes = [
        resume_code(
            JOURNAL_SECRET,
            sitting_id=builders.SITTING_ID,
            seat_id=candidate.seat_id,
            number=number,
        )
        for number in (1, 2, 3)
    ]
    shown: set[tuple[str, str, str]] = set()
    with room_with(CANDIDATES[:1], tmp_path, items=ITEMS) as room:
        plan = write_plan(
            room, CANDIDATES[:1], tmp_path, items=ITEMS, think_ms=(10, 20), resume_codes=codes
        )
        for start in range(3):
            simulator = Simulator(plan)
            if start == 0:
                wait_until(lambda: len(room.model.sessions) == 1, what="log-in")
                room.present_all()
                room.set_state(SittingState.RUNNING)
            wait_until(
                lambda running=simulator: len(running.saved()) >= 12,  # type: ignore[misc]  # bound by default
                what="saved responses",
            )
            if start == 0:
                room.stop()
            else:
                screens = [one["screen"] for one in simulator.events if one["event"] == "screen"]
                assert screens[-2:] == ["resume_code", "paper"]
                assert {one["state"] for one in simulator.events if one["event"] == "saved"} == {
                    "kept_here"
                }
            simulator.kill()
            shown.update(simulator.saved())
        secrets = (
            STEM_CANARY.encode(),
            ANSWER_CANARY.encode(),
            builders.FORM_IDENTITY.encode(),
            room.session(candidate.admission_number).journal_key,
            *(code.encode() for code in codes),
        )
        files = kiosk_files(tmp_path / "kiosks")
        assert any(path.name == "resume.age" for path in files)
        assert not [path for path, data in files.items() for one in secrets if one in data]
        room.start()
        last = Simulator(plan)
        assert last.wait() == 0
        shown.update(last.saved())

        session = room.session(candidate.admission_number)
        recorded = {
            (candidate.seat_id, placed.entry.part_id, response_sha256(placed.entry.response))
            for placed in session.placed()
            if isinstance(placed.entry, ResponseRecorded)
        }
        assert shown <= recorded
        assert len(session.content().responses) == ITEMS
        assert session.receipt
        assert session.violations == []
        assert not any(path.name == "resume.age" for path in kiosk_files(tmp_path / "kiosks"))


def _recorded(room: RoomDouble) -> set[tuple[str, str, str]]:
    """Seat, part and digest of every response that the room ever got."""
    found: set[tuple[str, str, str]] = set()
    for candidate in CANDIDATES:
        for placed in room.session(candidate.admission_number).placed():
            if isinstance(placed.entry, ResponseRecorded):
                digest = response_sha256(placed.entry.response)
                found.add((candidate.seat_id, placed.entry.part_id, digest))
    return found


@pytest.mark.parametrize("sitting", range(times(1)))
def test_killed_kiosks_lose_nothing_that_they_showed(tmp_path: Path, sitting: int) -> None:
    """After two dozen kills every response that was shown as kept or saved is in the room.

    In the end each candidate's responses, receipt and report agree with the room, and no file of
    a kiosk holds a word of the paper or of the responses.
    """
    rng = random.Random(20261122 + sitting)  # noqa: S311  repeatable moments, no secret
    shown: set[tuple[str, str, str]] = set()
    with room_with(CANDIDATES, tmp_path, items=ITEMS) as room:
        plan = write_plan(room, CANDIDATES, tmp_path, items=ITEMS, think_ms=(15, 45))
        for kill in range(KILLS):
            simulator = Simulator(plan)
            if kill == 0:
                wait_until(lambda: len(room.model.sessions) == len(CANDIDATES), what="log-in")
                room.present_all()
                room.set_state(SittingState.RUNNING)
            wanted = rng.randrange(1, 12)
            wait_until(
                lambda running=simulator, wanted=wanted: (  # type: ignore[misc]  # bound by default
                    len(running.saved()) >= wanted or running.process.poll() is not None
                ),
                what="saved responses",
            )
            threading.Event().wait(rng.random() * 0.05)
            assert simulator.process.poll() is None, "it is killed while it works"
            simulator.kill()
            shown.update(simulator.saved())
        last = Simulator(plan)
        status = last.wait()
        shown.update(last.saved())
        report = json.loads((tmp_path / "report.json").read_text())

        assert status == 0
        assert shown <= room.call(lambda: _recorded(room))
        assert room.violations() == []
        for candidate, record in zip(CANDIDATES, report["candidates"], strict=True):
            session = room.session(candidate.admission_number)
            content = session.content()
            digests = {part: response_sha256(one) for part, one in content.responses.items()}
            reported = {part: one["response_sha256"] for part, one in record["responses"].items()}
            assert reported == digests
            assert len(digests) == ITEMS
            assert record["receipt"] == session.receipt
            assert content.late_entries == 0
    sys.stdout.write(f"campaign client_kills {KILLS}\n")
    for path, data in kiosk_files(tmp_path / "kiosks").items():
        for canary in (STEM_CANARY, ANSWER_CANARY, "选项B"):
            assert canary.encode() not in data, path
