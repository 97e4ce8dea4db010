"""The page of the audit logs says what the programs write, neither more nor less."""

import re

import pytest

from exam_server.marking.web.audit import ACTIONS_ZH
from exam_server.room.web.staff import ACTION_TITLES
from tests.support.recorded_actions import ROOT, recorded

PAGE = (ROOT.parent / "docs" / "audit.md").read_text()
SECTIONS = {"room": "The exam room", "grading": "The grading site"}
TITLES = {"room": ACTION_TITLES, "grading": ACTIONS_ZH}


def rows_of(program: str) -> dict[str, tuple[str, set[str]]]:
    """Who acts, and the names of the details, of each action on the page."""
    _, _, below = PAGE.partition(f"## {SECTIONS[program]}\n")
    section, _, _ = below.partition("\n## ")
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|[^|]*\|([^|]*)\|", section, re.MULTILINE)
    assert len({action for action, _, _ in rows}) == len(rows)
    return {action: (who, set(re.findall(r"`(\w+)`", details))) for action, who, details in rows}


@pytest.mark.parametrize("program", SECTIONS)
def test_every_action_is_on_the_page_and_the_reverse(program: str) -> None:
    """A line that the page does not know, or an action that nothing writes, is a fault."""
    assert set(rows_of(program)) == set(recorded(program))


@pytest.mark.parametrize("program", SECTIONS)
def test_details_are_those_that_are_written(program: str) -> None:
    """By name, for each action."""
    page = {action: details for action, (_, details) in rows_of(program).items()}

    assert page == recorded(program)


@pytest.mark.parametrize("program", SECTIONS)
def test_people_have_a_name_for_every_action(program: str) -> None:
    """The page of the log shows no bare code."""
    assert set(rows_of(program)) <= set(TITLES[program])


def test_acts_of_two_people_are_listed() -> None:
    """Whatever the tables call two people's is in the list at the end."""
    _, _, acts = PAGE.partition("## Acts of two people\n")
    marked = {action for action, (who, _) in rows_of("room").items() if "**two**" in who}

    assert marked - {"opening_refused"} <= set(re.findall(r"`(\w+)`", acts))
