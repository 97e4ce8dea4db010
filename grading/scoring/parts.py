"""Scores one part of one candidate."""

from exam_core.errors import InputError
from exam_core.keys.model import (
    BlanksKey,
    ChoiceKey,
    KeyedPart,
    MappedPart,
    MultipleChoiceRule,
    ScoringScheme,
)
from exam_core.model.items import ItemType
from exam_core.model.responses import (
    BlanksResponse,
    ChoiceResponse,
    Response,
    TextResponse,
    is_empty,
)
from grading.scoring.blanks import blanks_share
from grading.scoring.choices import choice_share
from grading.scoring.normalise import normalise_blank
from grading.scoring.outcome import BLANK, NEEDS_MARKING, SCORE_MISFIT, PartOutcome, outcome_of


def score_part(
    part: KeyedPart, mapped: MappedPart, response: Response | None, scheme: ScoringScheme
) -> PartOutcome:
    """The outcome of one part.

    A part that is empty or was never touched scores 0 and needs no marker, whatever its type.

    Args:
        part: The part with its key.
        mapped: The same part on the candidate's form; gives the letter of each choice id.
        response: What was given; None when the part was never touched.
        scheme: The rules of the paper.

    Raises:
        InputError: `score.misfit` when the response cannot belong to this part.
    """
    if response is None:
        return BLANK
    match part.key, response:
        case ChoiceKey(letters=letters), ChoiceResponse(choice_ids=choice_ids):
            if not set(choice_ids) <= mapped.letters.keys() or len(set(choice_ids)) != len(
                choice_ids
            ):
                raise _misfit(mapped, "所选选项不在该题中或有重复")
            is_multiple = part.item_type is ItemType.MULTIPLE_CHOICE
            if len(choice_ids) > 1 and not is_multiple:
                raise _misfit(mapped, "单项题选了多项")
            if not choice_ids:
                return BLANK
            rule = scheme.multiple_choice if is_multiple else MultipleChoiceRule.ALL_OR_NOTHING
            picked = {mapped.letters[choice_id] for choice_id in choice_ids}
            return outcome_of(choice_share(set(letters), picked, rule), part.points_milli)
        case BlanksKey() as key, BlanksResponse(texts=texts):
            if len(texts) != len(key.blanks):
                raise _misfit(mapped, "填空个数不符")
            if is_empty(response):
                return BLANK
            blanks = tuple(map(normalise_blank, texts))
            share = blanks_share(key, blanks, scheme.fill_blank)
            return outcome_of(share, part.points_milli, blanks=blanks)
        case _, TextResponse() if part.item_type is ItemType.SHORT_ANSWER:
            return BLANK if is_empty(response) else NEEDS_MARKING
    raise _misfit(mapped, "作答类型与题型不符")


def _misfit(mapped: MappedPart, problem: str) -> InputError:
    return InputError(SCORE_MISFIT, f"{problem}（{mapped.part_id}）", part_id=mapped.part_id)
