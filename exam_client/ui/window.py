"""The one window of the kiosk: shows the screen of the moment, hands on what was done there."""

# ruff: noqa: N802  overridden methods have Qt's names

from collections.abc import Callable, Sequence
from typing import cast

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from exam_client.session.snapshot import KioskSnapshot, Screen
from exam_client.ui import object_names
from exam_client.ui.closing import (
    NotEnrolledScreen,
    ProblemScreen,
    ReceiptScreen,
    SubmittingScreen,
)
from exam_client.ui.confirm import ConfirmScreen
from exam_client.ui.log_in import LogInScreen
from exam_client.ui.model import KioskEngine
from exam_client.ui.paper import PaperScreen
from exam_client.ui.resume_code import ResumeCodeScreen
from exam_client.ui.rules import RulesScreen
from exam_client.ui.start_up import MachineCheck, StartUpScreen
from exam_client.ui.waiting import WaitingScreen
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import Response

_AnyScreen = (
    StartUpScreen
    | NotEnrolledScreen
    | LogInScreen
    | ResumeCodeScreen
    | ConfirmScreen
    | RulesScreen
    | WaitingScreen
    | PaperScreen
    | SubmittingScreen
    | ReceiptScreen
    | ProblemScreen
)


class KioskWindow(QWidget):
    """Draws every snapshot; GUI thread only. Refuses to be closed while the kiosk is locked.

    Signals:
        close_refused: Somebody tried to close the window.
    """

    close_refused = Signal()

    def __init__(self, *, clock_ms: Callable[[], int], checks: Sequence[MachineCheck]) -> None:
        super().__init__()
        self.setObjectName(object_names.WINDOW)
        self.setWindowTitle(self.tr("贡院考试"))
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(1024, 700)
        self._engine: KioskEngine | None = None
        self._refuses_close = False
        self._screen: Screen | None = None
        self.log_in = LogInScreen()
        self.resume_code = ResumeCodeScreen()
        self.confirm = ConfirmScreen()
        self.rules = RulesScreen()
        self.paper = PaperScreen(clock_ms=clock_ms)
        self._screens: dict[Screen, _AnyScreen] = {
            Screen.STARTING: StartUpScreen(checks),
            Screen.NOT_ENROLLED: NotEnrolledScreen(),
            Screen.LOG_IN: self.log_in,
            Screen.RESUME_CODE: self.resume_code,
            Screen.CONFIRM: self.confirm,
            Screen.RULES: self.rules,
            Screen.WAITING: WaitingScreen(),
            Screen.PAPER: self.paper,
            Screen.SUBMITTING: SubmittingScreen(),
            Screen.RECEIPT: ReceiptScreen(),
            Screen.PROBLEM: ProblemScreen(),
        }
        self._stack = QStackedWidget()
        for screen in self._screens.values():
            self._stack.addWidget(screen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)

    @property
    def screen_shown(self) -> Screen | None:
        """The screen in front; None before the first snapshot."""
        return self._screen

    def connect_engine(self, engine: KioskEngine) -> None:
        """Hand everything that the candidate does to this engine; once."""
        self._engine = engine
        self.log_in.log_in_requested.connect(self._on_log_in_requested)
        self.resume_code.code_given.connect(engine.resume_with_code)
        self.confirm.confirmed.connect(engine.confirm)
        self.confirm.denied.connect(engine.not_me)
        self.rules.rules_read.connect(engine.rules_read)
        self.paper.response_given.connect(self._on_response_given)
        self.paper.flag_set.connect(self._on_flag_set)
        self.paper.submit_confirmed.connect(engine.submit)

    def on_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw a snapshot."""
        screen = self._screens[snapshot.screen]
        is_new = snapshot.screen is not self._screen
        if is_new and self._screen is Screen.PAPER:
            self.paper.report_pending()
        screen.show_snapshot(snapshot)
        if not is_new:
            return
        before, self._screen = self._screen, snapshot.screen
        self._stack.setCurrentWidget(screen)
        if before is Screen.LOG_IN:
            self.log_in.clear()
        if before is Screen.RESUME_CODE:
            self.resume_code.clear()
        if snapshot.screen is Screen.RECEIPT:
            self.paper.clear()
        if isinstance(screen, (LogInScreen, ResumeCodeScreen, RulesScreen)):
            QTimer.singleShot(0, screen, screen.focus_first)

    def on_pending_wanted(self) -> None:
        """Time is up or the proctor ends it: record what is typed, then say that it is done."""
        self.paper.report_pending()
        if self._engine is not None:
            self._engine.pending_collected()

    def set_refuses_close(self, *, refuses_close: bool) -> None:
        """Whether Alt+F4 and its like are refused."""
        self._refuses_close = refuses_close

    def set_full_screen(self, *, is_full_screen: bool) -> None:
        """Cover the whole screen without a frame, or be an ordinary window again."""
        flags = Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint
        self.setWindowFlags(
            Qt.WindowType.Window | flags if is_full_screen else Qt.WindowType.Window
        )
        if is_full_screen:
            # Without a window manager showFullScreen alone does not resize.
            self.setGeometry(self.screen().geometry())
            self.showFullScreen()
            self.activateWindow()
        else:
            self.showNormal()

    def set_keyboard_grab(self, *, is_grabbed: bool) -> bool:
        """Ask the window system for all keys, or give them back; False when it refuses."""
        return self.isVisible() and self.windowHandle().setKeyboardGrabEnabled(is_grabbed)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stay, while locked."""
        if self._refuses_close:
            event.ignore()
            self.close_refused.emit()
        else:
            super().closeEvent(event)

    def _on_log_in_requested(self, admission_number: str, id_number: str, room_code: str) -> None:
        if self._engine is not None:
            self._engine.log_in(
                admission_number=admission_number, id_number=id_number, room_code=room_code
            )

    def _on_response_given(self, part_id: str, response: object) -> None:
        if self._engine is not None:
            self._engine.record(PartId(part_id), cast("Response", response))

    def _on_flag_set(self, item_id: str, is_flagged: bool) -> None:
        if self._engine is not None:
            self._engine.flag(ItemId(item_id), is_flagged)
