"""The composition root, the bridge between threads, and the lock-down."""

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from exam_client.app import KioskApp, build_app
from exam_client.kiosk import LockDown, OperationResult, window_operations
from exam_client.session import SessionEngine
from exam_client.session.snapshot import KioskSnapshot, Screen
from exam_client.ui import EngineBridge
from exam_client.ui import object_names as names
from tests.ui.conftest import Kiosk, commit
from tests.ui.scripted_engine import (
    ScriptedEngine,
    config_of_a_test,
    paper_snapshot,
    snapshot_at,
)


def test_the_real_engine_is_the_default(qtbot: QtBot) -> None:
    """Without a factory the kiosk runs on `SessionEngine`."""
    app = build_app(config_of_a_test(), is_windowed=True)
    qtbot.addWidget(app.window)

    assert isinstance(app.engine, SessionEngine)
    assert app.engine.snapshot.seat_id == "A07"


def test_every_screen_has_its_widget(kiosk: Kiosk) -> None:
    """Each value of Screen brings the screen of that name to the front."""
    for screen in Screen:
        snapshot = paper_snapshot() if screen is Screen.PAPER else snapshot_at(screen)
        kiosk.show(snapshot)
        assert kiosk.app.window.screen_shown is screen
        assert kiosk.find(f"screen_{screen}").isVisible()


def test_every_published_object_name_exists(kiosk: Kiosk) -> None:
    """The names that scripts rely on are the names of real controls."""
    kiosk.show(paper_snapshot())
    published = {v for k, v in vars(names).items() if k.isupper()}
    window = kiosk.app.window
    present = {w.objectName() for w in [window, *window.findChildren(QWidget)]}

    assert published - present == set()


def test_closing_stops_the_engine_once_and_records_first(kiosk: Kiosk) -> None:
    """What is typed is recorded before the engine stops."""
    kiosk.show(paper_snapshot())
    kiosk.click("navigator_5")
    commit(kiosk.find("text_i5p"), "甲")

    kiosk.app.close()
    kiosk.app.close()

    assert [command[0] for command in kiosk.engine.commands] == ["start", "record", "stop"]


def test_snapshots_cross_threads_and_only_the_newest_waits(qtbot: QtBot) -> None:
    """A worker thread that is faster than the window never makes a queue."""
    bridge = EngineBridge()
    arrived: list[tuple[int, bool]] = []
    main = threading.get_ident()

    def take(snapshot: KioskSnapshot) -> None:
        arrived.append((snapshot.unsynced, threading.get_ident() == main))

    bridge.snapshot_arrived.connect(take)

    def work() -> None:
        for number in range(1000):
            bridge.on_change(snapshot_at(Screen.WAITING, unsynced=number))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(arrived), timeout=5000)
    bridge.on_change(snapshot_at(Screen.WAITING, unsynced=5000))
    qtbot.waitUntil(lambda: arrived[-1][0] == 5000, timeout=5000)

    assert arrived == [(999, True), (5000, True)]


def test_the_question_for_pending_text_crosses_threads(qtbot: QtBot) -> None:
    """The engine's thread returns at once; the GUI answers in its own."""
    bridge = EngineBridge()
    main = threading.get_ident()
    asked: list[bool] = []
    bridge.pending_wanted.connect(lambda: asked.append(threading.get_ident() == main))

    thread = threading.Thread(target=bridge.collect_pending)
    thread.start()
    thread.join()
    assert asked == []
    qtbot.waitUntil(lambda: asked == [True], timeout=5000)


def test_a_locked_window_refuses_to_close(kiosk: Kiosk) -> None:
    """Alt+F4 does nothing while locked, and closes when unlocked."""
    window = kiosk.app.window
    window.set_refuses_close(refuses_close=True)
    event = QCloseEvent()
    with kiosk.qtbot.waitSignal(window.close_refused, timeout=5000):
        QApplication.sendEvent(window, event)
    assert not event.isAccepted()

    window.set_refuses_close(refuses_close=False)
    event = QCloseEvent()
    QApplication.sendEvent(window, event)
    assert event.isAccepted()


