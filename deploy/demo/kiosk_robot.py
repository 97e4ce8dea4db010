"""Sits at a real kiosk window: clicks, types and commits text as a candidate and an IME would.

Runs the product's own app in this process and drives it by events on its widgets; it calls no
command of the engine. Started anew after a kill, it goes on with what is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QScrollArea, QTextEdit, QWidget

from exam_client.app import KioskApp, build_app
from exam_client.config import DataFolder, load_config
from exam_client.hardening import harden
from exam_client.journal.files import RealFileSystem
from exam_client.kiosk_lock import kiosk_lock
from exam_client.session import KioskSnapshot, SavedState, Screen
from exam_client.simulate.knowledge import known_responses, response_sha256
from exam_client.simulate.plan import Knowledge
from exam_client.simulate.run import acknowledged
from exam_client.ui import object_names as names
from exam_core.model.identifiers import PartId
from exam_core.model.items import Form, ItemType, Part
from exam_core.model.responses import BlanksResponse, ChoiceResponse, Response, TextResponse

_PACE_MS_MIN = 40
_PICTURED_TYPES = (ItemType.SINGLE_CHOICE, ItemType.FILL_BLANK, ItemType.CASE)


class Robot:
    """A candidate at one window.

    Args:
        app: The kiosk, not started yet.
        plan: Who the candidate is, what is known, and where pictures go.
        report: Where progress and the outcome are written.
    """

    def __init__(self, app: KioskApp, plan: dict[str, Any], report: Path) -> None:
        self._app = app
        self._plan = plan
        self._report = report
        self._knowledge = msgspec.convert(plan["knowledge"], list[Knowledge])
        self._todo: list[tuple[int, Part, Response]] | None = None
        self._recorded = 0
        self._kept_before = _kept_in(report)
        self._lost_at_restart = 0
        self._is_check_laid_out = False
        self._pictured: set[str] = set()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin; the application's loop does the rest."""
        self._timer.start(max(_PACE_MS_MIN, self._plan["pace_ms"]))

    def _tick(self) -> None:
        snapshot = self._app.engine.snapshot
        match snapshot.screen:
            case Screen.LOG_IN if snapshot.has_package and not snapshot.is_logging_in:
                self._log_in()
            case Screen.CONFIRM:
                self._picture("confirm")
                self._click(names.CONFIRM_YES)
            case Screen.RULES:
                self._read_rules()
            case Screen.WAITING:
                self._picture("waiting")
            case Screen.PAPER if snapshot.form is not None:
                self._work(snapshot.form, snapshot)
            case Screen.RECEIPT if not snapshot.is_closed_offline:
                self._picture("receipt")
                self._finish(snapshot, status=0)
            case Screen.PROBLEM:
                self._finish(snapshot, status=1)
            case _:
                pass

    def _log_in(self) -> None:
        for name, key in (
            (names.LOG_IN_ADMISSION_NUMBER, "admission_number"),
            (names.LOG_IN_ID_NUMBER, "id_number"),
            (names.LOG_IN_ROOM_CODE, "room_code"),
        ):
            field = self._find(name)
            if isinstance(field, QLineEdit) and not field.text():
                QTest.keyClicks(field, self._plan[key])
        self._picture("log-in")
        self._click(names.LOG_IN_BUTTON)

    def _read_rules(self) -> None:
        text = self._find(names.RULES_TEXT)
        self._picture("rules")
        scroller = text if isinstance(text, QScrollArea | QTextEdit) else None
        if scroller is not None:
            bar = scroller.verticalScrollBar()
            bar.setValue(bar.maximum())
        self._click(names.RULES_READ)

    def _work(self, form: Form, snapshot: KioskSnapshot) -> None:
        if self._todo is None:
            known = known_responses(form, self._knowledge)
            self._todo = [
                (number, part, known[part.part_id])
                for number, item in enumerate(form.items, 1)
                for part in item.parts
                if part.part_id in known
                and snapshot.responses.get(part.part_id) != known[part.part_id]
            ]
            self._recorded = len(snapshot.responses)
            self._lost_at_restart = _count_lost(self._kept_before, snapshot)
        if not self._todo:
            self._submit()
            return
        number, part, response = self._todo.pop(0)
        self._click(f"navigator_{number}")
        self._give(part, response, snapshot.responses.get(part.part_id))
        if part.item_type in _PICTURED_TYPES or form.items[number - 1].material:
            self._picture(form.items[number - 1].item_type.value)
        self._recorded += 1
        kept = kept_responses(self._app.engine.snapshot)
        self._write({"recorded": self._recorded, "kept": kept})

    def _give(self, part: Part, response: Response, now: Response | None) -> None:
        match response:
            case ChoiceResponse(choice_ids=wanted):
                held = now.choice_ids if isinstance(now, ChoiceResponse) else ()
                is_toggled = part.item_type is ItemType.MULTIPLE_CHOICE
                change = set(wanted) ^ set(held) if is_toggled else set(wanted)
                for choice_id in sorted(change):
                    self._click(f"choice_{choice_id}")
            case BlanksResponse(texts=texts):
                for place, text in enumerate(texts, 1):
                    self._type(f"blank_{part.part_id}_{place}", text)
            case TextResponse(text=text):
                self._type(self._text_name(part.part_id), text)

    def _submit(self) -> None:
        for name in (names.CHECK_REALLY, names.CHECK_SUBMIT, names.PAPER_SUBMIT):
            button = self._find(name, must_exist=False)
            if button is not None and button.isVisible() and button.isEnabled():
                if name == names.CHECK_SUBMIT and self._wants_picture("submit-check"):
                    # The first turn lays the list out, the second takes the picture.
                    if self._is_check_laid_out:
                        self._picture("submit-check")
                    self._is_check_laid_out = True
                    return
                self._click(name)
                return

    def _type(self, name: str, text: str) -> None:
        """Replace what stands there, the way an input method commits text."""
        widget = self._find(name)
        assert widget is not None, name  # noqa: S101  a missing control is the demo's failure
        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClick(widget, Qt.Key.Key_Delete)
        event = QInputMethodEvent()
        event.setCommitString(text)
        QApplication.sendEvent(widget, event)

    def _text_name(self, part_id: PartId) -> str:
        return f"text_{part_id}"

    def _click(self, name: str) -> None:
        widget = self._find(name)
        assert widget is not None, name  # noqa: S101  a missing control is the demo's failure
        centre = QPoint(min(20, widget.width() // 2), widget.height() // 2)
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=centre)

    def _find(self, name: str, *, must_exist: bool = True) -> QWidget | None:
        widget = self._app.window.findChild(QWidget, name)
        if widget is None and must_exist:
            message = f"the window has no control {name}"
            raise LookupError(message)
        return widget

    def _wants_picture(self, name: str) -> bool:
        return bool(self._plan["pictures"]) and name not in self._pictured

    def _picture(self, name: str) -> None:
        if not self._wants_picture(name):
            return
        self._pictured.add(name)
        file = Path(self._plan["pictures"]) / f"kiosk-{name}.png"
        if not file.exists():
            self._app.window.grab().save(str(file))

    def _write(self, facts: dict[str, Any]) -> None:
        new = self._report.with_suffix(".new")
        new.write_text(json.dumps(facts, ensure_ascii=False))
        new.replace(self._report)

    def _finish(self, snapshot: KioskSnapshot, *, status: int) -> None:
        self._timer.stop()
        alarm = snapshot.alarms[0] if snapshot.alarms else None
        problem = {"code": alarm.code, "message": alarm.message} if status and alarm else None
        self._write(
            {
                "seat_id": snapshot.seat_id,
                "admission_number": self._plan["admission_number"],
                "problem": problem,
                "recorded": self._recorded,
                "lost_at_restart": self._lost_at_restart,
                "is_done": 1,
                **acknowledged(snapshot),
            }
        )
        self._app.application.exit(status)


def kept_responses(snapshot: KioskSnapshot) -> dict[str, str]:
    """The digest of every response that the screen calls kept, here or on the server."""
    return {
        part_id: response_sha256(response)
        for part_id, response in snapshot.responses.items()
        if snapshot.saved_parts.get(part_id, SavedState.NOT_KEPT) is not SavedState.NOT_KEPT
    }


def _kept_in(report: Path) -> dict[str, str]:
    """What an earlier start of this robot saw kept before it was killed."""
    if not report.exists():
        return {}
    kept: dict[str, str] = json.loads(report.read_text()).get("kept", {})
    return kept


def _count_lost(before: dict[str, str], snapshot: KioskSnapshot) -> int:
    """How many kept responses are not there again, before anything was answered anew."""
    now: dict[str, str] = {
        part_id: response_sha256(held) for part_id, held in snapshot.responses.items()
    }
    return sum(now.get(part_id) != digest for part_id, digest in before.items())


def main() -> int:
    """Sit the exam at the kiosk of one data folder, as well protected as `exam-client run`."""
    harden()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    config = load_config(RealFileSystem(), DataFolder(options.data))
    with kiosk_lock(config.folder):
        app = build_app(config, is_windowed=True)
        app.window.resize(1366, 768)
        robot = Robot(app, json.loads(options.plan.read_text()), options.report)
        robot.start()
        return app.run()


if __name__ == "__main__":
    sys.exit(main())
