"""Where the server's time goes: py-spy looks at its threads from outside, 200 times a second.

The server is not stopped for it (`--nonblocking`), so a stack is sometimes torn and then left out.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_SAMPLES_A_SECOND = 200

_ROOM = (
    *("catching_up", "core", "course", "deliver", "flags", "grouping", "handing_in", "hub"),
    *("intake", "kiosks", "live", "orders", "repeats", "saving", "services", "steering", "taken"),
    *("timing", "views"),
)

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("looking at kiosks' signatures", ("signature_holds", "room/signatures.py")),
    ("signing acknowledgements and orders", ("acknowledgements.py", "orders.py", "Signer.sign")),
    ("opening frames, chain, entries", ("formats/journal", "saving/ledger.py", "canonical.py")),
    ("TLS", ("ssl.py", "sslproto")),
    (
        "WebSocket and HTTP",
        (
            *("exam_server/websocket.py", "room/web/conversation.py", "kiosk_socket", "wsproto"),
            *("websockets/", "uvicorn/", "starlette/", "httptools", "guarded_http", "doorway"),
        ),
    ),
    ("messages", ("protocol/messages.py",)),
    ("database", ("sqlalchemy/", "store/", "sqlite3", "psycopg")),
    ("audit log", ("accounts/audit", "appended_file.py")),
    ("pages", ("room/web/", "jinja2/")),
    ("the room", tuple(f"room/{name}" for name in _ROOM)),
    ("the loop itself, and what cannot be told", ("",)),
)
"""The innermost frame that belongs to one of these names the part; earlier ones win in a frame."""


@contextmanager
def sampled(pid: int, into: Path) -> Iterator[None]:
    """Look at a process for the length of the block; `into` holds a folded stack a line."""
    command = (
        *(Path(sys.executable).parent / "py-spy", "record", "--pid", pid, "--nonblocking"),
        *("--threads", "--format", "raw", "--rate", _SAMPLES_A_SECOND, "--output", into),
        *("--duration", "unlimited"),
    )
    with subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.send_signal(2)  # as Ctrl-C: it writes what it has


def read_samples(file: Path) -> list[tuple[tuple[str, ...], int]]:
    """Stacks, outermost frame first, each with how often it was seen.

    Empty when py-spy was not let look: it needs root, or the right to trace.
    """
    if not file.exists():
        return []
    samples = []
    for line in file.read_text(errors="replace").split("\n"):
        stack, _, count = line.rpartition(" ")
        if count.isdecimal():  # else the sampler was stopped in the middle of a line
            samples.append((tuple(stack.split(";")), int(count)))
    return samples


def shares(
    samples: Iterable[tuple[tuple[str, ...], int]], *, thread: str
) -> list[tuple[str, float]]:
    """Which share of a thread's samples each part has, largest first; empty without samples."""
    counts: Counter[str] = Counter()
    for stack, count in samples:
        if thread in stack[0]:
            counts[part_of(stack)] += count
    total = counts.total()
    return [(part, count / total) for part, count in counts.most_common()]


def part_of(stack: tuple[str, ...]) -> str:
    """The part that a stack belongs to."""
    for frame in reversed(stack[1:]):
        for name, marks in PARTS[:-1]:
            if any(mark in frame for mark in marks):
                return name
    return PARTS[-1][0]
