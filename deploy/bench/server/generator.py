"""The load generator: many kiosks in one process, told by JSON lines what to do.

Each line on stdin is `{"do": NAME, …}`: a phase, or something that a crowd does beside. Each is
answered by one line on stdout. Its own limit is measured against the bare server.
Usage: python -m deploy.bench.server.generator PLAN
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from deploy.bench.server import phases
from deploy.bench.server.crowd import Crowd
from deploy.bench.server.open_files import allow_open_files
from deploy.bench.server.plan import read_plan

_PHASES: tuple[Callable[..., Any], ...] = (
    phases.closed_loop,
    phases.expect_begin,
    phases.log_in,
    phases.paced,
    phases.send_all,
    phases.submit,
    phases.wait_begin,
)


def _commands(crowd: Crowd) -> dict[str, Callable[..., Any]]:
    beside = (
        crowd.check,
        crowd.check_measured,
        crowd.connect,
        crowd.disconnect,
        crowd.forget_sent,
        crowd.prepare,
        crowd.prepare_submit,
        crowd.rewind,
    )
    named = {one.__name__: partial(one, crowd) for one in _PHASES}
    return named | {one.__name__: one for one in beside}


async def _obey(crowd: Crowd) -> None:
    commands = _commands(crowd)
    beating = asyncio.create_task(crowd.beat())
    reader = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        words = json.loads(line)
        answer = commands[words.pop("do")](**words)
        if inspect.isawaitable(answer):
            answer = await answer
        sys.stdout.write(json.dumps(answer or {}) + "\n")
        sys.stdout.flush()
    beating.cancel()


def main() -> None:
    """Serve the orchestrator until its end of the pipe is closed."""
    allow_open_files()
    gc.disable()  # nothing here lives shorter than the process
    uvloop.run(_obey(Crowd(read_plan(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
