"""A process of `exam-server` is the room or the grading site, never both."""

import subprocess
import sys

import pytest

_LIST_MODULES = """
import sys
from exam_server.cli import main
try:
    main()
except SystemExit as end:
    print(*sys.modules, sep="\\n", file=sys.stderr)
    sys.exit(end.code)
"""


def modules_of(*arguments: str) -> set[str]:
    """The modules that a fresh process has loaded when the command has ended well."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST_MODULES, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("command", "own", "strange"),
    [
        (
            ("serve", "--help"),
            "exam_server.room.web.kiosk_socket",
            ("grading", "exam_core.keys", "exam_server.marking", "exam_server.store.marking"),
        ),
        (
            ("grade", "serve", "--help"),
            "exam_server.marking.web.application",
            ("exam_server.room", "exam_server.store.room"),
        ),
    ],
    ids=["room", "grading site"],
)
def test_a_process_loads_one_program_alone(
    command: tuple[str, ...], own: str, strange: tuple[str, ...]
) -> None:
    """The room's process cannot know an answer key: the code that reads one is not in it."""
    loaded = modules_of(*command)

    assert own in loaded, "the whole program was loaded"
    assert not {name for name in loaded if f"{name}.".startswith(tuple(f"{s}." for s in strange))}
