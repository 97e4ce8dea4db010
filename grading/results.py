"""From an archive to the results: one function, deterministic, the same on every machine."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from exam_core.errors import IntegrityError, declare
from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import AdmissionNumber, BankItemId, CentreId
from grading.analysis.items import statistics_of_items
from grading.archive import Archive
from grading.final_scores import FinalScores, final_scores
from grading.marking.model import Mark
from grading.ranking.order import rank_candidates, ties_across
from grading.ranking.policy import RankingPolicy
from grading.ranking.teams import TeamMember, rank_teams
from grading.ranking.totals import Tally
from grading.records import ArchiveCandidate, ArchiveSession
from grading.result_model import CandidateResult, CutTie, Results, results_sha256
from grading.scoring.outcome import RULES_VERSION

RESULTS_DIGEST = declare(
    "results.digest", "重算的成绩与档案记载不符，停止公布并保留此文件，请监督组核查。"
)


def compute_results(archive: Archive) -> Results:
    """The results that follow from an archive; the same archive always gives the same ones.

    Raises:
        StateError: `results.unmarked` when a response still waits for a marker; `mark.sequence`.
        InputError: `score.misfit`, `mark.range`, `mark.step`, `mark.points`, `mark.task`.
    """
    scores = final_scores(archive)
    ranks = rank_candidates((one.totals for one in scores.values()), archive.policy)
    candidates = sorted(
        (
            _candidate_result(
                person, ranks.get(person.admission_number), scores.get(person.admission_number)
            )
            for person in archive.candidates
        ),
        key=lambda row: (row.rank is None, row.rank or 0, row.admission_number),
    )
    teams = rank_teams(map(_team_member, candidates), archive.policy)
    team_ranks = {team.team: team.rank for team in teams}
    return Results(
        title=archive.title,
        paper_id=archive.key.paper_id,
        key_version=archive.key.key_version,
        scoring=archive.key.scoring,
        policy=archive.policy,
        domains=tuple(dict.fromkeys(item.domain for item in archive.key.items)),
        candidates=tuple(candidates),
        teams=teams,
        items=statistics_of_items(archive.key.items, _item_scores(candidates)),
        cut_ties=tuple(_cut_ties(archive.policy, ranks, team_ranks)),
    )


def recompute(archive: Archive) -> Results:
    """The results of an archive, once they are the ones it was written with.

    Raises:
        IntegrityError: `results.digest`.
        InputError: See `compute_results`.
        StateError: See `compute_results`.
    """
    results = compute_results(archive)
    digest = results_sha256(results)
    if digest != archive.results_sha256:
        raise IntegrityError(
            RESULTS_DIGEST,
            f"重算的成绩摘要是 {digest}，档案记载的是 {archive.results_sha256 or '空'}",
            computed=digest,
            stored=archive.results_sha256,
        )
    return results


def build_archive(
    *,
    title: str,
    centre_ids: Iterable[CentreId],
    candidates: Iterable[ArchiveCandidate],
    sessions: Iterable[ArchiveSession],
    key: AnswerKey,
    marks: Iterable[Mark],
    task_salt: str,
    policy: RankingPolicy,
) -> Archive:
    """A complete archive: sorted, without the journals' secrets, with its results digest.

    Raises:
        InputError: `archive.malformed`, or as `compute_results`.
        StateError: As `compute_results`.
    """
    archive = Archive(
        rules_version=RULES_VERSION,
        title=title,
        centre_ids=tuple(sorted(centre_ids)),
        candidates=tuple(sorted(candidates, key=lambda person: person.admission_number)),
        sessions=tuple(sorted(sessions, key=lambda session: session.admission_number)),
        key=msgspec.structs.replace(key, journal_secrets={}),
        task_salt=task_salt,
        marks=tuple(sorted(marks, key=lambda mark: (mark.task_id, mark.sequence))),
        policy=policy,
    )
    digest = results_sha256(compute_results(archive))
    return msgspec.structs.replace(archive, results_sha256=digest)


def _candidate_result(
    person: ArchiveCandidate, rank: int | None, scores: FinalScores | None
) -> CandidateResult:
    return CandidateResult(
        rank=rank,
        admission_number=person.admission_number,
        name=person.name,
        unit=person.unit,
        team=person.team,
        centre_id=person.centre_id,
        is_substitute=person.is_substitute,
        is_absent=scores is None,
        total=scores.totals.total if scores else Tally(),
        by_domain=scores.totals.by_domain if scores else {},
        by_type=scores.totals.by_type if scores else {},
        working_ms=scores.totals.working_ms if scores else None,
        parts=scores.parts if scores else (),
    )


def _team_member(row: CandidateResult) -> TeamMember:
    return TeamMember(
        admission_number=row.admission_number,
        team=row.team,
        score_milli=None if row.is_absent else row.total.score_milli,
        is_substitute=row.is_substitute,
    )


def _item_scores(candidates: Sequence[CandidateResult]) -> Iterator[tuple[BankItemId, int]]:
    """The score of every item of everybody present: a case's parts together."""
    for row in candidates:
        sums: dict[BankItemId, int] = {}
        for part in row.parts:
            item = part.ref.bank_item_id
            sums[item] = sums.get(item, 0) + part.score_milli
        yield from sums.items()


def _cut_ties(
    policy: RankingPolicy, ranks: Mapping[AdmissionNumber, int], team_ranks: Mapping[str, int]
) -> Iterator[CutTie]:
    for cut_line in policy.cut_lines:
        if tied := ties_across(ranks, cut_line.places):
            yield CutTie(cut_line=cut_line, is_team=False, tied=tied)
    for cut_line in policy.team_cut_lines:
        if teams := ties_across(team_ranks, cut_line.places):
            yield CutTie(cut_line=cut_line, is_team=True, tied=teams)
