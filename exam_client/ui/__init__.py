"""The screens of the kiosk, one each: what the candidate sees around the item.

Every screen draws a `KioskSnapshot` and emits what the candidate did; the window hands that on to
the session engine. Nothing here computes a result or keeps a file.
"""

from exam_client.ui.bridge import EngineBridge
from exam_client.ui.model import KioskEngine
from exam_client.ui.window import KioskWindow

__all__ = ["EngineBridge", "KioskEngine", "KioskWindow"]
