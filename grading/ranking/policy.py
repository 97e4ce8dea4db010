"""The ranking policy: data that is fixed before marking and printed on every document."""

from typing import TypeAlias, assert_never

import msgspec

from exam_core.errors import InputError, declare
from exam_core.model.items import TITLES_ZH, ItemType
from grading import limits

POLICY_MALFORMED = declare("policy.malformed", "排名规则不合规定，请修改规则后再计算成绩。")


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the values in a policy."""


class TypePoints(_Value, frozen=True, kw_only=True, tag="type_points"):
    """More points in these item types together go first."""

    item_types: tuple[ItemType, ...]

    def __post_init__(self) -> None:
        if not self.item_types or len(set(self.item_types)) != len(self.item_types):
            raise InputError(POLICY_MALFORMED, "同分规则的题型为空或重复")


class DomainPoints(_Value, frozen=True, kw_only=True, tag="domain_points"):
    """More points in this domain go first."""

    domain: str


class ShorterTime(_Value, frozen=True, kw_only=True, tag="shorter_time"):
    """The shorter net working time goes first."""


TieBreak: TypeAlias = TypePoints | DomainPoints | ShorterTime


class BestMember(_Value, frozen=True, kw_only=True, tag="best_member"):
    """The team with the best single score goes first."""


class CutLine(_Value, frozen=True, kw_only=True):
    """A number of places that somebody will count on; ties across it are listed, not broken."""

    name: str
    places: int

    def __post_init__(self) -> None:
        if self.places < 1 or not 1 <= len(self.name) <= limits.cut_line_name_chars_max:
            raise InputError(POLICY_MALFORMED, "分数线的名称或名额不对")


class RankingPolicy(_Value, frozen=True, kw_only=True):
    """How candidates and teams are ranked.

    `tie_breaks` are tried in order; who is still equal after the last shares the rank, and the
    next rank is skipped (1, 2, 2, 4). A team's score is the sum of its `team_best_n` best scores;
    substitutes do not count.
    """

    tie_breaks: tuple[TieBreak, ...] = (
        TypePoints(item_types=(ItemType.CASE, ItemType.SHORT_ANSWER)),
        TypePoints(item_types=(ItemType.FILL_BLANK,)),
        TypePoints(item_types=(ItemType.MULTIPLE_CHOICE,)),
        ShorterTime(),
    )
    team_best_n: int = 3
    team_tie_breaks: tuple[BestMember, ...] = (BestMember(),)
    cut_lines: tuple[CutLine, ...] = ()
    team_cut_lines: tuple[CutLine, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.team_best_n <= limits.team_best_n_max:
            raise InputError(POLICY_MALFORMED, "团体计分人数超出范围")
        if len(self.tie_breaks) > limits.tie_breaks_max or len(self.team_tie_breaks) > 1:
            raise InputError(POLICY_MALFORMED, "同分规则过多")
        if max(len(self.cut_lines), len(self.team_cut_lines)) > limits.cut_lines_max:
            raise InputError(POLICY_MALFORMED, "分数线过多")


def describe_policy(policy: RankingPolicy) -> tuple[str, ...]:
    """The policy in Chinese, one sentence a line, for every document."""
    steps = [_describe(step) for step in policy.tie_breaks]
    chain = f"总分相同的，依次比较：{'；'.join(steps)}；" if steps else "总分相同的，"
    lines = [
        f"个人排名：按总分从高到低。{chain}仍相同的名次并列，其后名次顺延空出。",
        f"团体排名：取队内最好的 {policy.team_best_n} 名正式队员成绩之和（不足的按实有人数计，"
        "替补不计）。"
        + ("总分相同的，队内最高个人成绩高者在前；" if policy.team_tie_breaks else "总分相同的，")
        + "仍相同的名次并列。",
    ]
    cuts = [f"{cut.name} {cut.places} 名" for cut in policy.cut_lines]
    cuts += [f"{cut.name} {cut.places} 队" for cut in policy.team_cut_lines]
    if cuts:
        lines.append(f"名额：{'，'.join(cuts)}。名额边界上的并列只列出，不自动裁定。")
    return tuple(lines)


def _describe(step: TieBreak) -> str:
    match step:
        case TypePoints(item_types=item_types):
            titles = "、".join(TITLES_ZH[item_type] for item_type in item_types)
            return f"{titles}得分高者在前"
        case DomainPoints(domain=domain):
            return f"“{domain}”领域得分高者在前"
        case ShorterTime():
            return "净作答用时短者在前"
        case _:
            assert_never(step)
