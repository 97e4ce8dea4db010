"""Writes the documents into a folder; all are made before the first one is written."""

from collections.abc import Callable, Mapping
from pathlib import Path

from exam_core.errors import InputError, StorageError, declare
from grading.archive_file import write_durably
from grading.reporting.candidate_pdf import score_reports_pdf
from grading.reporting.ranking_pdf import ranking_pdf, team_pdf
from grading.reporting.workbook import results_workbook
from grading.result_model import Results, results_sha256

REPORT_UNWRITTEN = declare(
    "report.unwritten", "成绩文件没有全部写成，请检查目标文件夹的空间和写入权限后再试。"
)
REPORT_EXISTS = declare(
    "report.exists", "请换一个文件夹，或先移走其中原有的成绩文件；没有写入任何内容。"
)

REPORT_FILES: Mapping[str, Callable[[Results, str], bytes]] = {
    "成绩.xlsx": results_workbook,
    "成绩排名.pdf": ranking_pdf,
    "团体排名.pdf": team_pdf,
    "个人成绩单.pdf": score_reports_pdf,
}
"""Every document with the function that makes it from results and digest."""


def write_reports(results: Results, folder: Path) -> tuple[Path, ...]:
    """Write every document as a new file; on a failure the folder's files are as they were.

    Returns:
        The files, in the order of REPORT_FILES.

    Raises:
        InputError: `report.exists`, `report.missing_glyph`, `report.font`; nothing is written.
        StorageError: `report.unwritten`.
    """
    for name in REPORT_FILES:
        if (folder / name).exists() or (folder / name).is_symlink():
            raise InputError(REPORT_EXISTS, f"{folder / name} 已经存在")
    digest = results_sha256(results)
    documents = {name: make(results, digest) for name, make in REPORT_FILES.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            REPORT_UNWRITTEN, f"建不了文件夹 {folder.name}：{error.strerror}"
        ) from error
    try:
        for name, data in documents.items():
            write_durably(folder / name, data, REPORT_UNWRITTEN)
    except StorageError:
        for name in documents:  # ours alone: none of them was there before
            (folder / name).unlink(missing_ok=True)
        raise
    return tuple(folder / name for name in documents)
