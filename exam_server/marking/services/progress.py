"""What the lead sees: how far each part is, who marks how much, and how high.

Means say how markers compare, never how a candidate did; they are exact until they are shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exam_server.marking.services.queue import PartProgress, progress_of
from exam_server.marking.site import GradingSite
from exam_server.store import marking as rows
from grading.marking import MarkerId, mark_score_milli


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Marks in force, and their mean in thousandths of a point; no mean of nothing."""

    marked: int
    mean_milli: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFigures:
    """One part: progress, all marks together, and each marker's, in the order of `markers`."""

    progress: PartProgress
    together: Figures
    by_marker: tuple[Figures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadView:
    """The whole of it; `marker_totals` counts each marker's marks over all parts."""

    markers: tuple[MarkerId, ...]
    marker_totals: tuple[int, ...]
    parts: tuple[PartFigures, ...]
    total: int
    marked: int
    rows_given: int


def lead_view(site: GradingSite) -> LeadView:
    """Progress and means of every part and marker.

    Raises:
        StateError: `grading.no_key`.
    """
    paper = site.paper()
    with site.store.transaction() as db:
        counts = rows.place_counts(db)
        in_force = rows.current_marks(db)
        rows_given = rows.mark_count(db)
    markers = sorted({mark.marker_id for _, mark in in_force})
    scores: dict[tuple[int, MarkerId], list[int]] = {}
    for place, mark in in_force:
        score = mark_score_milli(paper.parts[place][2], mark)
        scores.setdefault((place, mark.marker_id), []).append(score)
    parts = []
    for count in counts:
        of_markers = [scores.get((count.place, marker), []) for marker in markers]
        parts.append(
            PartFigures(
                progress=progress_of(paper, count),
                together=_figures(score for group in of_markers for score in group),
                by_marker=tuple(map(_figures, of_markers)),
            )
        )
    return LeadView(
        markers=tuple(markers),
        marker_totals=tuple(_count_of(marker, scores) for marker in markers),
        parts=tuple(parts),
        total=sum(count.total for count in counts),
        marked=sum(count.marked for count in counts),
        rows_given=rows_given,
    )


def _figures(scores: Iterable[int]) -> Figures:
    values: Sequence[int] = list(scores)
    mean = Fraction(sum(values), len(values)) if values else None
    return Figures(marked=len(values), mean_milli=mean)


def _count_of(marker: MarkerId, scores: dict[tuple[int, MarkerId], list[int]]) -> int:
    return sum(len(group) for (_, who), group in scores.items() if who == marker)
