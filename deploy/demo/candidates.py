"""The candidates of the demo: most simulated in one process, two at real kiosk windows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo.folders import Folders
from deploy.demo.knowledge import make_knowledge
from deploy.demo.processes import DemoError, run, start, stop, wait_until
from deploy.demo.progress import Steps
from deploy.demo.room import Room, join_codes
from deploy.demo.settings import DemoSettings
from exam_core.keys.model import KeyedItem
from exam_core.model.roster import Candidate

WINDOWS = 2
"""How many candidates sit at real windows; the first of them is killed and goes on."""

LOG_IN_S = 40
AFTER_END_S = 40
_SAVES_BEFORE_KILL = 25
_PACE_SHARE = 0.55  # of the sitting is spent answering at a window; the rest is for the kill


@dataclass(slots=True)
class Window:
    """One kiosk process with its folder, its script and what it reports."""

    seat: str
    data: Path
    plan: Path
    report: Path
    log: Path
    process: subprocess.Popen[bytes]
    kills: int = 0


@dataclass(slots=True)
class Candidates:
    """Everybody who sits the exam."""

    simulation: subprocess.Popen[bytes]
    simulation_log: Path
    simulation_report: Path
    windows: list[Window]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seating:
    """What is needed to seat everybody.

    `items` are the paper's items with keys: the conductor knows them as headquarters, and makes
    from them what each candidate knows.
    """

    settings: DemoSettings
    folders: Folders
    room: Room
    roster: list[Candidate]
    items: tuple[KeyedItem, ...]
    centre: Path

    @property
    def root(self) -> Path:
        """The trust root that every kiosk gets."""
        return self.folders.hq / "keys" / "root.json"

    def script_of(self, person: Candidate, room_code: str) -> dict[str, Any]:
        """What this person types and knows."""
        return {
            "admission_number": person.admission_number,
            "id_number": person.id_number,
            "room_code": room_code,
            "knowledge": make_knowledge(self.settings.seed, person.admission_number, self.items),
        }


def seat_everybody(seating: Seating) -> Candidates:
    """Enrol all kiosks with the proctor's codes and let everybody log in."""
    codes, room_code = join_codes(seating.room)
    folders, running = seating.folders, seating.room
    windows = []
    for person in seating.roster[:WINDOWS]:
        enrol_kiosk(seating, person.seat_id, codes[person.seat_id])
        windows.append(open_window(seating, person, person.seat_id, room_code))
    plan = {
        "kiosk_url": running.kiosk_url,
        "console_url": running.console_url,
        "root": str(seating.root.resolve()),
        "centre": str(seating.centre.resolve()),
        "data": str(folders.seats.resolve()),
        "seed": seating.settings.seed,
        "report": "simulation.report.json",
        "candidates": [
            {
                **seating.script_of(person, room_code),
                "seat_id": person.seat_id,
                "join_code": codes[person.seat_id],
                "think_ms": [50, 700],
                "order_seed": position,
            }
            for position, person in enumerate(seating.roster[WINDOWS:])
        ],
    }
    plan_file = folders.seats / "simulation.plan.json"
    _write_private(plan_file, plan)
    log = folders.logs / "simulation.log"
    return Candidates(
        simulation=start(("exam-client", "simulate", "--plan", plan_file, "--progress"), log=log),
        simulation_log=log,
        simulation_report=folders.seats / "simulation.report.json",
        windows=windows,
    )


def kill_one_window(candidates: Candidates) -> None:
    """SIGKILL the first kiosk in the middle of its answers, and start it again."""
    window = candidates.windows[0]
    wait_until(
        lambda: said(window.report, "recorded") >= _SAVES_BEFORE_KILL, 60, "the kiosk did not work"
    )
    kill_window(window)
    start_again(window)


