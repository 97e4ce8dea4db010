"""Numbers for the pages, and points as people type them: `1.5` is 1500 thousandths."""

import re
import unicodedata
from fractions import Fraction

from exam_core.errors import InputError, declare
from grading.marking import STEP_MILLI

MARK_NUMBER = declare("mark.number", "得分请写成数字，例如 0、0.5、1、1.5；每个采分点都要填。")

_EVERY_STEP_MAX_MILLI = 2000  # five buttons fit the column
_POINTS = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?")


def mean_text(milli: Fraction | None) -> str:
    """A mean to two places, or a dash where there is none."""
    return "—" if milli is None else f"{float(milli) / 1000:.2f}"


def half_of(milli: int) -> int:
    """The half of a marking point's worth that may be given: a whole number of steps."""
    return milli // 2 // STEP_MILLI * STEP_MILLI


def steps_of(milli: int) -> list[int]:
    """What the quick buttons of a marking point give: every step, or 0, half and full of many."""
    if milli > _EVERY_STEP_MAX_MILLI:
        return [0, half_of(milli), milli]
    return sorted({*range(0, milli, STEP_MILLI), milli})


def parse_points(text: str, name: str) -> int:
    """Thousandths from what a person typed; full-width digits count.

    Raises:
        InputError: `mark.number`, with `name`.
    """
    found = _POINTS.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if not found:
        raise InputError(MARK_NUMBER, f"{name}{'的得分不是数字' if text.strip() else '还没有给分'}")
    return int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))
