"""One value has one encoding, and a decoder takes no other."""

from typing import Any

import msgspec
import pytest

from exam_core.errors import InputError
from exam_core.formats.canonical import decode_canonical, encode_canonical
from tests.support.refusals import refuses

CODE = "root.malformed"


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A struct whose fields are not declared in the order of their names."""

    text: str
    number: int
    flag: bool
    names: dict[str, int]
    many: tuple[int | str | None, ...] = ()


def sample(**fields: Any) -> Sample:
    """A valid Sample."""
    defaults: dict[str, Any] = {"text": "", "number": 0, "flag": True, "names": {}}
    return Sample(**(defaults | fields))


def decode(data: bytes) -> Sample:
    """Decode as Sample."""
    return decode_canonical(data, Sample, CODE, "样例")


def test_encoding_is_sorted_compact_utf8() -> None:
    """Keys by code point, no spaces, Chinese as it is, controls escaped the short way."""
    value = sample(text='贡院\n\x01"\\/\x7f', names={"乙": 1, "b": 2, "B": 3, "\U00020000": 4})

    wanted = (
        '{"flag":true,"many":[],"names":{"B":3,"b":2,"乙":1,"𠀀":4},"number":0,'
        '"text":"贡院\\n\\u0001\\"\\\\/\x7f"}'
    )
    assert encode_canonical(value) == wanted.encode()
    assert decode(wanted.encode()) == value


GOOD = '{"flag":true,"many":[],"names":{},"number":0,"text":""}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace(":0", ": 0"),
        GOOD.replace(":0", ":0.0"),
        GOOD.replace(":0", ":-0"),
        GOOD.replace(":0", ":0e0"),
        GOOD.replace(":0", ":00"),
        GOOD.replace(":0", ":true"),
        GOOD.replace(":0", ":NaN"),
        GOOD.replace("true", "1"),
        GOOD.replace('"text":""', '"text":"\\u0041"'),
        GOOD.replace('"text":""', '"text":"\\/"'),
        GOOD.replace('"text":""', '"text":"\\ud800"'),
        GOOD.replace('"many":[],', ""),
        GOOD.replace('"flag":true,', '"flag":true,"flag":true,'),
        GOOD.replace('"flag":true,', '"a":1,"flag":true,'),
        '{"many":[],"flag":true,"names":{},"number":0,"text":""}',
        GOOD.replace("{}", '{"b":1,"a":1}'),
        GOOD.replace("{}", '{"a":1,"a":1}'),
        "[" * 100_000,
    ],
)
def test_a_second_encoding_is_refused(text: str) -> None:
    """Everything that JSON allows and we do not write is refused."""
    assert decode(GOOD.encode()) == sample()
    with refuses(InputError, CODE):
        decode(text.encode())


@pytest.mark.parametrize(
    "data", [b"\xff", b'{"text":"\xff"}', GOOD.encode("utf-16"), b"\xef\xbb\xbf{}"]
)
def test_other_character_sets_are_refused(data: bytes) -> None:
    """Only UTF-8 without a byte order mark is read."""
    with refuses(InputError, CODE):
        decode(data)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_integers_of_64_bits_are_taken(number: int) -> None:
    """The ends of the range are inside it, wherever the number stands."""
    value = sample(number=number, names={"a": number}, many=(number, "x", None))

    assert decode(encode_canonical(value)) == value


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_larger_integers_are_refused(number: int) -> None:
    """A number that a database column cannot hold is refused at the border."""
    for value in (sample(number=number), sample(names={"a": number}), sample(many=(number,))):
        with refuses(InputError, CODE):
            decode(encode_canonical(value))


def test_an_endless_integer_is_refused() -> None:
    """A number longer than Python converts is refused like any other."""
    with refuses(InputError, CODE):
        decode(GOOD.replace(":0", ":" + "1" * 100_000).encode())


def test_long_digits_in_a_text_are_no_number() -> None:
    """A candidate may write any digits in a text."""
    value = sample(text='："[12345678901234567890123:99999999999999999999')

    assert decode(encode_canonical(value)) == value
