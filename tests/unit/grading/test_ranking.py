"""Ranks and team scores by declared rules."""

from typing import Any

import pytest

from exam_core.errors import InputError
from exam_core.model.identifiers import AdmissionNumber
from exam_core.model.items import ItemType
from grading import limits
from grading.ranking import (
    CutLine,
    DomainPoints,
    RankingPolicy,
    ShorterTime,
    Tally,
    TeamMember,
    TeamStanding,
    Totals,
    TypePoints,
    competition_ranks,
    describe_policy,
    rank_candidates,
    rank_teams,
    ties_across,
)
from tests.support.refusals import refuses

NOTHING_BREAKS = RankingPolicy(tie_breaks=(), team_tie_breaks=())


def totals(
    name: str,
    score_milli: int = 0,
    *,
    by_type: dict[ItemType, int] | None = None,
    by_domain: dict[str, int] | None = None,
    working_ms: int = 0,
) -> Totals:
    """One candidate with these scores."""
    return Totals(
        admission_number=AdmissionNumber(name),
        total=Tally(score_milli=score_milli, points_milli=100_000),
        by_domain={key: Tally(score_milli=score) for key, score in (by_domain or {}).items()},
        by_type={key: Tally(score_milli=score) for key, score in (by_type or {}).items()},
        working_ms=working_ms,
    )


def member(name: str, score_milli: int | None, team: str = "甲", **fields: Any) -> TeamMember:
    """One person of a team."""
    return TeamMember(
        admission_number=AdmissionNumber(name),
        team=team,
        score_milli=score_milli,
        is_substitute=fields.get("is_substitute", False),
    )


def standing(*members: TeamMember, policy: RankingPolicy | None = None) -> list[TeamStanding]:
    """The team list."""
    return list(rank_teams(members, policy or RankingPolicy()))


def test_shared_ranks_skip_the_next() -> None:
    """Standard competition ranking: 1, 2, 2, 4."""
    people = [totals("d", 1), totals("b", 5), totals("c", 5), totals("a", 9)]

    assert rank_candidates(people, NOTHING_BREAKS) == {"a": 1, "b": 2, "c": 2, "d": 4}


@pytest.mark.parametrize(
    "ahead",
    [
        totals("z", 50, by_type={ItemType.CASE: 2, ItemType.SHORT_ANSWER: 2}, working_ms=9),
        totals("z", 50, by_type={ItemType.CASE: 3, ItemType.FILL_BLANK: 1}, working_ms=9),
        totals("z", 50, by_type={ItemType.CASE: 3, ItemType.MULTIPLE_CHOICE: 1}, working_ms=9),
        totals("z", 50, by_type={ItemType.CASE: 3}, working_ms=1),
    ],
)
def test_default_chain_step_by_step(ahead: Totals) -> None:
    """Written points, then blanks, then multiple choice, then the shorter time."""
    other = totals("a", 50, by_type={ItemType.SHORT_ANSWER: 3}, working_ms=8)

    assert rank_candidates([other, ahead], RankingPolicy()) == {"z": 1, "a": 2}


def test_chain_stops_at_the_first_difference() -> None:
    """More blanks do not outweigh fewer written points."""
    one = totals("a", 50, by_type={ItemType.CASE: 4})
    other = totals("b", 50, by_type={ItemType.CASE: 3, ItemType.FILL_BLANK: 9})

    assert rank_candidates([other, one], RankingPolicy()) == {"a": 1, "b": 2}


def test_domain_can_break_a_tie() -> None:
    """A contest may declare a domain as its tie-break."""
    policy = RankingPolicy(tie_breaks=(DomainPoints(domain="社会保险"),))
    people = [totals("a", 50), totals("b", 50, by_domain={"社会保险": 1})]

    assert rank_candidates(people, policy) == {"b": 1, "a": 2}


@pytest.mark.parametrize(
    ("places", "tied"),
    [(1, ()), (2, ("b", "c")), (3, ()), (4, ()), (9, ())],
)
def test_tie_on_a_cut_line_is_listed(places: int, tied: tuple[str, ...]) -> None:
    """Only a cut that falls inside a shared rank is reported, with everybody who shares it."""
    ranks = competition_ranks({"a": (1,), "b": (2,), "c": (2,), "d": (3,)})

    assert ties_across(ranks, places) == tied


def test_nobody_to_rank() -> None:
    """No candidates, no ranks, no ties."""
    assert rank_candidates([], RankingPolicy()) == {}
    assert ties_across({}, 1) == ()


def test_team_score_is_the_best_three() -> None:
    """The fourth score does not count, and equal ones are taken by admission number."""
    team = standing(member("d", 5), member("a", 5), member("b", 9), member("c", 5))[0]

    assert (team.total_milli, team.best_milli, team.counted) == (19, 9, ("b", "a", "c"))
    assert team.member_count == 4


def test_substitutes_and_absent_members_do_not_count() -> None:
    """A team of fewer counts as it is; one of none has nothing."""
    found = standing(
        member("a", 5),
        member("b", 9, is_substitute=True),
        member("c", None),
        member("d", None, team="乙"),
    )

    assert [(team.team, team.rank, team.total_milli) for team in found] == [
        ("甲", 1, 5),
        ("乙", 2, 0),
    ]
    assert found[1].counted == ()


def test_team_tie_goes_to_the_best_single_score() -> None:
    """Equal sums are told apart by the best member, then the rank is shared."""
    members = [member("a", 6, "甲"), member("b", 4, "甲"), member("c", 7, "乙")]
    members += [member("d", 3, "乙"), member("e", 7, "丙"), member("f", 3, "丙")]

    broken = {team.team: team.rank for team in standing(*members)}
    shared = {team.team: team.rank for team in standing(*members, policy=NOTHING_BREAKS)}

    assert broken == {"丙": 1, "乙": 1, "甲": 3}
    assert set(shared.values()) == {1}


def test_people_without_a_team_are_in_no_team_list() -> None:
    """An empty team name is not a team."""
    assert standing(member("a", 5, team="")) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: RankingPolicy(team_best_n=0),
        lambda: RankingPolicy(tie_breaks=(ShorterTime(),) * (limits.tie_breaks_max + 1)),
        lambda: RankingPolicy(cut_lines=(CutLine(name="奖", places=1),) * 51),
        lambda: RankingPolicy(team_tie_breaks=RankingPolicy().team_tie_breaks * 2),
        lambda: TypePoints(item_types=()),
        lambda: TypePoints(item_types=(ItemType.CASE, ItemType.CASE)),
        lambda: CutLine(name="", places=1),
        lambda: CutLine(name="奖", places=0),
    ],
)
def test_malformed_policy_is_refused(make: Any) -> None:
    """A policy that says nothing, or too much, is refused before anybody is ranked."""
    with refuses(InputError, "policy.malformed"):
        make()


def test_policy_is_described_in_full() -> None:
    """Every step and every cut line of the policy is on the documents."""
    policy = RankingPolicy(
        tie_breaks=(*RankingPolicy().tie_breaks, DomainPoints(domain="社会保险")),
        cut_lines=(CutLine(name="知识通", places=20),),
        team_cut_lines=(CutLine(name="一等奖", places=1),),
    )

    text = "".join(describe_policy(policy))

    for words in ("案例分析题、简答题", "填空题", "多选题", "净作答用时短者", "“社会保险”", "3 名"):
        assert words in text
    assert "知识通 20 名，一等奖 1 队" in text
    assert "依次比较" not in "".join(describe_policy(NOTHING_BREAKS))
    assert "最高个人成绩" not in "".join(describe_policy(NOTHING_BREAKS))
