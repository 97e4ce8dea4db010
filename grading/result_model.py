"""The results as values, and the digest that stands for them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import ScoringScheme
from exam_core.model.identifiers import AdmissionNumber, CentreId, PaperId
from exam_core.model.items import ItemType
from grading.analysis.items import ItemStatistics
from grading.ranking.policy import CutLine, RankingPolicy
from grading.ranking.teams import TeamStanding
from grading.ranking.totals import Tally
from grading.scoring.outcome import PartRef, PartStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PartResult:
    """One part of one candidate; `is_marked` says that a person gave the score."""

    ref: PartRef
    item_type: ItemType
    status: PartStatus
    score_milli: int
    points_milli: int
    is_marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateResult:
    """One line of the ranked list.

    A candidate who was absent has no rank, no time, no parts, and a total of 0 of 0. `parts` are
    in the order of the answer key's items, alike for all forms.
    """

    rank: int | None
    admission_number: AdmissionNumber
    name: str
    unit: str
    team: str
    centre_id: CentreId
    is_substitute: bool
    is_absent: bool
    total: Tally
    by_domain: Mapping[str, Tally]
    by_type: Mapping[ItemType, Tally]
    working_ms: int | None
    parts: tuple[PartResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutTie:
    """A cut line that falls inside a shared rank: somebody must decide; names in `tied`."""

    cut_line: CutLine
    is_team: bool
    tied: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that the documents print.

    `candidates` are in order of rank and then of admission number, absent ones last; `domains`
    in the order of their first item in the answer key.
    """

    title: str
    paper_id: PaperId
    key_version: int
    scoring: ScoringScheme
    policy: RankingPolicy
    domains: tuple[str, ...]
    candidates: tuple[CandidateResult, ...]
    teams: tuple[TeamStanding, ...]
    items: tuple[ItemStatistics, ...]
    cut_ties: tuple[CutTie, ...]


def scores_sha256(results: Results) -> str:
    """The digest of all scores alone, in hex: the same where only times and so tied ranks differ.

    SHA-256 of the canonical encoding of a sorted list, one `[admission number, bank item id,
    part index, score_milli]` for each part.
    """
    return hashlib.sha256(encode_canonical(_score_rows(results))).hexdigest()


def results_sha256(results: Results) -> str:
    """The digest of all scores and ranks, in hex: equal digests mean equal results.

    SHA-256 of the canonical encoding of an object with three sorted lists: `scores`, one
    `[admission number, bank item id, part index, score_milli]` for each part; `ranks`, one
    `[admission number, rank or null]`; `team_ranks`, one `[team, rank, total_milli]`.
    """
    statement = {
        "scores": _score_rows(results),
        "ranks": [
            [row.admission_number, row.rank]
            for row in sorted(results.candidates, key=lambda row: row.admission_number)
        ],
        "team_ranks": sorted([row.team, row.rank, row.total_milli] for row in results.teams),
    }
    return hashlib.sha256(encode_canonical(statement)).hexdigest()


def _score_rows(results: Results) -> list[list[str | int]]:
    return sorted(
        [row.admission_number, part.ref.bank_item_id, part.ref.part_index, part.score_milli]
        for row in results.candidates
        for part in row.parts
    )