@pytest.mark.qt_log_ignore("This plugin does not support grabbing the keyboard")
def test_the_whole_lock_down_covers_the_screen_and_is_reverted(qtbot: QtBot) -> None:
    """Locked: full screen, no close. Closed: an ordinary window, engine stopped."""
    engines: list[ScriptedEngine] = []

    def make(on_change: Callable[[KioskSnapshot], None], _collect: object) -> ScriptedEngine:
        engines.append(ScriptedEngine(on_change, snapshot_at(Screen.STARTING)))
        return engines[0]

    app: KioskApp = build_app(config_of_a_test(), make_engine=make)
    qtbot.addWidget(app.window)
    app.start()
    assert app.window.isFullScreen()
    assert not app.window.close()

    app.close()

    assert not app.window.isVisible()
    assert engines[0].commands[-1] == ("stop",)


_RUN = """
from exam_client.app import run_kiosk
from exam_client.ui.window import KioskWindow
from tests.ui.scripted_engine import config_of_a_test
KioskWindow.showEvent = lambda self, event: print("shown", flush=True)
raise SystemExit(run_kiosk(config_of_a_test(), is_windowed=True))
"""


def test_a_running_kiosk_ends_cleanly_on_sigterm() -> None:
    """The service manager's signal ends the program with status 0, engine stopped."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _RUN],
        cwd=root,
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": "", "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "shown\n"
        process.terminate()
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 0, errors
    assert "Traceback" not in errors


@dataclass
class RecordedWindow:
    """Remembers what is done to it."""

    grants_keyboard: bool = True
    calls: list[str] = field(default_factory=list)
    fails_at: str = ""

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if call == self.fails_at:
            raise RuntimeError(call)

    def set_full_screen(self, *, is_full_screen: bool) -> None:
        """Remember."""
        self._note(f"full {is_full_screen}")

    def set_refuses_close(self, *, refuses_close: bool) -> None:
        """Remember."""
        self._note(f"refuse {refuses_close}")

    def set_keyboard_grab(self, *, is_grabbed: bool) -> bool:
        """Remember, and grant or refuse."""
        self._note(f"grab {is_grabbed}")
        return self.grants_keyboard


def test_operations_are_reverted_in_reverse_order() -> None:
    """The last applied is the first undone, and only once."""
    window = RecordedWindow()
    lock_down = LockDown(window_operations(window))

    results = lock_down.apply()
    assert lock_down.is_applied
    lock_down.revert()
    lock_down.revert()

    assert set(results.values()) == {OperationResult.DONE}
    assert window.calls == [
        "refuse True",
        "full True",
        "grab True",
        "grab False",
        "full False",
        "refuse False",
    ]
    assert not lock_down.is_applied


def test_a_refused_keyboard_is_a_result_and_no_error() -> None:
    """Where the window system gives no keyboard grab, the examination goes on."""
    lock_down = LockDown(window_operations(RecordedWindow(grants_keyboard=False)))

    assert lock_down.apply()["keyboard_grab"] is OperationResult.REFUSED


def test_a_failing_operation_reverts_what_was_begun() -> None:
    """An operation that fails half-way is reverted with those before it."""
    window = RecordedWindow(fails_at="full True")

    with pytest.raises(RuntimeError):
        LockDown(window_operations(window)).apply()

    assert window.calls == ["refuse True", "full True", "full False", "refuse False"]


def test_a_failing_revert_does_not_stop_the_others() -> None:
    """Everything that can be undone is undone, and the failure is reported."""
    window = RecordedWindow(fails_at="full False")
    lock_down = LockDown(window_operations(window))
    lock_down.apply()

    with pytest.raises(ExceptionGroup):
        lock_down.revert()

    assert window.calls[-1] == "refuse False"
