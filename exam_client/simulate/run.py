"""Runs all candidates of a plan at once and reports what each of them had acknowledged.

The report holds digests, never a response: it may lie beside the results.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

from exam_client import limits
from exam_client.config import CLIENT_DISK, DataFolder
from exam_client.journal.files import FileSystem
from exam_client.session import KioskSnapshot, SavedState
from exam_client.simulate.candidate import Kiosk, Progress, SimulatedCandidate
from exam_client.simulate.knowledge import content_sha256, response_sha256, stem_sha256
from exam_client.simulate.plan import SIMULATE_PLAN, Plan
from exam_core.errors import ExamError, InputError, StorageError
from exam_core.formats.canonical import encode_canonical
from exam_core.model.items import Form

_log = logging.getLogger("exam_client.simulate")


def run_plan(plan: Plan, *, base: Path, files: FileSystem, progress: Progress) -> dict[str, Any]:
    """Run the plan to its end, write the report and return it.

    Args:
        plan: What to do.
        base: The folder that the plan's paths are relative to.
        files: How files are written.
        progress: Told of every step of every candidate.

    Raises:
        InputError: `simulate.plan`.
        StorageError: `client.disk`.
    """
    report = asyncio.run(_run_all(plan, base, files, progress))
    try:
        files.replace(base / plan.report, encode_canonical(report))
    except OSError as error:
        raise StorageError(CLIENT_DISK, "模拟报告无法写入", errno=error.errno) from error
    return report


async def _run_all(plan: Plan, base: Path, files: FileSystem, progress: Progress) -> dict[str, Any]:
    try:
        root = files.read(base / plan.root, limits.config_bytes_max)
        centre = files.read(base / plan.centre, limits.config_bytes_max)
    except OSError as error:
        raise InputError(SIMULATE_PLAN, f"无法读取信任根或考点文件：{error.strerror}") from error
    candidates = [
        SimulatedCandidate(
            plan,
            planned,
            kiosk=Kiosk(
                folder=DataFolder(base / (planned.data or f"{plan.data}/{planned.seat_id}")),
                root=root,
                centre=centre,
            ),
            files=files,
            progress=progress,
        )
        for planned in plan.candidates
    ]
    records = await asyncio.gather(*(_run_one(candidate) for candidate in candidates))
    return {"seed": plan.seed, "candidates": records}


async def _run_one(candidate: SimulatedCandidate) -> dict[str, Any]:
    planned = candidate.planned
    record: dict[str, Any] = {
        "seat_id": planned.seat_id,
        "admission_number": planned.admission_number,
        "problem": None,
        "responses": {},
    }
    try:
        return record | acknowledged(await candidate.run())
    except ExamError as error:
        _log.warning("candidate_failed", extra={"seat_id": planned.seat_id, "code": error.code})
        problem = {"code": error.code, "message": error.message, "status": error.exit_status}
        return record | {"problem": problem}


def acknowledged(snapshot: KioskSnapshot) -> dict[str, Any]:
    """What one kiosk can say of its session at its end, and what the server acknowledged of it."""
    return {
        "session_id": snapshot.session_id,
        "receipt": snapshot.receipt,
        "close_reason": snapshot.close_reason,
        "form_number": None if snapshot.form is None else snapshot.form.form_number,
        "reconnects": snapshot.reconnects,
        "unsynced": snapshot.unsynced,
        "responses": {} if snapshot.form is None else _responses(snapshot, snapshot.form),
    }


def _responses(snapshot: KioskSnapshot, form: Form) -> dict[str, Any]:
    """The responses that the server has acknowledged, by part."""
    found: dict[str, Any] = {}
    for item in form.items:
        for part in item.parts:
            response = snapshot.responses.get(part.part_id)
            state = snapshot.saved_parts.get(part.part_id)
            if response is not None and state is SavedState.ON_SERVER:
                found[part.part_id] = {
                    "response_sha256": response_sha256(response),
                    "content_sha256": content_sha256(part, response),
                    "stem_sha256": stem_sha256(item, part),
                }
    return found
