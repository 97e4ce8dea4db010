"""Who stands where, by which declared rules?

Pure functions on values; the policy is data, and it is printed wherever ranks are.
"""

from grading.ranking.order import competition_ranks, rank_candidates, ties_across
from grading.ranking.policy import (
    BestMember,
    CutLine,
    DomainPoints,
    RankingPolicy,
    ShorterTime,
    TieBreak,
    TypePoints,
    describe_policy,
)
from grading.ranking.teams import TeamMember, TeamStanding, rank_teams
from grading.ranking.totals import Tally, Totals, totals_of

__all__ = [
    "BestMember",
    "CutLine",
    "DomainPoints",
    "RankingPolicy",
    "ShorterTime",
    "Tally",
    "TeamMember",
    "TeamStanding",
    "TieBreak",
    "Totals",
    "TypePoints",
    "competition_ranks",
    "describe_policy",
    "rank_candidates",
    "rank_teams",
    "ties_across",
    "totals_of",
]
