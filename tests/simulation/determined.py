"""Takes chance out of a process while an exam is simulated, and lets no error pass unseen."""

import logging
import random
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from exam_client import limits as client_limits
from exam_core.errors import ExamError
from exam_server import limits as server_limits
from tests.simulation.loop import present_process
from tests.simulation.model import Model
from tests.simulation.plan import Fault, Plan

_OF_A_BAD_DISK = frozenset({"resume_not_saved", "resume_keys_not_sealed"})


def rng_of(seed: int, what: str) -> random.Random:
    """What one part of the simulation draws from, so that the others do not disturb it."""
    return random.Random(f"{what} {seed}")  # noqa: S311  repeatable histories, no secret


@contextmanager
def determined(seed: int) -> Iterator[None]:
    """All randomness comes from the seed, until the block ends."""
    rng = rng_of(seed, "secrets")
    random.seed(f"global {seed}")
    with ExitStack() as stack:
        # The exam is a minute long, so a server that comes back waits less before it ends it.
        stack.enter_context(mock.patch.object(server_limits, "return_wait_ms", 3_000))
        # Half of all steps would be a kiosk that looks at its clock; nothing else hangs on it.
        stack.enter_context(mock.patch.object(client_limits, "tick_ms", 500))
        # A group of changes ends by the number of its members alone, not by a real clock.
        stack.enter_context(mock.patch.object(server_limits, "group_work_ms_max", 10**9))
        for name, draw in {
            "token_bytes": lambda size=32: rng.randbytes(size),
            "token_hex": lambda size=32: rng.randbytes(size).hex(),
            "randbelow": rng.randrange,
        }.items():
            stack.enter_context(mock.patch.object(secrets, name, draw))
        yield


class _ErrorsSeen(logging.Handler):
    """Whatever a program logs as an error that is none of ours."""

    def __init__(self, model: Model, plan: Plan) -> None:
        super().__init__(logging.ERROR)
        self._model = model
        self._faults = plan.faults
        self._may_fail = plan.faults & {Fault.SERVER_FULL, Fault.SERVER_FAILED}

    def emit(self, record: logging.LogRecord) -> None:
        process = present_process()
        if process is not None and not process.is_alive:
            return
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ExamError) and self._may_fail:
            self._model.counts[f"logged {error.code}"] += 1
            return
        if record.getMessage() in _OF_A_BAD_DISK and Fault.KIOSK_DISK in self._faults:
            return
        self._model.wrong(f"{record.name} logged {record.getMessage()}: {error!r}")


@contextmanager
def errors_seen(model: Model, plan: Plan) -> Iterator[None]:
    """What the product logs as an error, and nothing that failed explains, is wrong."""
    handler = _ErrorsSeen(model, plan)
    loggers = [logging.getLogger(name) for name in ("exam_server", "exam_client")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
