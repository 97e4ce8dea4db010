"""From an archive to results: marks, ranks, teams, digest."""

from typing import Any

import msgspec
import pytest

from exam_core.errors import ExamError, InputError, IntegrityError, StateError
from grading import compute_results, recompute, results_sha256, scores_sha256
from grading.marking import PointScores
from grading.ranking import CutLine, RankingPolicy, Tally
from grading.result_model import CandidateResult, Results
from tests.support.refusals import refuses
from tests.unit.grading import archives


def results(*arguments: Any, **fields: Any) -> Results:
    """The results of `archives.archive(...)`."""
    return compute_results(archives.archive(*arguments, **fields))


def row(found: Results, serial: int) -> CandidateResult:
    """One candidate's line."""
    return next(one for one in found.candidates if one.admission_number == archives.number(serial))


def test_worked_example() -> None:
    """7 objective points, 1.5 for the short answer and 1.5 for the case, by type and by domain."""
    one = row(results([archives.session(1)], candidates=1), 1)

    assert one.total == Tally(score_milli=10_000, points_milli=14_000)
    assert {kind: tally.score_milli for kind, tally in one.by_type.items()} == {
        "single_choice": 1000,
        "multiple_choice": 2000,
        "true_false": 1000,
        "fill_blank": 2000,
        "short_answer": 1500,
        "case": 2500,
    }
    assert {domain: tally.score_milli for domain, tally in one.by_domain.items()} == {
        "就业创业": 1000,
        "社会保险": 3500,
        "劳动关系": 3500,
        "人事人才": 2000,
    }
    assert [part.is_marked for part in one.parts] == [False] * 4 + [True, False, True]


def test_form_does_not_matter() -> None:
    """The same choices on another form give the same score."""
    sessions = [archives.session(1, form_number=1), archives.session(2, form_number=2)]

    found = results(sessions, candidates=2)

    assert row(found, 1).total == row(found, 2).total


def test_changed_mark_changes_the_rank() -> None:
    """A second row for a task supersedes the first, and the ranks follow."""
    sessions = [archives.session(1), archives.session(2, {("B0001", 0): "A"})]
    first = archives.marks(sessions)
    before = results(sessions, candidates=2, marks=first)
    own = archives.marks([sessions[1]])
    better = msgspec.structs.replace(
        own[0], sequence=2, judgement=PointScores(scores_milli=(2000, 1500, 0))
    )

    after = results(sessions, candidates=2, marks=[*first, better])

    assert [row(before, serial).rank for serial in (1, 2)] == [1, 2]
    assert [row(after, serial).rank for serial in (1, 2)] == [2, 1]


def test_absent_candidate_has_no_rank() -> None:
    """Who did not come stands last, without rank, and adds nothing to the team."""
    found = results([archives.session(2)], candidates=2)
    last = found.candidates[-1]

    assert (last.rank, last.is_absent, last.working_ms, last.parts) == (None, True, None, ())
    assert found.teams[0].counted == (archives.number(2),)


def test_substitute_is_ranked_but_does_not_count_for_the_team() -> None:
    """The fourth candidate of the builder's team is a substitute."""
    found = results()

    assert row(found, 4).rank == 1
    assert archives.number(4) not in found.teams[0].counted
    assert found.teams[0].total_milli == 30_000


def test_ties_on_cut_lines_are_reported() -> None:
    """Four equal candidates in two equal teams tie across both kinds of cut."""
    policy = RankingPolicy(
        cut_lines=(CutLine(name="知识通", places=2), CutLine(name="参与", places=5)),
        team_cut_lines=(CutLine(name="一等奖", places=1), CutLine(name="奖", places=2)),
    )
    people = [archives.candidate(serial, team=f"队{serial % 2}") for serial in (1, 2, 5, 6)]
    sessions = [archives.session(serial) for serial in (1, 2, 5, 6)]

    found = results(sessions, people=people, policy=policy)

    assert [(tie.cut_line.name, tie.is_team, len(tie.tied)) for tie in found.cut_ties] == [
        ("知识通", False, 4),
        ("一等奖", True, 2),
    ]


def test_unmarked_response_stops_the_results() -> None:
    """No list comes out while a response still waits for a marker; the number is named."""
    with refuses(StateError, "results.unmarked") as caught:
        archives.archive(marks=archives.marks([archives.session(1)]))

    assert caught.value.facts["unmarked"] == 6


@pytest.mark.parametrize(
    ("fields", "family", "code"),
    [
        ({"task_id": "00" * 16}, InputError, "mark.task"),
        ({"sequence": 2}, StateError, "mark.sequence"),
        ({"judgement": PointScores(scores_milli=(9000, 0, 0))}, InputError, "mark.range"),
    ],
)
def test_bad_mark_in_an_archive_is_refused(
    fields: dict[str, Any], family: type[ExamError], code: str
) -> None:
    """Every stored row is checked again when the results are computed."""
    sessions = [archives.session(1)]
    good, rest = archives.marks(sessions)
    rows = [rest, msgspec.structs.replace(good, **fields)]
    if "task_id" in fields:
        rows.append(good)

    with refuses(family, code):
        archives.archive(sessions, candidates=1, marks=rows)


def test_digest_stands_for_scores_and_ranks() -> None:
    """Names change nothing; one choice or one rank more does."""
    sessions = [archives.session(serial) for serial in (1, 2)]
    digest = results_sha256(results(sessions, candidates=2))

    people = [archives.candidate(1, name="某"), archives.candidate(2)]
    renamed = archives.archive(sessions, people=people)
    wrong = [archives.session(1, {("B0003", 0): "B"}), sessions[1]]

    assert renamed.results_sha256 == digest
    assert results_sha256(results(wrong, candidates=2)) != digest
    assert results_sha256(results(sessions, candidates=3)) != digest


def test_the_scores_digest_leaves_times_out() -> None:
    """Somebody who took longer has the same scores; only what decides ties has changed."""
    sessions = [archives.session(1), archives.session(2)]
    slower_ms = sessions[1].working_ms + 1000
    slower = [sessions[0], msgspec.structs.replace(sessions[1], working_ms=slower_ms)]
    first, second = results(sessions, candidates=2), results(slower, candidates=2)

    assert scores_sha256(first) == scores_sha256(second)
    assert results_sha256(first) != results_sha256(second)


def test_recompute_refuses_another_digest() -> None:
    """An archive whose digest is not that of its results stops everything."""
    archive = archives.archive()

    assert recompute(archive) == compute_results(archive)
    with refuses(IntegrityError, "results.digest"):
        recompute(msgspec.structs.replace(archive, results_sha256="00" * 32))
    with refuses(IntegrityError, "results.digest"):
        recompute(msgspec.structs.replace(archive, results_sha256=""))


def test_archive_is_built_without_journal_secrets() -> None:
    """The builder's key has a secret; the archive has none."""
    assert archives.answer_key().journal_secrets
    assert not archives.archive().key.journal_secrets
