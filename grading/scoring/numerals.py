"""Chinese numerals to digits: 三十 = 30, 二〇一五 = 2015, 5万 = 50000, 三点五 = 3.5.

Only a run that reads as one number in the formal way is changed; anything else (十四五, 两万五,
which people read as 25,000) stays as it was typed, so that it can equal only itself. Words that
happen to hold numerals change too (统一 becomes 统1), alike in key and response.
"""

import re
from fractions import Fraction

_DIGITS = {
    character: digit
    for digit, characters in enumerate(
        ("零〇", "一壹", "二贰两兩", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
    )
    for character in characters
}
_PLAIN = str.maketrans({character: str(digit) for character, digit in _DIGITS.items()})
_UNITS = str.maketrans({"拾": "十", "佰": "百", "仟": "千", "萬": "万", "億": "亿"})
_HAN = "".join(_DIGITS)

_SEVERAL = re.compile(rf"[{_HAN[2:]}][{_HAN}]")  # 十四五, 四五万: not one number

_POINT = re.compile(rf"(?<=[{_HAN}十百千万亿0-9])点(?=[{_HAN}]+(?![{_HAN}十百千]))")
_RUN = re.compile(rf"[0-9{_HAN}十百千万亿](?:[0-9.{_HAN}十百千万亿]*[0-9{_HAN}十百千万亿])?")

_C = r"([0-9]+(?:\.[0-9]+)?)"
# Below ten thousand. A lone digit right after 百 or 千 needs 零 before it: 一百五 is left alone.
_SMALL = rf"(?:{_C}千)?(?:0?{_C}百)?(?:0?([1-9])?(十)([1-9])?|0([1-9]))?"
_HEAD = re.compile(rf"(?:{_C}|{_SMALL})")
_TAIL = re.compile(rf"0?{_SMALL}")

_LONE_UNITS = {"百": "100", "千": "1000", "万": "10000", "亿": "100000000"}
_RUN_CHARS_MAX = 40  # a longer one is no answer, and costs time
_WAN = 10_000
_YI = 100_000_000


def numerals_to_digits(text: str) -> str:
    """`text` with every run of Chinese numerals that reads as one number written in digits."""
    return _RUN.sub(lambda run: _in_digits(run[0]), _POINT.sub(".", text.translate(_UNITS)))


def decimal_text(value: Fraction) -> str:
    """An exact decimal without trailing zeros; `value` has a denominator of twos and fives only."""
    places = 0
    while value.denominator != 1:
        value *= 10
        places += 1
    digits = str(value.numerator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def _in_digits(run: str) -> str:
    plain = run.translate(_PLAIN)
    if plain in _LONE_UNITS:
        return _LONE_UNITS[plain]
    if not any(unit in plain for unit in "十百千万亿"):
        return plain
    is_number = len(run) <= _RUN_CHARS_MAX and not _SEVERAL.search(run)
    value = _value(plain) if is_number else None
    return run if value is None else decimal_text(value)


def _value(plain: str) -> Fraction | None:
    """The number of a run whose digits are ASCII; None when it does not read as one number."""
    above_yi, has_yi, below_yi = plain.rpartition("亿")
    if not has_yi:
        return _below_yi(plain, is_head=True)
    high, low = _below_yi(above_yi, is_head=True), _below_yi(below_yi, is_head=False)
    return None if high is None or low is None else high * _YI + low


def _below_yi(plain: str, *, is_head: bool) -> Fraction | None:
    above_wan, has_wan, below_wan = plain.partition("万")
    if not has_wan:
        return _small(plain, is_head=is_head)
    above_wan = above_wan if is_head else above_wan.removeprefix("0")
    high, low = _small(above_wan, is_head=True), _small(below_wan, is_head=False)
    if not high or low is None:
        return None
    return high * _WAN + low


def _small(plain: str, *, is_head: bool) -> Fraction | None:
    """A run below ten thousand; behind 万 or 亿 it may be empty or begin with 零."""
    if not is_head:
        found = _TAIL.fullmatch(plain)
        groups = ("", *found.groups()) if found else None
    else:
        found = _HEAD.fullmatch(plain) if plain else None
        groups = found.groups() if found else None
    if groups is None:
        return None
    whole, thousands, hundreds, tens, ten, ones, lone = groups
    if whole:
        return Fraction(whole)
    return (
        Fraction(thousands or 0) * 1000
        + Fraction(hundreds or 0) * 100
        + (Fraction(tens or 1) * 10 if ten else 0)
        + Fraction(ones or lone or 0)
    )
