"""What a run must prove, worked out from the archive and from what the kiosks say."""

from __future__ import annotations

import json
from typing import Any

from deploy.demo.folders import Folders
from exam_client.simulate.knowledge import response_sha256
from grading import Archive


def count_responses(archive: Archive, reports: list[dict[str, Any]]) -> tuple[int, int]:
    """How many responses the kiosks saw acknowledged, and how many of them the archive lacks.

    A response that differs from the acknowledged one counts as lost, and so does one that a
    killed window had called kept and did not have again when it was restarted.
    """
    sessions = {session.admission_number: session for session in archive.sessions}
    acknowledged = lost = 0
    for report in reports:
        session = sessions.get(report["admission_number"])
        held = {} if session is None else session.responses
        for part_id, facts in report["responses"].items():
            acknowledged += 1
            response = held.get(part_id)
            if response is None or response_sha256(response) != facts["response_sha256"]:
                lost += 1
        lost += report.get("lost_at_restart", 0)
    return acknowledged, lost


def receipts_agree(archive: Archive, reports: list[dict[str, Any]]) -> bool:
    """Whether every kiosk's receipt is the one in the archive."""
    receipts = {session.admission_number: session.receipt for session in archive.sessions}
    return all(receipts.get(report["admission_number"]) == report["receipt"] for report in reports)


def write_summary(folders: Folders, facts: dict[str, Any]) -> None:
    """Leave `summary.json`."""
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    (folders.out / "summary.json").write_text(text + "\n")
