"""Acts of two people on the pages: asked by one, confirmed by another, one line in the log."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from exam_core.model.states import SittingState
from exam_server.store import room as tables
from tests.support.room_pages import WEB_PAGE, Pages
from tests.support.room_world import PASSWORD, RoomWorld

MINUTES = {"minutes": "10", "reason": "停电", "password": PASSWORD}
PAIR_ACTIONS = {"pair_asked", "pair_withdrawn", "room_time_extended"}


@pytest.fixture
def pages(world: RoomWorld) -> Iterator[Pages]:
    """The pages of a room whose sitting runs."""
    one = Pages(world)
    with one.store.transaction() as db:
        sitting = tables.find_sitting(db)
        assert sitting
        sitting.state = str(SittingState.RUNNING)
    clock = one.room.hub.state.clock
    one.room.hub.state.clock = clock.entered(SittingState.RUNNING, one.clock.monotonic_ms())
    yield one
    one.store.close()


def asked(pages: Pages, who: str = "wang", **fields: str) -> dict[str, str]:
    """Ask for ten minutes; the fields by which another one confirms."""
    reply = pages.request("POST", "/pairs/extend", who, form=MINUTES | fields).json()
    return {
        "request_id": reply["request_id"],
        "digest": reply["digest"],
        "password": PASSWORD,
    }


def logged(pages: Pages) -> list[dict[str, Any]]:
    """The lines about acts of two people."""
    lines = [json.loads(line) for line in pages.room.trail.lines()]
    return [line for line in lines if line["action"] in PAIR_ACTIONS]


def test_two_people_give_the_whole_room_more_time(pages: Pages) -> None:
    """The clock has it, the database has it, and one line has both names."""
    before = pages.room.hub.state.clock.duration_ms
    form = asked(pages)
    assert pages.room.hub.state.clock.duration_ms == before

    reply = pages.request("POST", "/pairs/confirm", "zhang", form=form)

    assert reply.json() == {"ok": True}
    assert pages.room.hub.state.clock.duration_ms == before + 600_000
    with pages.store.transaction() as db:
        sitting = tables.find_sitting(db)
        assert sitting
        assert sitting.duration_ms == before + 600_000
    one, other = logged(pages)
    assert (one["action"], one["actors"]) == ("pair_asked", ["wang"])
    assert one["details"]["digest"] == form["digest"]
    assert (other["action"], other["actors"]) == ("room_time_extended", ["wang", "zhang"])
    assert other["details"]["reason"] == "停电"


def test_the_page_shows_what_is_asked_and_who_may_confirm(pages: Pages) -> None:
    """The other one sees all of it with its digest; who asked gets no button."""
    digest = asked(pages)["digest"]

    other = pages.request("GET", "/pairs", "zhang", headers=WEB_PAGE).text
    own = pages.request("GET", "/pairs", "wang", headers=WEB_PAGE).text
    staff = pages.request("GET", "/pairs", "zhao", headers=WEB_PAGE).text

    for page in (other, own, staff):
        assert "停电" in page
        assert digest[:4] in page
    assert "/pairs/confirm" in other
    assert "/pairs/confirm" not in own
    assert "/pairs/confirm" not in staff
    assert 'id="extend-card"' in own
    assert 'id="extend-card"' not in staff


def test_one_alone_extends_nothing(pages: Pages) -> None:
    """Whoever asked, or has another role, or errs in the password, changes no clock."""
    before = pages.room.hub.state.clock.duration_ms
    form = asked(pages)

    for who, change, code in (
        ("wang", {}, "pair.same_person"),
        ("zhao", {}, "pair.role"),
        ("zhang", {"password": "not the password"}, "access.refused"),
        ("zhang", {"digest": "0" * 64}, "pair.changed"),
        ("zhang", {"request_id": "none"}, "pair.gone"),
    ):
        reply = pages.request("POST", "/pairs/confirm", who, form=form | change)
        assert reply.json()["code"] == code

    assert pages.room.hub.state.clock.duration_ms == before
    assert [line["action"] for line in logged(pages)] == ["pair_asked"]


def test_a_withdrawn_request_leaves_a_line(pages: Pages) -> None:
    """And cannot be confirmed; withdrawing it again says nothing more."""
    form = asked(pages)
    for _ in range(2):
        reply = pages.request("POST", "/pairs/withdraw", "zhang", form=form)
        assert reply.json() == {"ok": True}

    reply = pages.request("POST", "/pairs/confirm", "zhang", form=form)
    assert reply.json()["code"] == "pair.gone"
    assert [line["action"] for line in logged(pages)] == ["pair_asked", "pair_withdrawn"]


def test_a_form_goes_back_to_the_page(pages: Pages) -> None:
    """A person in a browser sees the page again."""
    reply = pages.request("POST", "/pairs/extend", "wang", form=MINUTES, headers=WEB_PAGE)

    assert reply.status_code == HTTPStatus.SEE_OTHER
    assert reply.headers["location"] == "/pairs"


def test_more_time_is_asked_for_in_whole_minutes_and_while_it_runs(pages: Pages) -> None:
    """Every wrong field has its code, before anybody else is bothered."""
    for fields, code in (
        ({"minutes": "x"}, "extra_time.range"),
        ({"minutes": "0"}, "extra_time.range"),
        ({"minutes": "121"}, "extra_time.range"),
        ({"reason": ""}, "extra_time.range"),
        ({"password": "wrong"}, "access.refused"),
    ):
        reply = pages.request("POST", "/pairs/extend", "wang", form=MINUTES | fields)
        assert reply.json()["code"] == code
    clock = pages.room.hub.state.clock
    pages.room.hub.state.clock = clock.entered(SittingState.ENDED, pages.clock.monotonic_ms())
    reply = pages.request("POST", "/pairs/extend", "wang", form=MINUTES)
    assert reply.json()["code"] == "sitting.state"
    assert logged(pages) == []


def test_a_sitting_that_ended_meanwhile_gets_no_more_time(pages: Pages) -> None:
    """The database decides when both agreed."""
    form = asked(pages)
    with pages.store.transaction() as db:
        sitting = tables.find_sitting(db)
        assert sitting
        sitting.state = str(SittingState.ENDED)

    reply = pages.request("POST", "/pairs/confirm", "zhang", form=form)

    assert reply.json()["code"] == "sitting.state"
