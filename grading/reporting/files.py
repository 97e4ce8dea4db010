"""Writes the documents into a folder; all are made before the first one is written."""

from collections.abc import Callable, Mapping
from pathlib import Path

from exam_core.errors import StorageError, declare
from grading.archive_file import write_durably
from grading.reporting.candidate_pdf import score_reports_pdf
from grading.reporting.ranking_pdf import ranking_pdf, team_pdf
from grading.reporting.workbook import results_workbook
from grading.result_model import Results, results_sha256

REPORT_UNWRITTEN = declare(
    "report.unwritten", "成绩文件没有全部写成，请检查目标文件夹的空间和写入权限后再试。"
)

REPORT_FILES: Mapping[str, Callable[[Results, str], bytes]] = {
    "成绩.xlsx": results_workbook,
    "成绩排名.pdf": ranking_pdf,
    "团体排名.pdf": team_pdf,
    "个人成绩单.pdf": score_reports_pdf,
}
"""Every document with the function that makes it from results and digest."""


def write_reports(results: Results, folder: Path) -> tuple[Path, ...]:
    """Write every document; one that cannot be made leaves the folder as it was.

    Returns:
        The files, in the order of REPORT_FILES.

    Raises:
        InputError: `report.missing_glyph`, `report.font`; nothing is written.
        StorageError: `report.unwritten`.
    """
    digest = results_sha256(results)
    documents = {name: make(results, digest) for name, make in REPORT_FILES.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            REPORT_UNWRITTEN, f"建不了文件夹 {folder.name}：{error.strerror}"
        ) from error
    for name, data in documents.items():
        write_durably(folder / name, data, REPORT_UNWRITTEN)
    return tuple(folder / name for name in documents)
