"""Colours, fonts and the one stylesheet of everything a candidate sees.

Contrast of text on its ground is at least 7 : 1, text is at least 16 pixels, and nothing is said
by colour alone: every state also has a shape or a word.
"""

from collections.abc import Sequence
from enum import IntEnum

from PySide6.QtGui import QColor

INK = QColor("#16202c")
INK_SOFT = QColor("#465366")
GROUND = QColor("#f1f4f7")
CARD = QColor("#ffffff")
LINE = QColor("#b9c3cf")
ACCENT = QColor("#1d4f91")
ACCENT_SOFT = QColor("#e4eefa")
GOOD = QColor("#17633a")
AMBER = QColor("#ffd98a")
AMBER_INK = QColor("#4d3300")
RED = QColor("#ad1f16")
RED_SOFT = QColor("#fdecea")

FONT_FAMILIES = ("Noto Sans CJK SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "sans-serif")
"""First one installed wins: Linux images, Linux without Noto, Windows."""

DIGIT_FAMILIES = ("Noto Sans Mono CJK SC", "DejaVu Sans Mono", "Consolas", "monospace")
"""For what is compared digit by digit: every digit is equally wide."""

CHROME_PX = 17
"""Text around the item: header, buttons, navigator."""

LINE_DISTANCE = 0.55
"""Free space between lines, in heights of the font: long Chinese lines need it to be followed."""


class FontStep(IntEnum):
    """The sizes a candidate may choose for the item, in pixels."""

    STANDARD = 19
    LARGE = 22
    LARGER = 26
    LARGEST = 31

    def next_larger(self) -> "FontStep":
        """One step up; the largest stays."""
        steps = list(FontStep)
        return steps[min(steps.index(self) + 1, len(steps) - 1)]

    def next_smaller(self) -> "FontStep":
        """One step down; the smallest stays."""
        steps = list(FontStep)
        return steps[max(steps.index(self) - 1, 0)]


def font_step_stylesheet(step: FontStep) -> str:
    """Stylesheet of the area that shows the item, at the size the candidate chose."""
    return f"* {{ font-size: {int(step)}px; }}"


def stylesheet() -> str:
    """The stylesheet of the whole program."""
    families, digits = _family_list(FONT_FAMILIES), _family_list(DIGIT_FAMILIES)
    return f"""
* {{ font-family: {families}; font-size: {CHROME_PX}px; color: {INK.name()}; }}
QWidget#kiosk_window, QWidget[ground="true"] {{ background: {GROUND.name()}; }}
QFrame[card="true"] {{
    background: {CARD.name()}; border: 1px solid {LINE.name()}; border-radius: 10px;
}}
QLabel[role="title"] {{ font-size: 30px; font-weight: 700; }}
QLabel[role="subtitle"] {{ font-size: 20px; color: {INK_SOFT.name()}; }}
QLabel[role="fact"] {{ font-size: 20px; }}
QLabel[role="name"] {{ font-size: 38px; font-weight: 700; }}
QLabel[role="section"] {{ font-weight: 700; }}
QLabel[role="soft"] {{ color: {INK_SOFT.name()}; }}
QLabel[role="field"] {{ font-size: 18px; font-weight: 700; }}
QLabel[role="hint"] {{ font-size: 16px; color: {INK_SOFT.name()}; }}
QLabel[role="hint"][alert="true"] {{ color: {RED.name()}; font-weight: 700; }}
QLabel[role="seat"] {{ font-size: 104px; font-weight: 700; color: {ACCENT.name()}; }}
QLabel[role="receipt"] {{ font-family: {digits}; font-size: 26px; font-weight: 700; }}
QLabel[role="compare"] {{ font-family: {digits}; font-size: 64px; font-weight: 700; }}
QLabel[role="mark"] {{ font-size: 64px; }}
QLabel[notice="good"], QLabel[notice="warn"], QLabel[notice="bad"] {{
    border-radius: 8px; padding: 10px 16px; font-size: 18px;
}}
QLabel[notice="good"] {{ background: #e3f3e9; border: 2px solid {GOOD.name()}; }}
QLabel[notice="warn"] {{
    background: #fff4d6; border: 2px solid #b97a00; color: {AMBER_INK.name()};
}}
QLabel[notice="bad"] {{ background: {RED_SOFT.name()}; border: 2px solid {RED.name()}; }}
QPushButton {{
    background: {CARD.name()}; border: 2px solid {LINE.name()}; border-radius: 8px;
    padding: 8px 20px; min-height: 28px;
}}
QPushButton:hover {{ background: {ACCENT_SOFT.name()}; }}
QPushButton:focus {{ border-color: {ACCENT.name()}; }}
QPushButton:pressed, QPushButton:checked {{
    background: {ACCENT_SOFT.name()}; border-color: {ACCENT.name()};
}}
QPushButton:disabled {{ color: #66717f; background: #e7eaee; border-color: #d5dae1; }}
QPushButton[primary="true"] {{
    background: {ACCENT.name()}; border-color: {ACCENT.name()}; color: #ffffff; font-weight: 700;
}}
QPushButton[primary="true"]:hover {{ background: #174178; }}
QPushButton[primary="true"]:focus {{ border-color: {INK.name()}; }}
QPushButton[primary="true"]:disabled {{
    background: #e7eaee; border-color: #d5dae1; color: #66717f;
}}
QPushButton[large="true"] {{ font-size: 20px; min-height: 38px; padding: 8px 32px; }}
QPushButton#paper_flag:checked {{
    background: {AMBER.name()}; border-color: #b97a00; color: {AMBER_INK.name()};
}}
QLineEdit {{
    background: {CARD.name()}; border: 2px solid #8a97a8; border-radius: 8px;
    padding: 6px 12px; font-size: 24px; min-height: 36px;
}}
QLineEdit:focus {{ border-color: {ACCENT.name()}; }}
QLineEdit[alert="true"] {{ border-color: {RED.name()}; }}
QPlainTextEdit {{
    background: {CARD.name()}; border: 2px solid #8a97a8; border-radius: 8px;
    selection-background-color: {ACCENT.name()}; selection-color: #ffffff;
}}
QPlainTextEdit:focus {{ border-color: {ACCENT.name()}; }}
QPlainTextEdit[single_line="true"] {{
    border: none; border-bottom: 2px solid #5a6a7e; border-radius: 0; background: #f7fafd;
}}
QPlainTextEdit[single_line="true"]:focus {{
    border-bottom: 2px solid {ACCENT.name()}; background: {ACCENT_SOFT.name()};
}}
QScrollArea, QScrollArea > QWidget > QWidget[page="true"] {{ background: transparent; }}
QScrollArea {{ border: none; }}
QScrollBar:vertical {{ background: transparent; width: 14px; margin: 0; }}
QScrollBar::handle:vertical {{
    background: #8a97a8; border-radius: 6px; min-height: 48px; margin: 1px;
}}
QScrollBar::handle:vertical:hover {{ background: {INK_SOFT.name()}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
QSplitter::handle {{ background: {LINE.name()}; }}
QSplitter::handle:horizontal {{ width: 8px; margin: 24px 3px; border-radius: 2px; }}
QSplitter::handle:hover {{ background: {ACCENT.name()}; }}
QFrame#paper_header {{ background: {CARD.name()}; border-bottom: 1px solid {LINE.name()}; }}
QFrame#paper_footer {{ background: {CARD.name()}; border-top: 1px solid {LINE.name()}; }}
QFrame#navigator {{ background: {CARD.name()}; border-left: 1px solid {LINE.name()}; }}
QFrame#part_current {{ border-left: 4px solid {ACCENT.name()}; }}
"""


def _family_list(families: Sequence[str]) -> str:
    """As a stylesheet wants it; the last one is a generic name, which is not quoted."""
    return ", ".join([*(f'"{family}"' for family in families[:-1]), families[-1]])
