"""Ranks by a declared chain: exact integers, shared ranks, no hidden tie-break."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, assert_never

from exam_core.model.identifiers import AdmissionNumber
from grading.ranking.policy import DomainPoints, RankingPolicy, ShorterTime, TieBreak, TypePoints
from grading.ranking.totals import Tally, Totals

_NameT = TypeVar("_NameT", bound=str)


def rank_candidates(totals: Iterable[Totals], policy: RankingPolicy) -> dict[AdmissionNumber, int]:
    """The rank of every candidate, in order of rank and then of admission number."""
    return competition_ranks(
        {
            one.admission_number: (
                -one.total.score_milli,
                *(_step_value(one, step) for step in policy.tie_breaks),
            )
            for one in totals
        }
    )


def competition_ranks(sort_keys: Mapping[_NameT, Sequence[int]]) -> dict[_NameT, int]:
    """Standard competition ranks (1, 2, 2, 4), smallest sort key first.

    Returns:
        Ranks in order of rank and then of name; equal keys share a rank.
    """
    ranks: dict[_NameT, int] = {}
    rank, before = 0, None
    ordered = sorted(sort_keys, key=lambda name: (tuple(sort_keys[name]), name))
    for place, name in enumerate(ordered, 1):
        current = tuple(sort_keys[name])
        if current != before:
            rank, before = place, current
        ranks[name] = rank
    return ranks


def ties_across(ranks: Mapping[_NameT, int], places: int) -> tuple[_NameT, ...]:
    """Who shares the rank that lies on both sides of a cut after `places` places, sorted.

    Empty when the cut falls between two ranks, or when there is room for everybody.
    """
    by_place = sorted(ranks.values())
    if places >= len(by_place) or by_place[places - 1] != by_place[places]:
        return ()
    shared = by_place[places]
    return tuple(sorted(name for name, rank in ranks.items() if rank == shared))


def _step_value(one: Totals, step: TieBreak) -> int:
    """Smaller goes first."""
    match step:
        case TypePoints(item_types=item_types):
            return -sum(one.by_type.get(item_type, Tally()).score_milli for item_type in item_types)
        case DomainPoints(domain=domain):
            return -one.by_domain.get(domain, Tally()).score_milli
        case ShorterTime():
            return one.working_ms
        case _:
            assert_never(step)
