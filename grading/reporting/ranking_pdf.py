"""The ranked list and the team list as PDF."""

from typing import Any

from reportlab.platypus import Flowable, Spacer

from exam_core.model.items import TITLES_ZH
from grading.ranking.totals import Tally
from grading.reporting.fonts import register_fonts
from grading.reporting.pages import (
    LANDSCAPE,
    PORTRAIT,
    WARNING,
    build_pdf,
    cell,
    lines,
    ruled_table,
)
from grading.reporting.wording import (
    all_scores,
    check_glyphs,
    decimals_of,
    duration_text,
    item_types,
    rule_lines,
    standing_text,
    tie_lines,
)
from grading.result_model import CandidateResult, Results
from grading.scoring.outcome import points_text

_FRAME_WIDTH = {LANDSCAPE: 761.0, PORTRAIT: 515.0}


def ranking_pdf(results: Results, digest: str) -> bytes:
    """The ranked list of all candidates with their points by item type.

    Args:
        results: What to print.
        digest: `results_sha256(results)`.

    Raises:
        InputError: `report.missing_glyph`, `report.font`.
    """
    check_glyphs(results)
    types = item_types(results)
    decimals = decimals_of(all_scores(results))
    head = ["名次", "准考证号", "姓名", "单位", "代表队", "总分"]
    head += [TITLES_ZH[item_type].removesuffix("分析题") for item_type in types]
    head.append("净用时")
    rows: list[list[Any]] = [head]
    for row in results.candidates:
        figures = [""] * (len(types) + 2)
        if not row.is_absent:
            tallies = [row.total, *(row.by_type.get(kind, Tally()) for kind in types)]
            figures = [points_text(tally.score_milli, decimals) for tally in tallies]
            figures.append(duration_text(row.working_ms or 0))
        rows.append([standing_text(row), *_person_cells(row), *figures])
    fixed = [34.0, 66.0, 74.0, 0.0, 90.0, 46.0, *[42.0] * len(types), 58.0]
    fixed[3] = _FRAME_WIDTH[LANDSCAPE] - sum(fixed)
    table = ruled_table(rows, fixed, right_from=5)
    return build_pdf(
        [*_head(results), table],
        title=results.title,
        document_name="成绩排名",
        digest=digest,
        page_size=LANDSCAPE,
    )


def team_pdf(results: Results, digest: str) -> bytes:
    """The team list, with the members whose scores count.

    Args:
        results: What to print.
        digest: `results_sha256(results)`.

    Raises:
        InputError: `report.missing_glyph`, `report.font`.
    """
    check_glyphs(results)
    decimals = decimals_of(all_scores(results))
    by_number = {row.admission_number: row for row in results.candidates}
    rows: list[list[Any]] = [["名次", "代表队", "计入成绩的队员", "人数", "最高分", "团体总分"]]
    for team in results.teams:
        members = "，".join(
            f"{row.name} {points_text(row.total.score_milli, decimals)}"
            for row in map(by_number.__getitem__, team.counted)
        )
        rows.append(
            [
                str(team.rank),
                cell(team.team),
                cell(members or "无"),
                str(team.member_count),
                points_text(team.best_milli, decimals),
                points_text(team.total_milli, decimals),
            ]
        )
    table = ruled_table(rows, [40, 130, 195, 40, 50, 60], right_from=3)
    return build_pdf(
        [*_head(results), table],
        title=results.title,
        document_name="团体排名",
        digest=digest,
        page_size=PORTRAIT,
    )


def _head(results: Results) -> list[Flowable]:
    """The rules, then the ties that somebody must rule on."""
    register_fonts()
    head: list[Flowable] = [*lines(rule_lines(results)), Spacer(0, 6)]
    ties = tie_lines(results)
    if ties:
        head += [*lines(ties, 9, WARNING), Spacer(0, 6)]
    return head


def _person_cells(row: CandidateResult) -> list[Any]:
    name = f"{row.name}（替补）" if row.is_substitute else row.name
    return [cell(row.admission_number), cell(name), cell(row.unit), cell(row.team or "个人")]
