"""Composition root of the kiosk: engine, bridge, window and lock-down, put together once."""

import os
import signal
import sys
from collections.abc import Callable
from typing import TypeAlias

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication

from exam_client.config import KioskConfig
from exam_client.itemview import style, stylesheet
from exam_client.kiosk import LockDown, OperationResult, window_operations
from exam_client.session.engine import Observer, PendingCollector, SessionEngine, monotonic_ms
from exam_client.ui import EngineBridge, KioskEngine, KioskWindow
from exam_client.ui.machine_checks import check_machine

EngineFactory: TypeAlias = Callable[[Observer, PendingCollector], KioskEngine]
"""Makes the engine from its two callbacks; both may be called from any thread."""

_GRAB_DELAY_MS = 800
_SIGNAL_POLL_MS = 200


class KioskApp:
    """The running kiosk; GUI thread only.

    Attributes:
        application: Qt's application.
        window: The one window.
        engine: Drives the session.
        bridge: Brings the engine's callbacks into the GUI thread.
    """

    def __init__(
        self,
        application: QApplication,
        window: KioskWindow,
        engine: KioskEngine,
        bridge: EngineBridge,
        *,
        is_windowed: bool,
    ) -> None:
        self.application = application
        self.window = window
        self.engine = engine
        self.bridge = bridge
        self._is_windowed = is_windowed
        self._lock_down = LockDown(window_operations(window))
        self._is_closed = False

    def start(self) -> None:
        """Show the window, lock the seat unless windowed, and start the engine."""
        self.window.show()
        if not self._is_windowed:
            self.lock()
        self.window.on_snapshot(self.engine.snapshot)
        self.engine.start()

    def lock(self) -> None:
        """Apply the lock-down; the keyboard is asked for again once the window is mapped."""
        results = self._lock_down.apply()
        if OperationResult.REFUSED in results.values():
            QTimer.singleShot(_GRAB_DELAY_MS, self.window, self._on_grab_due)

    def run(self) -> int:
        """Start, and work until the program is told to end; the exit status."""
        self.start()
        try:
            return self.application.exec()
        finally:
            self.close()

    def close(self) -> None:
        """Revert the lock-down and stop the engine; what was recorded is on disk on return."""
        if self._is_closed:
            return
        self._is_closed = True
        self.window.paper.report_pending()
        self.engine.stop()
        self._lock_down.revert()
        self.window.close()

    def _on_grab_due(self) -> None:
        if self._lock_down.is_applied:
            self.window.activateWindow()
            self.window.set_keyboard_grab(is_grabbed=True)


def build_app(
    config: KioskConfig,
    *,
    is_windowed: bool = False,
    make_engine: EngineFactory | None = None,
    clock_ms: Callable[[], int] = monotonic_ms,
) -> KioskApp:
    """Put a kiosk together without starting it.

    A script or a test may call `start` and drive `window` by real mouse and key events; the
    names of its controls are in `exam_client.ui.object_names`.

    Args:
        config: Where this kiosk keeps its files and whom it trusts.
        is_windowed: An ordinary window and no lock-down, for tests and demonstrations.
        make_engine: Makes another engine than the real one, for tests of the screens.
        clock_ms: The clock that the engine's deadlines are in.
    """
    application = _application()
    bridge = EngineBridge()
    window = KioskWindow(clock_ms=clock_ms, checks=check_machine())
    if make_engine is None:
        engine: KioskEngine = SessionEngine(
            config,
            on_change=bridge.on_change,
            collect_pending=bridge.collect_pending,
            clock_ms=clock_ms,
        )
    else:
        engine = make_engine(bridge.on_change, bridge.collect_pending)
    bridge.snapshot_arrived.connect(window.on_snapshot)
    bridge.pending_wanted.connect(window.on_pending_wanted)
    window.connect_engine(engine)
    return KioskApp(application, window, engine, bridge, is_windowed=is_windowed)


def run_kiosk(config: KioskConfig, *, is_windowed: bool = False) -> int:
    """Run the kiosk until SIGTERM or SIGINT; the exit status."""
    app = build_app(config, is_windowed=is_windowed)
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signal_number, _frame: told.append(signal_number))
    # Python sees a signal only between its own instructions, so Qt's loop must come back to it;
    # and quit() does nothing before the loop runs, so the signal is remembered and asked for.
    poll = QTimer()
    poll.timeout.connect(lambda: app.application.quit() if told else None)
    poll.start(_SIGNAL_POLL_MS)
    return app.run()


def _is_offscreen() -> bool:
    return os.environ.get("QT_QPA_PLATFORM", "").startswith("offscreen")


def _application() -> QApplication:
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        application = existing
    else:
        if sys.platform == "linux" and not _is_offscreen():
            # The wheel has no fcitx plugin; fcitx5 and ibus both answer to this one.
            os.environ["QT_IM_MODULE"] = "ibus"
        application = QApplication(sys.argv[:1])
    application.setApplicationName("exam-client")
    if application.style().name() != "fusion":
        application.setStyle("Fusion")  # the same on every desktop
    font = QFont()
    font.setFamilies(list(style.FONT_FAMILIES))
    font.setPixelSize(style.CHROME_PX)
    application.setFont(font)
    if application.styleSheet() != stylesheet():  # setting it again restyles every widget
        application.setStyleSheet(stylesheet())
    return application
