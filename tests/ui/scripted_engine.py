"""An engine for tests of the screens: remembers commands, shows the snapshots it is given.

It decides nothing. The real engine with real windows is tested in `tests/ui/test_real_engine.py`
and end to end in `tests/e2e`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from exam_client.config import DataFolder, KioskConfig
from exam_client.session.engine import Observer
from exam_client.session.snapshot import (
    CandidateFacts,
    Connection,
    KioskSnapshot,
    Screen,
    SittingFacts,
)
from exam_core.crypto.sealing import Recipient
from exam_core.crypto.signing import PublicSigningKey
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.model.identifiers import (
    AdmissionNumber,
    CentreId,
    ItemId,
    PartId,
    SeatId,
    SittingId,
)
from exam_core.model.items import Form
from exam_core.model.responses import Response
from exam_core.model.states import SittingState
from tests.support import builders
from tests.ui import sample_form

SEAT = SeatId("A07")
CANDIDATE = CandidateFacts(
    admission_number=AdmissionNumber("202406150107"),
    name="林婉清",
    unit="莆田市人力资源和社会保障局行政审批科（市行政服务中心人社窗口）",
    team="莆田市代表队",
)
SITTING = SittingFacts(
    centre_id=CentreId("C01"),
    sitting_id=SittingId("S1"),
    seat_id=SEAT,
    title=sample_form.TITLE,
    duration_ms=120 * 60_000,
    paper_title=sample_form.TITLE,
    scoring_note="多选题少选、错选、多选均不得分；填空题每空分别计分。",
)


def snapshot_at(screen: Screen, **changes: Any) -> KioskSnapshot:
    """A plausible snapshot of one screen, with changes."""
    facts: dict[str, Any] = {
        "screen": screen,
        "seat_id": SEAT,
        "connection": Connection.ONLINE,
        "sitting": SITTING,
        "sitting_state": SittingState.OPENED,
        "has_package": True,
    }
    if screen not in {Screen.STARTING, Screen.NOT_ENROLLED, Screen.LOG_IN, Screen.PROBLEM}:
        facts["candidate"] = CANDIDATE
    return KioskSnapshot(**(facts | changes))


def paper_snapshot(form: Form | None = None, **changes: Any) -> KioskSnapshot:
    """The paper, running, with 90 minutes left at clock 0."""
    facts: dict[str, Any] = {
        "form": form or sample_form.one_of_each(),
        "sitting_state": SittingState.RUNNING,
        "is_present": True,
        "deadline_monotonic_ms": 90 * 60_000,
    }
    return snapshot_at(Screen.PAPER, **(facts | changes))


class FakeClock:
    """A monotonic clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now_ms = 0

    def __call__(self) -> int:
        """The time."""
        return self.now_ms


def config_of_a_test() -> KioskConfig:
    """A configuration that names a seat; nothing listens at its addresses."""
    return KioskConfig(
        folder=DataFolder(Path("does-not-exist")),
        kiosk_url="https://127.0.0.1:1",
        console_url="https://127.0.0.1:1",
        seat_id=SEAT,
        root=builders.root(),
        centre=CentreDescriptor(
            centre_id=CentreId("C01"),
            name="测试考点",
            opening_recipient=Recipient("unused"),
            signing_key=PublicSigningKey("unused"),
            ca_certificate="unused",
            officials=(),
        ),
    )


class ScriptedEngine:
    """Remembers every command in `commands`; `show` sends a snapshot as the worker thread would.

    With `echoes` it answers `record` and `flag` with a snapshot that holds them.
    """

    def __init__(self, on_change: Observer, first: KioskSnapshot) -> None:
        self._on_change = on_change
        self._snapshot = first
        self.commands: list[tuple[Any, ...]] = []
        self.echoes = False

    @property
    def snapshot(self) -> KioskSnapshot:
        """The latest snapshot."""
        return self._snapshot

    def show(self, snapshot: KioskSnapshot) -> None:
        """Send a snapshot."""
        self._snapshot = snapshot
        self._on_change(snapshot)

    def start(self) -> None:
        """Remember the command."""
        self.commands.append(("start",))

    def stop(self) -> None:
        """Remember the command."""
        self.commands.append(("stop",))

    def log_in(self, *, admission_number: str, id_number: str, room_code: str) -> None:
        """Remember the command."""
        self.commands.append(("log_in", admission_number, id_number, room_code))

    def resume_with_code(self, code: str) -> None:
        """Remember the command."""
        self.commands.append(("resume_with_code", code))

    def confirm(self) -> None:
        """Remember the command."""
        self.commands.append(("confirm",))

    def not_me(self) -> None:
        """Remember the command."""
        self.commands.append(("not_me",))

    def rules_read(self) -> None:
        """Remember the command."""
        self.commands.append(("rules_read",))

    def record(self, part_id: PartId, response: Response) -> None:
        """Remember the command."""
        self.commands.append(("record", part_id, response))
        if self.echoes:
            responses = {**self._snapshot.responses, part_id: response}
            self.show(replace(self._snapshot, responses=responses))

    def flag(self, item_id: ItemId, is_flagged: bool) -> None:
        """Remember the command."""
        self.commands.append(("flag", item_id, is_flagged))
        if self.echoes:
            flagged = self._snapshot.flagged
            flagged = flagged | {item_id} if is_flagged else flagged - {item_id}
            self.show(replace(self._snapshot, flagged=flagged))

    def submit(self) -> None:
        """Remember the command."""
        self.commands.append(("submit",))

    def pending_collected(self) -> None:
        """Remember the command."""
        self.commands.append(("pending_collected",))

    def recorded(self) -> list[tuple[str, Response]]:
        """The responses recorded so far, in order."""
        return [(c[1], c[2]) for c in self.commands if c[0] == "record"]
