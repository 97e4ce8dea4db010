"""A clipboard of the exam's own: nothing is read from the machine's clipboard, nothing put there.

One per window; text copied from one answer can be pasted into another, and that is all.
"""


class OwnClipboard:
    """Holds the last text cut or copied inside the exam, in memory only."""

    def __init__(self) -> None:
        self._text = ""

    def put(self, text: str) -> None:
        """Remember `text`; an empty one changes nothing."""
        if text:
            self._text = text

    def text(self) -> str:
        """What was put last, or an empty text."""
        return self._text

    def clear(self) -> None:
        """Forget it, when the session ends."""
        self._text = ""
