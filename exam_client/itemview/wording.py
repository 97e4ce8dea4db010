"""Small texts and keys of items: letters of choices, points, split of a stem at its blanks."""

import re

from PySide6.QtCore import Qt

_BLANK = re.compile(r"（[\s\u3000_]*）|\([\s\u3000_]*\)")
_LETTERS = "ABCDEFGH"


def choice_letter(index: int) -> str:
    """The letter shown beside choice number `index`, which counts from 0."""
    return _LETTERS[index]


def choice_index_of_key(key: int) -> int | None:
    """Which choice a key means: A to H, or 1 to 8; None for all others."""
    if Qt.Key.Key_A <= key <= Qt.Key.Key_H:
        return key - Qt.Key.Key_A
    if Qt.Key.Key_1 <= key <= Qt.Key.Key_8:
        return key - Qt.Key.Key_1
    return None


def points_text(points_milli: int) -> str:
    """Points without needless digits: `2`, `0.5`, `1.25`."""
    whole, rest = divmod(points_milli, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def shown_stem(stem: str) -> str:
    """A stem with room inside its brackets, as papers print it: `（　　）`."""
    return _BLANK.sub("（　　）", stem)


def split_at_blanks(stem: str, blank_count: int) -> list[str] | None:
    """The `blank_count + 1` texts around the blanks of a stem.

    None when the stem does not have that many places to fill, so that the caller can set the
    fields below it instead of losing one.
    """
    pieces = _BLANK.split(stem)
    return pieces if len(pieces) == blank_count + 1 else None