def wait_for_receipts(candidates: Candidates, steps: Steps, total: int, within_s: float) -> None:
    """Until everybody has a receipt, with a bar that shows how many answers are kept."""
    with steps.bar("已交卷", total) as show:
        wait_until(lambda: _all_done(candidates, show), within_s, "not everybody submitted")
    if candidates.simulation.returncode:
        message = "the simulation failed:\n" + candidates.simulation_log.read_text()[-2000:]
        raise DemoError(message)
    for window in candidates.windows:
        if window.process.returncode:
            message = f"kiosk {window.seat} failed:\n{window.log.read_text()[-2000:]}"
            raise DemoError(message)


def reports(candidates: Candidates) -> list[dict[str, Any]]:
    """What every candidate's program says was acknowledged, with the receipt."""
    simulated = json.loads(candidates.simulation_report.read_text())["candidates"]
    at_windows = [
        json.loads(window.report.read_text()) | {"kills": window.kills}
        for window in candidates.windows
    ]
    return [*simulated, *at_windows]


def stop_everybody(candidates: Candidates) -> None:
    """End what is still running, after a failure."""
    for process in (candidates.simulation, *(window.process for window in candidates.windows)):
        stop(process)


def enrol_kiosk(seating: Seating, seat_id: str, join_code: str) -> None:
    """Install a kiosk for a seat and enrol it with the seat's code."""
    data = seating.folders.seats / seat_id
    run(
        *("exam-client", "install", "--data", data, "--seat", seat_id),
        *("--root", seating.root, "--centre", seating.centre),
        *("--kiosk-url", seating.room.kiosk_url, "--console-url", seating.room.console_url),
    )
    run("exam-client", "enrol", "--data", data, "--join-code", join_code)


def open_window(seating: Seating, person: Candidate, seat_id: str, room_code: str) -> Window:
    """A person sits down at the enrolled kiosk of this seat."""
    folders = seating.folders
    plan = folders.seats / f"window-{seat_id}.plan.json"
    pictures = str(folders.pictures.resolve()) if seating.settings.pictures else ""
    parts = sum(len(item.parts) for item in seating.items)
    pace_ms = int(seating.settings.sitting_s * 1000 * _PACE_SHARE / parts)
    script = seating.script_of(person, room_code)
    _write_private(plan, {**script, "pictures": pictures, "pace_ms": pace_ms})
    data = folders.seats / seat_id
    report = folders.seats / f"window-{seat_id}.report.json"
    log = folders.logs / f"kiosk-{seat_id}.log"
    process = _start_robot(data, plan, report, log)
    return Window(seat=seat_id, data=data, plan=plan, report=report, log=log, process=process)


def kill_window(window: Window, by: signal.Signals = signal.SIGKILL) -> None:
    """The kiosk of this window ends without a word."""
    window.process.send_signal(by)
    window.process.wait()
    window.kills += 1


def start_again(window: Window) -> None:
    """The kiosk of this window is switched on again."""
    window.process = _start_robot(window.data, window.plan, window.report, window.log)


def _start_robot(data: Path, plan: Path, report: Path, log: Path) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-m", "deploy.demo.kiosk_robot", "--data", data)
    has_screen = bool(os.environ.get("DISPLAY"))
    env = {} if has_screen else {"QT_QPA_PLATFORM": "offscreen"}
    return start((*command, "--plan", plan, "--report", report), log=log, env=env)


def said(report: Path, field: str) -> int:
    """A number that a window's program reports; 0 before it has."""
    try:
        return int(json.loads(report.read_text()).get(field, 0))
    except (OSError, ValueError):
        return 0


def _all_done(candidates: Candidates, show: Any) -> bool:
    processes = (candidates.simulation, *(window.process for window in candidates.windows))
    done = sum(bool(said(window.report, "is_done")) for window in candidates.windows)
    show(done + candidates.simulation_log.read_text().count('"screen": "receipt"'))
    return all(process.poll() is not None for process in processes)


def _write_private(path: Path, value: object) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(value, ensure_ascii=False))
