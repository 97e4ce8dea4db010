"""From responses to results: scoring, marking, ranking, documents.

`scoring`, `marking`, `ranking` and `analysis` are pure functions on values; `archive` is the file
that anybody can recompute the results from, `reporting` makes the documents.
"""

from grading.archive import Archive, decode_archive, encode_archive
from grading.archive_file import read_archive, write_archive
from grading.records import (
    ArchiveCandidate,
    ArchiveSession,
    SegmentHead,
    archive_candidate,
)
from grading.result_model import (
    CandidateResult,
    CutTie,
    PartResult,
    Results,
    results_sha256,
    scores_sha256,
)
from grading.results import build_archive, compute_results, recompute

__all__ = [
    "Archive",
    "ArchiveCandidate",
    "ArchiveSession",
    "CandidateResult",
    "CutTie",
    "PartResult",
    "Results",
    "SegmentHead",
    "archive_candidate",
    "build_archive",
    "compute_results",
    "decode_archive",
    "encode_archive",
    "read_archive",
    "recompute",
    "results_sha256",
    "scores_sha256",
    "write_archive",
]
