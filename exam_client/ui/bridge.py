"""Brings the engine's callbacks from its worker thread to the GUI thread.

Only the newest snapshot matters: while one waits for the GUI, a newer one takes its place, so a
busy window is never behind by more than one.
"""

import threading

from PySide6.QtCore import QObject, Qt, Signal

from exam_client.session.snapshot import KioskSnapshot


class EngineBridge(QObject):
    """`on_change` and `collect_pending` may be called from any thread.

    Signals:
        snapshot_arrived: In the GUI thread, with the newest KioskSnapshot.
        pending_wanted: In the GUI thread: what is typed must be recorded now.
    """

    snapshot_arrived = Signal(object)
    pending_wanted = Signal()
    _woken = Signal()
    _asked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._waiting: KioskSnapshot | None = None
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._asked.connect(self.pending_wanted, Qt.ConnectionType.QueuedConnection)

    def on_change(self, snapshot: KioskSnapshot) -> None:
        """Take a snapshot and return at once."""
        with self._lock:
            must_wake = self._waiting is None
            self._waiting = snapshot
        if must_wake:
            self._woken.emit()

    def collect_pending(self) -> None:
        """Ask the GUI for what is typed and return at once."""
        self._asked.emit()

    def _deliver(self) -> None:
        with self._lock:
            snapshot, self._waiting = self._waiting, None
        if snapshot is not None:
            self.snapshot_arrived.emit(snapshot)
