"""The scoring rules in Chinese, for every document."""

from exam_core.keys.model import BlankRule, MultipleChoiceRule, ScoringScheme

_MULTIPLE_CHOICE = {
    MultipleChoiceRule.ALL_OR_NOTHING: "多选题：全部选对得满分，少选、多选、错选均不得分。",
    MultipleChoiceRule.HALF_IF_INCOMPLETE: "多选题：全部选对得满分，少选得一半，有错选不得分。",
    MultipleChoiceRule.PER_CHOICE: "多选题：全部选对得满分，少选按选对的比例得分，有错选不得分。",
}
_FILL_BLANK = {
    BlankRule.PER_BLANK: "填空题：各空分值相等，逐空计分。",
    BlankRule.ALL_OR_NOTHING: "填空题：各空全部答对得满分，否则不得分。",
}


def describe_scheme(scheme: ScoringScheme) -> tuple[str, ...]:
    """The scheme, one sentence a line; the names of the rules stand in the archive."""
    return (
        _MULTIPLE_CHOICE[scheme.multiple_choice],
        _FILL_BLANK[scheme.fill_blank],
        "简答题、案例分析题：由阅卷员按采分点给分，不超过题目分值；未作答的得零分。",
        "每题按分数精确计算，取到千分之一分时只舍入一次（四舍六入五取偶）；合计不再舍入。",
    )
