"""What the exam window does to lock a seat: covers the screen, stays open, asks for all keys."""

from dataclasses import dataclass
from typing import Protocol

from exam_client.kiosk.operation import Operation, OperationResult


class LockableWindow(Protocol):
    """What these operations need of the window; GUI thread only."""

    def set_full_screen(self, *, is_full_screen: bool) -> None:
        """Cover the screen without a frame, or be an ordinary window."""

    def set_refuses_close(self, *, refuses_close: bool) -> None:
        """Whether attempts to close the window are refused."""

    def set_keyboard_grab(self, *, is_grabbed: bool) -> bool:
        """Ask for all keys, or give them back; False when the window system refuses."""
        ...


@dataclass(frozen=True, slots=True)
class RefuseClose:
    """Alt+F4 and the window manager's close do nothing."""

    window: LockableWindow
    name: str = "refuse_close"

    def apply(self) -> OperationResult:
        """Refuse from now on."""
        self.window.set_refuses_close(refuses_close=True)
        return OperationResult.DONE

    def revert(self) -> None:
        """Let the window be closed."""
        self.window.set_refuses_close(refuses_close=False)


@dataclass(frozen=True, slots=True)
class FullScreen:
    """Nothing but the examination is to be seen."""

    window: LockableWindow
    name: str = "full_screen"

    def apply(self) -> OperationResult:
        """Cover the screen."""
        self.window.set_full_screen(is_full_screen=True)
        return OperationResult.DONE

    def revert(self) -> None:
        """Be an ordinary window."""
        self.window.set_full_screen(is_full_screen=False)


@dataclass(frozen=True, slots=True)
class KeyboardGrab:
    """Keys go to the examination only, where the window system grants it (X11 does)."""

    window: LockableWindow
    name: str = "keyboard_grab"

    def apply(self) -> OperationResult:
        """Ask for the keyboard; the window must be on the screen."""
        is_granted = self.window.set_keyboard_grab(is_grabbed=True)
        return OperationResult.DONE if is_granted else OperationResult.REFUSED

    def revert(self) -> None:
        """Give the keyboard back."""
        self.window.set_keyboard_grab(is_grabbed=False)


def window_operations(window: LockableWindow) -> list[Operation]:
    """All operations on the window, in the order in which they are applied."""
    return [RefuseClose(window), FullScreen(window), KeyboardGrab(window)]
