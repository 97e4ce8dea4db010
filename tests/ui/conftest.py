"""Widgets without a screen: the offscreen platform, our stylesheet, a scripted engine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from exam_client.app import KioskApp, build_app
from exam_client.itemview import stylesheet
from exam_client.session.engine import Observer, PendingCollector
from exam_client.session.snapshot import KioskSnapshot, Screen
from exam_client.ui import KioskEngine
from tests.ui.scripted_engine import FakeClock, ScriptedEngine, config_of_a_test, snapshot_at


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform itself warns of every window; all other Qt warnings fail."""
    ignore = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(ignore)


@pytest.fixture(autouse=True)
def _styled(qapp: QApplication) -> None:
    if qapp.styleSheet() != stylesheet():
        qapp.setStyle("Fusion")
        qapp.setStyleSheet(stylesheet())


@dataclass
class Kiosk:
    """A kiosk window on a scripted engine, driven by real mouse and key events."""

    app: KioskApp
    engine: ScriptedEngine
    clock: FakeClock
    collect_pending: PendingCollector
    qtbot: QtBot

    def show(self, snapshot: KioskSnapshot) -> None:
        """Send a snapshot as the worker thread would, and wait until it is drawn."""
        with self.qtbot.waitSignal(self.app.bridge.snapshot_arrived, timeout=5000):
            self.engine.show(snapshot)

    def find(self, name: str) -> QWidget:
        """A control by its object name."""
        found = self.app.window.findChild(QWidget, name)
        assert isinstance(found, QWidget), f"no control {name}"
        return found

    def click(self, name: str) -> None:
        """Click a control in its middle."""
        control = self.find(name)
        assert control.isVisible(), f"{name} cannot be seen"
        assert control.isEnabled(), f"{name} is disabled"
        QTest.mouseClick(control, Qt.MouseButton.LeftButton)

    def key(self, key: Qt.Key, text: str = "") -> None:
        """Press a key where the focus is."""
        target = self.app.window.focusWidget()
        if text:
            QTest.keyClicks(target, text)
        else:
            QTest.keyClick(target, key)

    def text(self, name: str) -> str:
        """The text of a label or button."""
        return str(self.find(name).property("text"))


@pytest.fixture
def kiosk(qtbot: QtBot) -> Iterator[Kiosk]:
    """A started kiosk in a window of 1366 × 768, at the start-up screen."""
    made: list[tuple[ScriptedEngine, PendingCollector]] = []
    clock = FakeClock()

    def make(on_change: Observer, collect_pending: PendingCollector) -> KioskEngine:
        engine = ScriptedEngine(on_change, snapshot_at(Screen.STARTING))
        made.append((engine, collect_pending))
        return engine

    app = build_app(config_of_a_test(), is_windowed=True, make_engine=make, clock_ms=clock)
    app.window.resize(1366, 768)
    with qtbot.waitExposed(app.window):
        app.start()
    app.window.activateWindow()
    engine, collect_pending = made[0]
    yield Kiosk(app, engine, clock, collect_pending, qtbot)
    app.close()
    app.window.deleteLater()
    QApplication.sendPostedEvents(app.window, QEvent.Type.DeferredDelete.value)


def compose(widget: QWidget, preedit: str) -> None:
    """An input method shows `preedit` as being composed in `widget`; empty takes it away."""
    QApplication.sendEvent(widget, QInputMethodEvent(preedit, []))


def commit(widget: QWidget, text: str) -> None:
    """An input method commits `text`."""
    event = QInputMethodEvent("", [])
    event.setCommitString(text)
    QApplication.sendEvent(widget, event)


def leave(widget: QWidget) -> None:
    """Take the focus away, as a click elsewhere does."""
    widget.clearFocus()
    assert not widget.hasFocus()
