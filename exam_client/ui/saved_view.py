"""How safe the answers are. It may say too little for a moment, never too much."""

from PySide6.QtCore import QTimer

from exam_client.itemview.marks import Mark
from exam_client.ui import object_names
from exam_client.ui.building_blocks import SayingView
from exam_client.ui.wording import Saying

SETTLE_MS = 600
"""Good news waits this long, so that the line does not flicker while somebody types."""

_RANKS = {Mark.CROSS: 0, Mark.RING: 1, Mark.DOT: 2, Mark.TICK: 3}


class SavedView(SayingView):
    """Bad news is shown at once; better news once it has held for SETTLE_MS."""

    def __init__(self) -> None:
        super().__init__(name=object_names.PAPER_SAVED, width_px=196)
        self._better: Saying | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._on_settled)

    def say(self, saying: Saying) -> None:
        """Show a saying, now or when it has settled."""
        shown = self.saying
        if shown is not None and _RANKS[saying.mark] > _RANKS[shown.mark]:
            if saying != self._better:
                self._better = saying
                self._settle.start()
            return
        self._settle.stop()
        self._better = None
        super().say(saying)

    def _on_settled(self) -> None:
        better, self._better = self._better, None
        if better is not None:
            super().say(better)
