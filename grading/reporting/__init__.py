"""How do results become documents?

One workbook and three PDFs in Chinese, each with the rules and the digest on it; fonts are
embedded and a missing character is refused by name.
"""

from grading.reporting.candidate_pdf import score_reports_pdf
from grading.reporting.files import REPORT_FILES, write_reports
from grading.reporting.fonts import (
    Run,
    main_font,
    missing_characters,
    paragraph_markup,
    paragraph_style,
    register_fonts,
    split_runs,
    text_width,
)
from grading.reporting.ranking_pdf import ranking_pdf, team_pdf
from grading.reporting.workbook import results_workbook

__all__ = [
    "REPORT_FILES",
    "Run",
    "main_font",
    "missing_characters",
    "paragraph_markup",
    "paragraph_style",
    "ranking_pdf",
    "register_fonts",
    "results_workbook",
    "score_reports_pdf",
    "split_runs",
    "team_pdf",
    "text_width",
    "write_reports",
]
