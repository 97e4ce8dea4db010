"""How one item looks and is answered.

Knows items and responses and nothing of sessions, files or networks, so that the builder's
preview is what the candidate sees. Widgets show values and emit signals; they store nothing.
"""

from exam_client.itemview.clipboard import OwnClipboard
from exam_client.itemview.item_page import ItemPage
from exam_client.itemview.part_view import PartView
from exam_client.itemview.style import FontStep, font_step_stylesheet, stylesheet

__all__ = [
    "FontStep",
    "ItemPage",
    "OwnClipboard",
    "PartView",
    "font_step_stylesheet",
    "stylesheet",
]
