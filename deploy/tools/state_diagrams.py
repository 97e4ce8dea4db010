"""The state diagrams of `docs/architecture.md`, from the tables in `exam_core.model.states`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from exam_core.model.states import SESSION_TABLE, SITTING_TABLE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
_State = TypeVar("_State", bound=StrEnum)
_Event = TypeVar("_Event", bound=StrEnum)
_BEGIN, _END = "<!-- generated:states -->\n", "<!-- /generated:states -->"


def page_with_diagrams(text: str) -> str:
    """The page with both diagrams between its markers."""
    before, rest = text.split(_BEGIN)
    after = rest.split(_END, 1)[1]
    return (
        before
        + _BEGIN
        + _diagram("Sitting", SITTING_TABLE)
        + _diagram("Session", SESSION_TABLE)
        + _END
        + after
    )


def _diagram(title: str, table: Mapping[tuple[_State, _Event], _State]) -> str:
    start = next(iter(table))[0]
    arrows = "".join(f"    {a} --> {b}: {event}\n" for (a, event), b in table.items())
    return f"### {title}\n```mermaid\nstateDiagram-v2\n    [*] --> {start}\n{arrows}```\n"


def main() -> None:
    """Write the diagrams into the page."""
    PAGE.write_text(page_with_diagrams(PAGE.read_text()))


if __name__ == "__main__":
    main()
