"""What kiosks tell of how they fare: kept apart from answers, and the first thing to be dropped.

Lines of JSON in files of their own, written beside the save path, never synced, bounded in size:
the newest file and the ones before it. A report is dropped when its seat sends too many, when
answers wait for the disk, when the disk is low or refuses; what was dropped is counted. Nothing
here raises an alarm, and nothing depends on it. Event loop only.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from exam_core.model.identifiers import SeatId
from exam_core.protocol.messages import Telemetry
from exam_server import limits
from exam_server.pacing import Pace, Pacer

_PACE = Pace("telemetry", *limits.telemetry_pace)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file."""

    at_utc_ms: int
    seat_id: SeatId
    kind: str
    details: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryHooks:
    """What keeping telemetry asks of the room; each call returns at once."""

    now_s: Callable[[], float]
    utc_ms: Callable[[], int]
    is_busy: Callable[[], bool]  # answers wait for the disk
    has_space: Callable[[], bool]  # for what can be done without


class TelemetryLog:
    """The reports of one room.

    Attributes:
        latest: The last report of each seat.
        kept: How many were kept since the start.
        dropped: How many were not, by reason: pace, busy, space, waiting, disk.
    """

    def __init__(self, folder: Path, hooks: TelemetryHooks) -> None:
        self._folder = folder
        self._hooks = hooks
        self._pacer = Pacer(hooks.now_s)
        self._waiting: list[Report] = []
        self.latest: dict[SeatId, Report] = {}
        self.kept = 0
        self.dropped: Counter[str] = Counter()

    def take(self, seat_id: SeatId, message: Telemetry) -> None:
        """Keep a report, or drop it."""
        reason = self._reason_against(seat_id)
        if reason:
            self.dropped[reason] += 1
            return
        report = Report(
            at_utc_ms=self._hooks.utc_ms(),
            seat_id=seat_id,
            kind=message.kind,
            details=message.details,
        )
        self.latest[seat_id] = report
        self._waiting.append(report)

    def take_waiting(self) -> list[Report]:
        """What is to be written; the caller gives it to `write` off the loop."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def write(self, reports: list[Report]) -> None:
        """Append reports to the newest file; in a thread, one call at a time."""
        encoder = msgspec.json.Encoder()
        data = b"".join(encoder.encode(one) + b"\n" for one in reports)
        newest = self._file(0)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if newest.exists() and newest.stat().st_size + len(data) > limits.telemetry_bytes_max:
                for number in range(limits.telemetry_files_max - 1, 0, -1):
                    if self._file(number - 1).exists():
                        self._file(number - 1).replace(self._file(number))
            with newest.open("ab") as file:
                file.write(data)
        except OSError:  # the audit log and the disk's watch tell of a bad disk; not this
            self.dropped["disk"] += len(reports)
        else:
            self.kept += len(reports)

    def _reason_against(self, seat_id: SeatId) -> str:
        if not self._pacer.take(seat_id, _PACE):
            return "pace"
        if self._hooks.is_busy():
            return "busy"
        if not self._hooks.has_space():
            return "space"
        return "waiting" if len(self._waiting) >= limits.telemetry_waiting_max else ""

    def _file(self, number: int) -> Path:
        return self._folder / (f"kiosks.{number}.jsonl" if number else "kiosks.jsonl")
