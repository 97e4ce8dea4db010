"""A response fits its part or is refused."""

import pytest

from exam_core import limits
from exam_core.errors import InputError
from exam_core.model.identifiers import ChoiceId
from exam_core.model.items import ItemType
from exam_core.model.responses import (
    BlanksResponse,
    ChoiceResponse,
    Response,
    TextResponse,
    check_fits,
    is_empty,
)
from tests.support.builders import part
from tests.support.refusals import refuses


def picked(*names: str) -> ChoiceResponse:
    """A response that picks these choices."""
    return ChoiceResponse(choice_ids=tuple(ChoiceId(name) for name in names))


@pytest.mark.parametrize(
    ("response", "empty"),
    [
        (picked(), True),
        (picked("p1-A"), False),
        (BlanksResponse(texts=("", " \u3000\n")), True),
        (BlanksResponse(texts=("", "公平")), False),
        (TextResponse(text=" \t\u3000"), True),
        (TextResponse(text="答"), False),
    ],
)
def test_white_space_alone_is_empty(response: Response, empty: bool) -> None:
    """Nothing but white space, also the Chinese kind, counts as nothing given."""
    assert is_empty(response) is empty


@pytest.mark.parametrize(
    ("item_type", "response"),
    [
        (ItemType.SINGLE_CHOICE, picked()),
        (ItemType.SINGLE_CHOICE, picked("p1-D")),
        (ItemType.MULTIPLE_CHOICE, picked("p1-C", "p1-A")),
        (ItemType.TRUE_FALSE, picked("p1-B")),
        (ItemType.FILL_BLANK, BlanksResponse(texts=("字" * limits.blank_text_chars_max,))),
        (ItemType.SHORT_ANSWER, TextResponse(text="字" * limits.response_text_chars_max)),
    ],
)
def test_honest_responses_fit(item_type: ItemType, response: Response) -> None:
    """What a kiosk can produce, up to the limits, is accepted."""
    check_fits(part(item_type=item_type), response)


@pytest.mark.parametrize(
    ("item_type", "response"),
    [
        (ItemType.SHORT_ANSWER, picked("p1-A")),
        (ItemType.FILL_BLANK, picked()),
        (ItemType.MULTIPLE_CHOICE, picked("p1-A", "p1-A")),
        (ItemType.SINGLE_CHOICE, picked("p2-A")),
        (ItemType.SINGLE_CHOICE, picked("p1-A", "p1-B")),
        (ItemType.TRUE_FALSE, picked("p1-A", "p1-B")),
        (ItemType.SINGLE_CHOICE, BlanksResponse(texts=("甲",))),
        (ItemType.FILL_BLANK, BlanksResponse(texts=())),
        (ItemType.FILL_BLANK, BlanksResponse(texts=("甲", "乙"))),
        (ItemType.FILL_BLANK, BlanksResponse(texts=("字" * (limits.blank_text_chars_max + 1),))),
        (ItemType.FILL_BLANK, TextResponse(text="甲")),
        (ItemType.SHORT_ANSWER, TextResponse(text="字" * (limits.response_text_chars_max + 1))),
    ],
)
def test_misfits_are_refused(item_type: ItemType, response: Response) -> None:
    """A response that no honest kiosk gives is refused and names the part."""
    with refuses(InputError, "response.misfit") as caught:
        check_fits(part(item_type=item_type), response)
    assert caught.value.facts == {"part_id": "p1"}
