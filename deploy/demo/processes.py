"""Starts our own programs as a person would, waits for what they promise, and ends them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

BIN = Path(sys.executable).parent
READY_S = 30
STOP_S = 15
_A = TypeVar("_A")
_B = TypeVar("_B")


class DemoError(Exception):
    """A program did not do what the demo needs; the message says which and what it said."""


def run(*command: str | Path, stdin: str | None = None) -> str:
    """Run one of our commands to its end and return what it printed.

    Raises:
        DemoError: It ended with another status than 0.
    """
    words = _words(command)
    done = subprocess.run(words, capture_output=True, text=True, input=stdin, check=False)
    if done.returncode:
        message = f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
        raise DemoError(message)
    return done.stdout


@contextlib.contextmanager
def started(
    *command: str | Path, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in the background, its output in `log`; ended at the end of the block."""
    process = start(command, log=log, env=env)
    try:
        yield process
    finally:
        stop(process)


def start(
    command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in the background, its output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            _words(command), stdout=output, stderr=output, env={**os.environ, **(env or {})}
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, and make it end if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def together(first: Callable[[], _A], second: Callable[[], _B]) -> tuple[_A, _B]:
    """Two pieces of work at once, one a core; both results, or the first failure."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        one, other = pool.submit(first), pool.submit(second)
        return one.result(), other.result()


def wait_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    """What a server writes to its ready file once it accepts connections.

    Raises:
        DemoError: It ended, or took longer than READY_S.
    """
    wait_until(
        lambda: ready.exists() or process.poll() is not None, READY_S, f"{ready} did not appear"
    )
    if process.poll() is not None:
        message = f"the server ended at once:\n{log.read_text()[-2000:]}"
        raise DemoError(message)
    facts: dict[str, Any] = json.loads(ready.read_text())
    return facts


def wait_until(holds: Callable[[], bool], within_s: float, complaint: str) -> None:
    """Look until something holds.

    Raises:
        DemoError: It did not hold in time; `complaint` says what is missing.
    """
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            message = f"{complaint} within {within_s:.0f} s"
            raise DemoError(message)
        time.sleep(0.1)


def _words(command: Sequence[str | Path]) -> list[str]:
    program, *arguments = map(str, command)
    ours = BIN / program
    return [str(ours) if ours.exists() else program, *arguments]
