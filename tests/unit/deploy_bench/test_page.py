"""The measured part of docs/performance.md."""

import pytest

from deploy.bench.server.figures import Figure
from deploy.bench.server.page import BEGIN, END, with_tables
from deploy.bench.server.run import CASES, main

_FIGURE = Figure(name="saves", value=7_300, unit="/s", at_least=7_200)


def test_tables_replace_those_before() -> None:
    """What people wrote around the marks stays; what an earlier run wrote goes."""
    page = f"# Title\n{BEGIN}\nold\n{END}\nWords.\n"
    once = with_tables(page, ["Date: today"], [("closed", "Saves", [_FIGURE])])
    assert "old" not in once
    assert once.startswith("# Title\n")
    assert once.endswith("Words.\n")
    assert "| saves | 7,300 /s | ≥ 7,200 /s | ok |" in once
    assert with_tables(once, ["Date: today"], [("closed", "Saves", [_FIGURE])]) == once


def test_a_page_without_a_place_is_refused() -> None:
    """Nothing is written into a page that does not ask for it."""
    with pytest.raises(ValueError, match="no <!-- measured -->"):
        with_tables("# Title\n", [], [])


def test_an_unknown_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped case measures nothing and names none."""
    with pytest.raises(SystemExit) as ended:
        main(["--only", "closd"])
    assert ended.value.code == 2
    assert "no such case: closd" in capsys.readouterr().err


def test_every_case_has_a_name_of_its_own() -> None:
    """`--only` means one case."""
    assert len({case.name for case in CASES}) == len(CASES)
