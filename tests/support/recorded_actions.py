"""Which lines the programs write into their logs, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

from exam_core.formats.audit_log import CHECKPOINT_TAKEN
from exam_core.model.states import SittingEvent
from exam_server.room.web.pair_acts import EXTEND

ROOT = Path(__file__).resolve().parents[2] / "exam_server"
FOLDERS = {
    "room": ("room", "accounts", "web"),
    "grading": ("marking", "accounts"),
}
"""Where each program's lines are written; what lies in `accounts` both of them write."""

_FIELDS = frozenset({"actors", "role", "subject", None})
_NAMED = {"CHECKPOINT_TAKEN": CHECKPOINT_TAKEN, "EXTEND": EXTEND}
_EVENTS = (SittingEvent.START, SittingEvent.HOLD, SittingEvent.RESUME, SittingEvent.END)
"""What `sitting_{event}` can become: a paper is opened by `paper_opened`, closed by the export."""


def recorded(program: str) -> dict[str, set[str]]:
    """The names of the details of each action that this program records."""
    found: dict[str, set[str]] = {}
    for folder in FOLDERS[program]:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for action, details in _calls(ast.parse(path.read_text())):
                found.setdefault(action, set()).update(details)
    return found


def _calls(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        parts: list[ast.expr] = [node.func, *node.args]
        for place, part in enumerate(parts[:-1]):
            is_record = isinstance(part, ast.Attribute) and part.attr in {"record", "_record"}
            if is_record:
                details = {str(one.arg) for one in node.keywords if one.arg not in _FIELDS}
                for action in _actions(parts[place + 1]):
                    yield action, details


def _actions(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(action)):
            yield action
        case ast.IfExp(body=one, orelse=other):
            yield from (*_actions(one), *_actions(other))
        case ast.Name(id=name) if name in _NAMED:
            yield _NAMED[name]
        case ast.JoinedStr(values=[ast.Constant(value=str(lead)), ast.FormattedValue()]):
            yield from (f"{lead}{event}" for event in _EVENTS)
        case _:
            pass  # another thing's `record`, such as a response on the kiosk
