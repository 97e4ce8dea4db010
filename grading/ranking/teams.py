"""Team scores: the sum of the best members' scores."""

from collections.abc import Iterable
from dataclasses import dataclass

from exam_core.model.identifiers import AdmissionNumber
from grading.ranking.order import competition_ranks
from grading.ranking.policy import RankingPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMember:
    """One person of a team; `score_milli` is None for one who was absent."""

    admission_number: AdmissionNumber
    team: str
    score_milli: int | None
    is_substitute: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamStanding:
    """One team's place.

    `counted` are the members whose scores make up the total, best first, equal ones by admission
    number. `best_milli` is the best single score among them, 0 when there is none.
    """

    rank: int
    team: str
    total_milli: int
    best_milli: int
    counted: tuple[AdmissionNumber, ...]
    member_count: int


def rank_teams(members: Iterable[TeamMember], policy: RankingPolicy) -> tuple[TeamStanding, ...]:
    """The teams in order of rank and then of name; people without a team are left out."""
    teams: dict[str, list[TeamMember]] = {}
    for member in members:
        if member.team:
            teams.setdefault(member.team, []).append(member)
    best = {team: _best(group, policy.team_best_n) for team, group in teams.items()}
    sums = {team: sum(score for score, _ in scores) for team, scores in best.items()}
    tops = {team: scores[0][0] if scores else 0 for team, scores in best.items()}
    ranks = competition_ranks(
        {team: (-sums[team], *(-tops[team] for _ in policy.team_tie_breaks)) for team in teams}
    )
    return tuple(
        TeamStanding(
            rank=rank,
            team=team,
            total_milli=sums[team],
            best_milli=tops[team],
            counted=tuple(number for _, number in best[team]),
            member_count=len(teams[team]),
        )
        for team, rank in ranks.items()
    )


def _best(group: Iterable[TeamMember], best_n: int) -> list[tuple[int, AdmissionNumber]]:
    scored = [
        (member.score_milli, member.admission_number)
        for member in group
        if member.score_milli is not None and not member.is_substitute
    ]
    return sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:best_n]
