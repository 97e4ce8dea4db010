"""The words and figures that the workbook and the PDFs share."""

from collections.abc import Iterable, Iterator

from exam_core.errors import InputError
from exam_core.model.items import TITLES_ZH, ItemType
from grading.ranking.policy import describe_policy
from grading.reporting.fonts import MISSING_GLYPH, missing_characters
from grading.result_model import CandidateResult, CutTie, Results
from grading.scoring.describe import describe_scheme
from grading.scoring.outcome import PartStatus

STATUS_ZH = {
    PartStatus.CORRECT: "正确",
    PartStatus.PARTIAL: "部分得分",
    PartStatus.WRONG: "不得分",
    PartStatus.BLANK: "未作答",
    PartStatus.NEEDS_MARKING: "待评",
}

_DECIMALS_MAX = 3


def rule_lines(results: Results) -> tuple[str, ...]:
    """The policy and the scoring rules, for the head of every document."""
    return (
        *describe_policy(results.policy),
        *describe_scheme(results.scoring),
        f"答案版本：第 {results.key_version} 版。",
    )


def tie_lines(results: Results) -> tuple[str, ...]:
    """Each tie on a cut line, for the organiser to rule on."""
    return tuple(map(_tie_line, results.cut_ties))


def item_types(results: Results) -> tuple[ItemType, ...]:
    """The item types that occur, in the order in which papers group them."""
    present = {item.item_type for item in results.items}
    return tuple(item_type for item_type in TITLES_ZH if item_type in present)


def decimals_of(scores_milli: Iterable[int]) -> int:
    """How many places a column needs so that every score in it is shown exactly, 1 at least."""
    needed = 1
    for score_milli in scores_milli:
        while needed < _DECIMALS_MAX and score_milli % 10 ** (_DECIMALS_MAX - needed):
            needed += 1
    return needed


def all_scores(results: Results) -> Iterator[int]:
    """Every part's score; what shows these exactly shows their sums exactly."""
    for row in results.candidates:
        for part in row.parts:
            yield part.score_milli


def duration_text(duration_ms: int) -> str:
    """Minutes, seconds and thousandths: `61:05.250`; time breaks ties, so nothing is dropped."""
    minutes, rest_ms = divmod(duration_ms, 60_000)
    seconds, thousandths = divmod(rest_ms, 1000)
    return f"{minutes}:{seconds:02}.{thousandths:03}"


def check_glyphs(results: Results) -> None:
    """Refuse to print a list on which somebody's name would have a box in it.

    Raises:
        InputError: `report.missing_glyph` naming the first person and character, and how many
            people there are in all.
    """
    found = [
        (row, what, missing[0])
        for row in results.candidates
        for what, text in (("姓名", row.name), ("单位", row.unit), ("代表队", row.team))
        if (missing := missing_characters(text))
    ]
    if found:
        row, what, character = found[0]
        people = len({other.admission_number for other, _, _ in found})
        raise InputError(
            MISSING_GLYPH,
            f"考生 {row.name}（{row.admission_number}）的{what}中“{character}”"
            f"（U+{ord(character):04X}）没有可用的字体；共 {people} 人有缺字",
            code_point=ord(character),
            people=people,
        )


def standing_text(row: CandidateResult) -> str:
    """The rank for a document: a number, or 缺考."""
    return "缺考" if row.rank is None else str(row.rank)


def _tie_line(tie: CutTie) -> str:
    unit = "队" if tie.is_team else "人"
    names = "、".join(tie.tied)
    return (
        f"{tie.cut_line.name}（{tie.cut_line.places} {'队' if tie.is_team else '名'}）的边界上有 "
        f"{len(tie.tied)} {unit}并列，须由组委会裁定：{names}"
    )
