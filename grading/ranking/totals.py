"""One candidate's totals: by item type, by domain, and over all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exam_core.model.identifiers import AdmissionNumber
from exam_core.model.items import ItemType
from grading.scoring.paper import FormPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A score beside the points it could have been, in thousandths."""

    score_milli: int = 0
    points_milli: int = 0

    def plus(self, score_milli: int, points_milli: int) -> "Tally":
        """The tally with one more part in it."""
        return Tally(
            score_milli=self.score_milli + score_milli,
            points_milli=self.points_milli + points_milli,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What ranking needs to know of one candidate who was present."""

    admission_number: AdmissionNumber
    total: Tally
    by_domain: Mapping[str, Tally]
    by_type: Mapping[ItemType, Tally]
    working_ms: int


def totals_of(
    admission_number: AdmissionNumber,
    scored: Iterable[tuple[FormPart, int]],
    working_ms: int,
) -> Totals:
    """The totals of one candidate; a case's parts count for the type `case`.

    Args:
        admission_number: Whose.
        scored: Each part of the candidate's form with its score in thousandths.
        working_ms: For the tie-break.
    """
    total = Tally()
    by_domain: dict[str, Tally] = {}
    by_type: dict[ItemType, Tally] = {}
    for form_part, score_milli in scored:
        points_milli = form_part.part.points_milli
        domain, item_type = form_part.item.domain, form_part.item.item_type
        total = total.plus(score_milli, points_milli)
        by_domain[domain] = by_domain.get(domain, Tally()).plus(score_milli, points_milli)
        by_type[item_type] = by_type.get(item_type, Tally()).plus(score_milli, points_milli)
    return Totals(
        admission_number=admission_number,
        total=total,
        by_domain=by_domain,
        by_type=by_type,
        working_ms=working_ms,
    )
