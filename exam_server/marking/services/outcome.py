"""From rows to results: the archive, the documents, and what the results pages show.

All figures are `grading`'s; the archive built here is what anybody else can repeat them from.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exam_core.errors import InputError, StateError, declare
from exam_core.formats.results_content import (
    Counts,
)
from exam_core.model.identifiers import CentreId
from exam_server.marking.site import GradingSite
from exam_server.store import marking as rows
from grading.archive import Archive, encode_archive
from grading.archive_file import write_archive
from grading.reporting import REPORT_FILES, write_reports
from grading.result_model import CandidateResult, Results, results_sha256
from grading.results import build_archive, compute_results

RESULTS_NONE = declare("results.none", "请先用 grade import-results 导入考点的结果包。")
CANDIDATE_UNKNOWN = declare("candidate.unknown", "没有这个准考证号，请从成绩列表中点选。")
EXPORT_UNKNOWN = declare("export.unknown", "没有这种导出文件，请从成绩页面的按钮导出。")

ARCHIVE_NAME = "成绩档案.examarchive"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCentre:
    """One centre, and the counts of its bundle; None before it came.

    `findings` is what did not hold of it and two leads let through.
    """

    centre_id: CentreId
    name: str
    counts: Counts | None
    sequence: int
    findings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the site stands; `key_version` is 0 while there is no answer key."""

    title: str
    key_version: int
    centres: tuple[ImportedCentre, ...]
    total: int
    marked: int


class Outcome:
    """Results of the present marks, computed once for each state; safe for several threads."""

    def __init__(self, site: GradingSite) -> None:
        self._site = site
        self._turn = threading.Lock()
        self._last: tuple[object, Archive, Results] | None = None

    def standing(self) -> Standing:
        """What came in and how far the marking is."""
        with self._site.store.transaction() as db:
            has_key = rows.answer_key(db) is not None
            bundles = rows.bundles(db)
            centres = rows.centres(db)
            counts = rows.place_counts(db)
        key = self._site.paper().key if has_key else None
        return Standing(
            title=key.title if key else "",
            key_version=key.key_version if key else 0,
            centres=tuple(
                ImportedCentre(
                    centre_id=centre_id,
                    name=centre.name,
                    counts=bundles[centre_id].manifest.counts if centre_id in bundles else None,
                    sequence=bundles[centre_id].manifest.sequence if centre_id in bundles else 0,
                    findings=bundles[centre_id].findings if centre_id in bundles else "",
                )
                for centre_id, centre in centres.items()
            ),
            total=sum(count.total for count in counts),
            marked=sum(count.marked for count in counts),
        )

    def results(self) -> Results:
        """The results.

        Raises:
            StateError: `grading.no_key`, `results.none`, `results.unmarked` with how many.
        """
        return self._current()[1]

    def candidate(self, admission_number: str) -> CandidateResult:
        """One line of the results.

        Raises:
            InputError: `candidate.unknown`.
            StateError: As `results`.
        """
        for row in self.results().candidates:
            if row.admission_number == admission_number:
                return row
        raise InputError(CANDIDATE_UNKNOWN, "没有这个准考证号")

    def document(self, name: str, *, actor: str) -> bytes:
        """A document of REPORT_FILES by its file name, or the archive as ARCHIVE_NAME.

        Raises:
            InputError: `export.unknown`, `report.*`.
            StateError: As `results`.
        """
        make: Callable[[Results, str], bytes] | None = REPORT_FILES.get(name)
        if make is None and name != ARCHIVE_NAME:
            raise InputError(EXPORT_UNKNOWN, "没有这种导出文件")
        archive, results = self._current()
        digest = results_sha256(results)
        data = make(results, digest) if make else encode_archive(archive)
        self._record(actor, name, digest)
        return data

    def write_archive(self, path: Path, *, actor: str) -> str:
        """Write the archive; durable when this returns.

        Returns:
            The digest of the scores.

        Raises:
            StateError: As `results`.
            StorageError: `archive.unwritten`.
        """
        archive, results = self._current()
        write_archive(path, archive)
        digest = results_sha256(results)
        self._record(actor, path.name, digest)
        return digest

    def write_reports(self, folder: Path, *, actor: str) -> tuple[Path, ...]:
        """Write every document into a folder, all or none.

        Raises:
            InputError: `report.*`.
            StateError: As `results`.
            StorageError: `report.unwritten`.
        """
        results = self.results()
        files = write_reports(results, folder)
        self._record(actor, "reports", results_sha256(results))
        return files

    def _current(self) -> tuple[Archive, Results]:
        key = self._site.paper().key
        with self._turn:
            with self._site.store.transaction() as db:
                task_salt, policy = rows.site(db)
                bundles = rows.bundles(db)
                if not bundles:
                    raise StateError(RESULTS_NONE, "还没有导入任何考点的结果")
                state = (
                    key.key_version,
                    tuple((one.manifest.sequence, one.file_sha256) for one in bundles.values()),
                    rows.mark_count(db),
                )
                if self._last is not None and self._last[0] == state:
                    return self._last[1], self._last[2]
                people, handed_in = rows.candidates(db), rows.sessions(db)
                marks = rows.marks(db)
            archive = build_archive(
                title=key.title,
                centre_ids=bundles,
                candidates=people,
                sessions=handed_in,
                key=key,
                marks=marks,
                task_salt=task_salt,
                policy=policy,
            )
            results = compute_results(archive)
            self._last = (state, archive, results)
            return archive, results

    def _record(self, actor: str, name: str, digest: str) -> None:
        self._site.audit.record(
            "results_exported", actors=(actor,), subject=name, results_sha256=digest
        )
