"""Simulated candidates: what a plan may say, what they know, what they do."""

import json
from pathlib import Path
from typing import Any

import pytest

from exam_client.simulate.knowledge import (
    content_sha256,
    known_responses,
    response_sha256,
    stem_sha256,
)
from exam_client.simulate.plan import Knowledge, read_plan
from exam_client.simulate.script import Answer, Flag, make_script
from exam_core.errors import InputError
from exam_core.model.identifiers import ChoiceId, PartId
from exam_core.model.items import Form, Item, ItemType
from exam_core.model.responses import BlanksResponse, ChoiceResponse, Response, TextResponse
from tests.support import builders
from tests.support.kiosk_room import knowledge, long_form
from tests.support.refusals import refuses

FORM = long_form(1, 60)
KNOWN = tuple(Knowledge(**piece) for piece in knowledge(60))


def _item(name: str, stem: str, letters: str = "ABCD", **fields: Any) -> Item:
    choices = tuple(
        builders.choice(letter, choice_id=ChoiceId(f"{name}-{letter}")) for letter in letters
    )
    part = builders.part(f"{name}.1", stem=stem, choices=choices)
    return builders.item(name, parts=(part,), **fields)


def _form(*items: Item) -> Form:
    return builders.form(items=items)


def test_texts_become_the_ids_of_this_form() -> None:
    """Every part of six types gets its response in the ids of the form at hand."""
    form = builders.form()
    pieces = (
        Knowledge(stem="下列哪一项正确（i1.1）", pick=("选项B",)),
        Knowledge(stem="下列哪一项正确（i2.1）", pick=("选项A", "选项C")),
        Knowledge(stem="下列哪一项正确（i4.1）", blanks=("答",)),
        Knowledge(stem="下列哪一项正确（i6.2）", text="因为"),
    )

    responses = known_responses(form, pieces)

    assert responses == {
        PartId("i1.1"): ChoiceResponse(choice_ids=(ChoiceId("i1.1-B"),)),
        PartId("i2.1"): ChoiceResponse(choice_ids=(ChoiceId("i2.1-A"), ChoiceId("i2.1-C"))),
        PartId("i4.1"): BlanksResponse(texts=("答",)),
        PartId("i6.2"): TextResponse(text="因为"),
    }


def test_parts_with_one_stem_are_told_apart() -> None:
    """Of two items with one stem each gets what fits its choices; the fuller piece holds."""
    form = _form(_item("i1", "同一题干", "ABC"), _item("i2", "同一题干", "ABCD"))
    pieces = (
        Knowledge(stem="同一题干", pick=("选项D",)),
        Knowledge(stem="同一题干", pick=("选项A",), choices=("选项C", "选项B", "选项A")),
    )

    responses = known_responses(form, pieces)

    assert responses == {
        PartId("i1.1"): ChoiceResponse(choice_ids=(ChoiceId("i1-A"),)),
        PartId("i2.1"): ChoiceResponse(choice_ids=(ChoiceId("i2-D"),)),
    }


def test_material_tells_parts_of_cases_apart() -> None:
    """Knowledge of one case does not answer the same question of another."""
    case = builders.item("i1", item_type=ItemType.CASE)
    stem = case.parts[1].stem
    form = _form(case)

    assert known_responses(form, (Knowledge(stem=stem, material="另案", text="答"),)) == {}
    same = Knowledge(stem=stem, material=case.material, text="答")
    assert list(known_responses(form, (same,))) == [case.parts[1].part_id]


def test_knowledge_of_the_wrong_kind_is_not_used() -> None:
    """Blanks do not answer a choice, text does not answer blanks."""
    form = builders.form()

    wrong = (
        Knowledge(stem="下列哪一项正确（i1.1）", blanks=("甲",)),
        Knowledge(stem="下列哪一项正确（i1.1）", text="甲"),
        Knowledge(stem="下列哪一项正确（i4.1）", text="甲"),
        Knowledge(stem="下列哪一项正确（i5.1）", pick=()),
    )

    assert known_responses(form, wrong) == {}


def test_knowledge_that_is_no_response_is_refused() -> None:
    """Two picks for a single choice are refused, not sent."""
    piece = Knowledge(stem="下列哪一项正确（i1.1）", pick=("选项A", "选项B"))

    with refuses(InputError, "response.misfit"):
        known_responses(builders.form(), (piece,))


