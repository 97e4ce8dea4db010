"""What each candidate of the demo knows: a response for every part of the paper, or none.

Made from the answer key that the conductor holds as headquarters; candidates get texts only, and
find the choices on their own form by those texts. No two candidates know the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.demo.chance import Chance
from exam_core.keys.model import (
    LETTERS,
    BlanksKey,
    ChoiceKey,
    KeyedItem,
    KeyedPart,
    MarkingKey,
)
from exam_core.model.items import ItemType

SKILL_LOW, SKILL_HIGH = 380, 970
UNTOUCHED_PER_MILLE = 15
_FILLER = "依据相关规定，应当按照程序办理。"


def make_knowledge(seed: str, who: str, items: Sequence[KeyedItem]) -> list[dict[str, Any]]:
    """One entry for each part that `who` will answer: stem, choices, and what to give."""
    chance = Chance(seed, f"knowledge/{who}")
    skill = SKILL_LOW + chance.below(SKILL_HIGH - SKILL_LOW)
    entries = []
    for item in items:
        for part in item.parts:
            entry: dict[str, Any] = {"stem": part.stem, "choices": sorted(part.choices)}
            if item.material:
                entry["material"] = item.material
            if not chance.happens(UNTOUCHED_PER_MILLE):
                entries.append(entry | _response(chance, skill, part))
    return entries


def _response(chance: Chance, skill: int, part: KeyedPart) -> dict[str, Any]:
    knows = chance.happens(skill)
    match part.key:
        case ChoiceKey(letters=letters):
            return {"pick": _picked(chance, part, letters, knows)}
        case BlanksKey(blanks=blanks):
            return {"blanks": [blank[0] if knows else "不清楚" for blank in blanks]}
        case MarkingKey(marking_points=points):
            said = [point.text for point in points if chance.happens(skill)]
            if not said and chance.happens(500):
                return {"text": _FILLER}
            return {"text": "；".join(said) + "。" if said else ""}


def _picked(chance: Chance, part: KeyedPart, letters: str, knows: bool) -> list[str]:
    right = [part.choices[LETTERS.index(letter)] for letter in letters]
    wrong = [choice for choice in part.choices if choice not in right]
    if knows:
        return right
    if part.item_type is not ItemType.MULTIPLE_CHOICE:
        return [chance.pick(wrong)]
    left_out = chance.pick(right)
    without_one = [choice for choice in right if choice != left_out]
    return without_one if not wrong or chance.happens(500) else [*right, chance.pick(wrong)]
