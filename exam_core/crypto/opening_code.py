"""The opening code: six groups of five digits, each with a check digit, about 80 bits.

Four random digits and a Damm check digit a group: every single wrong digit and every swap of
neighbours inside a group is caught before the slow key derivation, and the wrong group is named.
Source: H. M. Damm, Total anti-symmetrische Quasigruppen (Marburg, 2004), the order-10 table.
"""

import secrets

from exam_core.errors import InputError, declare

CODE_SHAPE = declare(
    "opening.code_shape", "启封码应为 6 组、每组 5 位数字，请按单上的数字重新输入。"
)
CODE_GROUP = declare("opening.code_group", "请重新核对提示的那一组数字，其余各组无需改动。")

GROUPS = 6
GROUP_DIGITS = 5
_BODY_DIGITS = GROUP_DIGITS - 1
NUMBERS = 10 ** (GROUPS * _BODY_DIGITS)
"""How many codes there are."""

_DIGITS = "0123456789"
_FULL_WIDTH = str.maketrans("０１２３４５６７８９", _DIGITS)
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def generate_code() -> str:
    """Draw a code from the system's randomness, written in groups with a space between."""
    return write_code(secrets.randbelow(NUMBERS))


def write_code(number: int) -> str:
    """The code of a number from 0 to below `NUMBERS`, with its check digits."""
    digits = f"{number:0{GROUPS * _BODY_DIGITS}d}"
    bodies = (digits[at : at + _BODY_DIGITS] for at in range(0, len(digits), _BODY_DIGITS))
    return " ".join(body + str(_damm(body)) for body in bodies)


def group_is_valid(group: str) -> bool:
    """Whether a group has five digits and its check digit fits."""
    is_digits = group.isascii() and group.isdecimal()
    return len(group) == GROUP_DIGITS and is_digits and _damm(group) == 0


def parse_code(text: str, name: str = "启封码") -> str:
    """The code in its one written form, however it was spaced or dashed.

    Full-width digits count as digits; those of other scripts do not. `name` says in the refusal
    which code it is about.

    Raises:
        InputError: `opening.code_shape`, or `opening.code_group` naming the wrong groups.
    """
    plain = text.translate(_FULL_WIDTH)
    digits = "".join(char for char in plain if char in _DIGITS)
    others = set(plain) - set(_DIGITS)
    if len(digits) != GROUPS * GROUP_DIGITS or not others <= set(" -–—－\t\r\n\u3000"):
        raise InputError(CODE_SHAPE, f"{name}应有 {GROUPS * GROUP_DIGITS} 位数字")
    groups = [digits[at : at + GROUP_DIGITS] for at in range(0, len(digits), GROUP_DIGITS)]
    wrong = [number for number, group in enumerate(groups, 1) if not group_is_valid(group)]
    if wrong:
        names = "、".join(str(number) for number in wrong)
        raise InputError(CODE_GROUP, f"{name}第 {names} 组有误", groups=wrong)
    return " ".join(groups)


def _damm(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim
