"""Telemetry has its own file, its own quota, and gives way to everything else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from exam_core.model.identifiers import SeatId
from exam_core.protocol.messages import Telemetry
from exam_server import limits
from exam_server.room.telemetry import TelemetryHooks, TelemetryLog

LINK = Telemetry(kind="link", details={"connections": 1})


def log_in(
    folder: Path,
    *,
    is_busy: Callable[[], bool] = lambda: False,
    has_space: Callable[[], bool] = lambda: True,
) -> TelemetryLog:
    """A log whose clocks stand still."""
    hooks = TelemetryHooks(
        now_s=lambda: 0.0, utc_ms=lambda: 7, is_busy=is_busy, has_space=has_space
    )
    return TelemetryLog(folder / "telemetry", hooks)


def test_reports_are_lines_and_the_last_of_each_seat_is_known(tmp_path: Path) -> None:
    """One line of JSON each, in the order in which they came."""
    log = log_in(tmp_path)
    log.take(SeatId("A01"), LINK)
    log.take(SeatId("A02"), LINK)

    log.write(log.take_waiting())

    lines = (tmp_path / "telemetry" / "kiosks.jsonl").read_text().splitlines()
    assert [json.loads(line)["seat_id"] for line in lines] == ["A01", "A02"]
    assert log.latest[SeatId("A02")].details == {"connections": 1}
    assert (log.kept, log.take_waiting()) == (2, [])


def test_a_seat_that_tells_too_much_is_not_heard(tmp_path: Path) -> None:
    """A burst is kept; what is beyond is dropped and counted, and other seats are not touched."""
    log = log_in(tmp_path)
    burst, _ = limits.telemetry_pace
    for _ in range(burst + 3):
        log.take(SeatId("A01"), LINK)
    log.take(SeatId("A02"), LINK)

    assert len(log.take_waiting()) == burst + 1
    assert log.dropped == {"pace": 3}


def test_reports_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When answers wait, when the disk is low, when too many wait to be written."""
    busy = log_in(tmp_path, is_busy=lambda: True)
    low = log_in(tmp_path, has_space=lambda: False)
    full = log_in(tmp_path)
    monkeypatch.setattr(limits, "telemetry_waiting_max", 1)
    for log in (busy, low, full, full):
        log.take(SeatId("A01"), LINK)

    assert (busy.dropped, low.dropped, full.dropped) == ({"busy": 1}, {"space": 1}, {"waiting": 1})


def test_files_turn_and_never_pass_their_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest file goes."""
    monkeypatch.setattr(limits, "telemetry_bytes_max", 300)
    monkeypatch.setattr(limits, "telemetry_pace", (1, 1.0))
    log = log_in(tmp_path)
    for serial in range(60):
        log.take(SeatId(f"A{serial:02d}"), LINK)
        log.write(log.take_waiting())

    sizes = [file.stat().st_size for file in (tmp_path / "telemetry").iterdir()]
    assert len(sizes) == limits.telemetry_files_max
    assert max(sizes) <= 300
    assert "A59" in (tmp_path / "telemetry" / "kiosks.jsonl").read_text()


def test_a_disk_that_refuses_costs_reports_only(tmp_path: Path) -> None:
    """They are counted; nobody hears of an error."""
    (tmp_path / "telemetry").write_text("a file where the folder should be")
    log = log_in(tmp_path)
    log.take(SeatId("A01"), LINK)

    log.write(log.take_waiting())

    assert (log.kept, log.dropped) == (0, {"disk": 1})
