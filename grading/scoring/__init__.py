"""What is one response worth by the answer key, exactly and without a person?

Pure functions on values; nothing here reads a file, a clock or a setting.
"""

from grading.scoring.describe import describe_scheme
from grading.scoring.normalise import normalise_blank
from grading.scoring.outcome import (
    RULES_VERSION,
    PartOutcome,
    PartRef,
    PartStatus,
    marked_outcome,
    outcome_of,
    points_text,
    round_half_even,
)
from grading.scoring.paper import FormPart, form_parts
from grading.scoring.parts import score_part

__all__ = [
    "RULES_VERSION",
    "FormPart",
    "PartOutcome",
    "PartRef",
    "PartStatus",
    "describe_scheme",
    "form_parts",
    "marked_outcome",
    "normalise_blank",
    "outcome_of",
    "points_text",
    "round_half_even",
    "score_part",
]
