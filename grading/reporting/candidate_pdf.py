"""The score report: one page for each candidate, score by item type and by domain."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from reportlab.platypus import Flowable, PageBreak, Spacer, Table

from exam_core.model.items import TITLES_ZH
from grading.ranking.totals import Tally
from grading.reporting.pages import (
    ACCENT,
    FAINT,
    INK,
    PORTRAIT,
    RULE,
    build_pdf,
    cell,
    draw_text,
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
)
from grading.result_model import CandidateResult, Results
from grading.scoring.outcome import points_text, round_half_even

_WIDTHS = (165.0, 65.0, 65.0, 65.0, 155.0)


def score_reports_pdf(results: Results, digest: str) -> bytes:
    """The score reports of everybody on the list, in order of rank, one page each.

    Args:
        results: What to print.
        digest: `results_sha256(results)`.

    Raises:
        InputError: `report.missing_glyph`, `report.font`.
    """
    check_glyphs(results)
    decimals = decimals_of(all_scores(results))
    story: list[Flowable] = []
    for row in results.candidates:
        story += [*_page(results, row, decimals), PageBreak()]
    return build_pdf(
        story[:-1],
        title=results.title,
        document_name="个人成绩单",
        digest=digest,
        page_size=PORTRAIT,
    )


def _page(results: Results, row: CandidateResult, decimals: int) -> list[Flowable]:
    ranked = sum(other.rank is not None for other in results.candidates)
    page: list[Flowable] = [_person(row), Spacer(0, 14)]
    if row.is_absent:
        return [*page, *lines(["本场考试缺考，没有成绩。"], 12, INK)]
    page += [
        _Headline(row, ranked, decimals),
        Spacer(0, 14),
        _table(
            "题型",
            ((TITLES_ZH[kind], row.by_type.get(kind, Tally())) for kind in item_types(results)),
            decimals,
        ),
        Spacer(0, 14),
        _table(
            "领域",
            ((domain, row.by_domain.get(domain, Tally())) for domain in results.domains),
            decimals,
        ),
        Spacer(0, 16),
        *lines(rule_lines(results), 8),
    ]
    return page


def _person(row: CandidateResult) -> Table:
    team = f"{row.team or '个人'}{'（替补）' if row.is_substitute else ''}"
    pairs = (
        ("姓名", row.name, "准考证号", str(row.admission_number)),
        ("单位", row.unit, "代表队", team),
    )
    rows = [
        [cell(text, 10, textColor=INK if place % 2 else FAINT) for place, text in enumerate(texts)]
        for texts in pairs
    ]
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
        ("LINEABOVE", (0, 0), (-1, 0), 0.4, RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
    ]
    return Table(rows, colWidths=[55, 215, 65, 180], style=style, hAlign="LEFT")


def _table(kind: str, tallies: Iterable[tuple[str, Tally]], decimals: int) -> Table:
    rows: list[list[Any]] = [[kind, "得分", "满分", "得分率", ""]]
    rows += [
        [
            cell(name),
            points_text(tally.score_milli, decimals),
            points_text(tally.points_milli, decimals),
            _rate_text(tally),
            _Bar(tally),
        ]
        for name, tally in tallies
    ]
    return ruled_table(rows, _WIDTHS, right_from=1, extra=[("ALIGN", (0, 0), (0, 0), "LEFT")])


def _rate_text(tally: Tally) -> str:
    if not tally.points_milli:
        return "—"
    rate = round_half_even(Fraction(tally.score_milli * 1000, tally.points_milli))
    return f"{rate // 10}.{rate % 10}%"


class _Headline(Flowable):  # type: ignore[misc]  # reportlab has no types
    """The total in large figures, with rank and time beside it."""

    def __init__(self, row: CandidateResult, ranked: int, decimals: int) -> None:
        super().__init__()
        self.width, self.height = sum(_WIDTHS), 56
        total = row.total
        self._texts = (
            ("总分", points_text(total.score_milli, decimals)),
            ("满分", points_text(total.points_milli, decimals)),
            ("名次", f"{row.rank} / {ranked}"),
            ("净用时", duration_text(row.working_ms or 0)),
        )

    def draw(self) -> None:
        """Draw four columns of label and figure."""
        for column, (label, figure) in enumerate(self._texts):
            x = column * self.width / len(self._texts) + 6
            draw_text(self.canv, x, 40, label, 9, FAINT)
            draw_text(self.canv, x, 12, figure, 21 if column else 26, INK if column else ACCENT)


class _Bar(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A bar as long as the share of the points that was reached."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.width, self.height = _WIDTHS[-1] - 12, 7
        self._share = tally.score_milli / tally.points_milli if tally.points_milli else 0

    def draw(self) -> None:
        """Draw the whole in grey and the share over it."""
        self.canv.setFillColor(RULE)
        self.canv.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        self.canv.setFillColor(ACCENT)
        self.canv.rect(0, 0, self.width * self._share, self.height, stroke=0, fill=1)