def test_names_do_not_depend_on_the_form() -> None:
    """Shuffled choices with other ids give the same names; other texts give others."""
    one, two = _item("i1", "题干", "ABCD"), _item("i9", "题干", "DCBA")
    first, second = one.parts[0], two.parts[0]
    a, b = (
        ChoiceResponse(choice_ids=(ChoiceId("i1-A"), ChoiceId("i1-B"))),
        ChoiceResponse(choice_ids=(ChoiceId("i9-B"), ChoiceId("i9-A"))),
    )

    assert stem_sha256(one, first) == stem_sha256(two, second)
    assert content_sha256(first, a) == content_sha256(second, b)
    assert response_sha256(a) != response_sha256(b)
    blanks = BlanksResponse(texts=("甲",))
    text = TextResponse(text="甲")
    assert content_sha256(first, blanks) != content_sha256(first, text)


def test_a_script_ends_with_what_is_known() -> None:
    """Whatever the order, second thoughts and pieces: the last response of each part is known."""
    known = known_responses(FORM, KNOWN)

    steps = make_script(FORM, known, seed="7")

    last: dict[PartId, Response] = {}
    for step in steps:
        if isinstance(step, Answer):
            last[step.part_id] = step.response
    assert last == known
    assert sum(isinstance(step, Answer) and step.is_last for step in steps) == len(known)
    flags = [step for step in steps if isinstance(step, Flag)]
    assert {step.is_flagged for step in flags} == {True, False}
    changed = [step for step in steps if isinstance(step, Answer) and not step.is_last]
    assert changed


def test_the_same_seed_gives_the_same_script() -> None:
    """A script is a function of form, knowledge and seed."""
    known = known_responses(FORM, KNOWN)

    assert make_script(FORM, known, seed="7") == make_script(FORM, known, seed="7")
    assert make_script(FORM, known, seed="7") != make_script(FORM, known, seed="8")


def test_second_thoughts_differ_from_what_is_known() -> None:
    """What is given first is another response, where there is another to give."""
    form = builders.form()
    empty: dict[PartId, Response] = {
        PartId("i4.1"): BlanksResponse(texts=("",)),
        PartId("i5.1"): TextResponse(text=""),
        PartId("i1.1"): ChoiceResponse(choice_ids=(ChoiceId("i1.1-A"),)),
    }
    for seed in range(60):
        for step in make_script(form, empty, seed=str(seed)):
            if isinstance(step, Answer):
                assert step.is_last == (step.response == empty[step.part_id])


def _plan(**changes: Any) -> dict[str, Any]:
    candidate = {
        "seat_id": "A01",
        "admission_number": "20260001",
        "id_number": builders.id_number(1),
        "room_code": "123456",
    }
    plan: dict[str, Any] = {
        "kiosk_url": "https://x",
        "console_url": "https://x",
        "root": "root.json",
        "centre": "centre.signed",
        "report": "report.json",
        "candidates": [candidate | changes.pop("candidate", {})],
    }
    return plan | changes


def _written(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(content)
    return path


def test_a_plan_is_read_with_its_defaults(tmp_path: Path) -> None:
    """What is left out has a default."""
    plan = read_plan(_written(tmp_path, json.dumps(_plan())))

    assert plan.data == "kiosks"
    assert plan.candidates[0].think_ms == (200, 800)
    assert plan.candidates[0].submit


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        json.dumps(_plan(candidates=[])),
        json.dumps(_plan(candidates=_plan()["candidates"] * 2)),
        json.dumps(_plan(surprise=1)),
        json.dumps(_plan(candidate={"think_ms": [5, 1]})),
        json.dumps(_plan(candidate={"knowledge": [{"stem": "题"}]})),
    ],
)
def test_a_wrong_plan_is_refused(tmp_path: Path, content: str) -> None:
    """A plan that cannot be meant so is refused with advice."""
    with refuses(InputError, "simulate.plan"):
        read_plan(_written(tmp_path, content))


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    """A plan that is not there is refused, not a traceback."""
    with refuses(InputError, "simulate.plan"):
        read_plan(tmp_path / "none.json")
