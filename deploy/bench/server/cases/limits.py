"""What the machine itself allows: syncs, SQLite, signatures, in this run."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from deploy.bench.server.bench import Bench
from deploy.bench.server.figures import Figure, number
from exam_core.crypto.signing import Signer, generate_signing_key, signature_holds

ROW_BYTES = 328  # a frame whose entry has 200 bytes
_BATCHES = (1, 10, 100, 1_000)
_SECONDS = 0.5


def measure_limits(bench: Bench) -> list[Figure]:
    """Raw log with fdatasync, SQLite's executemany, Ed25519: what nothing above them can pass."""
    seconds = bench.seconds(_SECONDS)
    signer = Signer(generate_signing_key())
    signature = signer.sign(bytes(200))
    return [
        _by_batch("raw log, rows a second, synced", bench.folder, seconds, _raw_log),
        _by_batch("SQLite (WAL, FULL), rows a second", bench.folder, seconds, _sqlite),
        Figure(
            name="Ed25519 checks a second, one core",
            value=_rate(lambda: signature_holds(bytes(200), signature, signer.public_key), seconds),
            unit="/s",
            beside=f"signatures made: {number(_rate(lambda: signer.sign(bytes(200)), seconds))}/s",
        ),
    ]


def _by_batch(
    name: str,
    folder: Path,
    seconds: float,
    opened: Callable[[Path, int], AbstractContextManager[Callable[[], object]]],
) -> Figure:
    rates = []
    for size in _BATCHES:
        with opened(folder / f"limit-{opened.__name__}-{size}", size) as commit:
            rates.append(size * _rate(commit, seconds))
    told = ", ".join(f"{size}: {number(rate)}" for size, rate in zip(_BATCHES, rates, strict=True))
    return Figure(name=f"{name}, 100 a commit", value=rates[2], unit="/s", beside=f"by rows {told}")


def _rate(work: Callable[[], object], seconds: float) -> float:
    began, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds or not count:
        work()
        count += 1
    return count / passed if passed else 0.0


@contextmanager
def _raw_log(file: Path, size: int) -> Iterator[Callable[[], object]]:
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    rows = os.urandom(ROW_BYTES * size)

    def commit() -> None:
        os.write(descriptor, rows)
        os.fdatasync(descriptor)

    yield commit
    os.close(descriptor)


@contextmanager
def _sqlite(file: Path, size: int) -> Iterator[Callable[[], object]]:
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE frame (number INTEGER PRIMARY KEY, segment INT, frame BLOB)")
    rows = [(1, os.urandom(ROW_BYTES)) for _ in range(size)]

    def commit() -> None:
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO frame (segment, frame) VALUES (?, ?)", rows)
        database.execute("COMMIT")

    yield commit
    database.close()
