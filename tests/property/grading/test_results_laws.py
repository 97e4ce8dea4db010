"""Laws of results: totals, order-independence, archives."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_core.errors import InputError, IntegrityError
from exam_core.model.identifiers import AdmissionNumber
from grading import build_archive, compute_results, decode_archive, encode_archive, recompute
from grading.marking import PointScores
from grading.ranking import (
    RankingPolicy,
    TeamMember,
    competition_ranks,
    rank_teams,
    ties_across,
)
from tests.unit.grading import archives

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        ("B0001", 0): st.none() | st.sampled_from("ABCD"),
        ("B0002", 0): st.none() | st.sets(st.sampled_from("ABCDE")).map(sorted),
        ("B0003", 0): st.none() | st.sampled_from("AB"),
        ("B0004", 0): st.none() | st.tuples(*[st.sampled_from(["公平", "就业", ""])] * 2),
        ("B0005", 0): st.none() | st.sampled_from(["  ", "依法"]),
        ("B0006", 1): st.none() | st.sampled_from(["", "二倍工资"]),
    },
)
SITTINGS = st.lists(st.tuples(CHANGES, st.integers(0, 3)), max_size=6)
HALF_POINTS = st.tuples(*[st.integers(0, 2).map(lambda halves: halves * 500)] * 3)
KEYS = st.dictionaries(st.text("abcdefgh", max_size=3), st.tuples(st.integers(0, 3)), max_size=9)


def sessions_of(sitting: list[tuple[dict[Any, Any], int]]) -> list[Any]:
    """Sessions with these changes and working times."""
    return [
        archives.session(serial, changed, working_ms=minutes * 60_000)
        for serial, (changed, minutes) in enumerate(sitting, 1)
    ]


@settings(max_examples=60)
@given(sitting=SITTINGS, scores=st.lists(HALF_POINTS, min_size=1, max_size=4))
def test_totals_are_the_sum_of_the_parts(
    sitting: list[tuple[dict[Any, Any], int]], scores: list[tuple[int, int, int]]
) -> None:
    """By type, by domain and over all, totals are sums of parts and stay within their points."""
    sessions = sessions_of(sitting)
    judgements = [PointScores(scores_milli=score) for score in scores]
    archive = archives.archive(
        sessions, candidates=6, marks=archives.marks(sessions, {"B0005": judgements})
    )

    for row in compute_results(archive).candidates:
        total = sum(part.score_milli for part in row.parts)
        assert row.total.score_milli == total
        assert sum(tally.score_milli for tally in row.by_type.values()) == total
        assert sum(tally.score_milli for tally in row.by_domain.values()) == total
        assert all(0 <= part.score_milli <= part.points_milli for part in row.parts)
        assert row.total.points_milli == (0 if row.is_absent else 14_000)


@settings(max_examples=60)
@given(sitting=SITTINGS, data=st.data())
def test_order_of_input_does_not_matter(
    sitting: list[tuple[dict[Any, Any], int]], data: st.DataObject
) -> None:
    """People, sessions and marks in any order give the same archive and the same results."""
    sessions = sessions_of(sitting)
    archive = archives.archive(sessions, candidates=6)

    shuffled = build_archive(
        title=archive.title,
        centre_ids=archive.centre_ids,
        candidates=data.draw(st.permutations(archive.candidates)),
        sessions=data.draw(st.permutations(archive.sessions)),
        key=archives.answer_key(),
        marks=data.draw(st.permutations(archive.marks)),
        task_salt=archive.task_salt,
        policy=archive.policy,
    )

    assert encode_archive(shuffled) == encode_archive(archive)


@settings(max_examples=40)
@given(sitting=SITTINGS)
def test_archive_repeats_the_results(sitting: list[tuple[dict[Any, Any], int]]) -> None:
    """What is read back gives the results that were written."""
    archive = archives.archive(sessions_of(sitting), candidates=6)

    assert recompute(decode_archive(encode_archive(archive))) == compute_results(archive)


@given(sort_keys=KEYS, places=st.integers(1, 9))
def test_ranks_are_one_more_than_those_ahead(sort_keys: dict[str, tuple[int]], places: int) -> None:
    """A rank counts who is strictly better; a cut tie is exactly the group across the line."""
    ranks = competition_ranks(sort_keys)

    for name, key in sort_keys.items():
        assert ranks[name] == 1 + sum(other < key for other in sort_keys.values())
    tied = ties_across(ranks, places)
    inside = [name for name in ranks if ranks[name] <= places]
    assert (len(inside) > places) == bool(tied)
    assert all(ranks[name] <= places < ranks[name] + len(tied) for name in tied)


@given(
    scores=st.lists(st.none() | st.integers(0, 100), max_size=6),
    best_n=st.integers(1, 5),
)
def test_no_choice_of_members_beats_the_team_score(scores: list[int | None], best_n: int) -> None:
    """The team score is the greatest sum that `team_best_n` members can make."""
    members = [
        TeamMember(
            admission_number=AdmissionNumber(str(place)),
            team="甲",
            score_milli=score,
            is_substitute=False,
        )
        for place, score in enumerate(scores)
    ]

    teams = rank_teams(members, RankingPolicy(team_best_n=best_n))

    best = sorted((score for score in scores if score is not None), reverse=True)[:best_n]
    assert [team.total_milli for team in teams] == [sum(best)] * bool(scores)


@given(data=st.data())
def test_any_truncation_is_refused(data: st.DataObject) -> None:
    """No prefix of an archive is an archive."""
    whole = encode_archive(archives.archive([], candidates=1))
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises((InputError, IntegrityError)):
        decode_archive(whole[:cut])
