"""Hold the files that can lose or change a mark at 100 % branch coverage.

The list below is part of the review: a file leaves it only with a reason in its place.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PERFECT = (
    "exam_core/formats/",  # every file that carries a paper, an answer or a result
    "exam_core/crypto/",
    "exam_core/keys/",
    "exam_core/model/",
    "exam_core/protocol/",
    "exam_client/journal/",  # what keeps an answer on the kiosk
    # What decides which answer is kept, sent and shown; threads and sockets around it (driver,
    # engine, conversation) are driven by tests/ui, tests/fault and tests/stateful.
    "exam_client/session/answers.py",
    "exam_client/session/attempt.py",
    "exam_client/session/checkpoint_gate.py",  # what a kiosk bears witness of
    "exam_client/session/clock.py",
    "exam_client/session/closing.py",
    "exam_client/session/core.py",
    "exam_client/session/evidence.py",
    "exam_client/session/keeping.py",
    "exam_client/session/order_gate.py",
    "exam_client/session/paper.py",
    "exam_client/session/resume.py",
    "exam_client/session/snapshot.py",
    "exam_client/session/view.py",
    "exam_client/sync/upload.py",
    "exam_client/resume_vault.py",
    "exam_client/package_cache.py",  # what a kiosk takes for the paper
    "exam_server/accounts/pairs.py",  # what two people must agree to
    # What accepts a frame in the room; the writer and the intake are held by tests/stateful/room.
    "exam_server/machine.py",  # what keeps an answer key away from an open sitting
    "exam_server/room/services/opening.py",  # what opens a paper
    "exam_server/room/services/opening_desk.py",
    "exam_server/room/reserve.py",  # what is kept back for answers
    "exam_server/store/log_renewal.py",  # what is trusted after a failed sync
    "exam_server/room/saving/checking.py",
    "exam_server/room/saving/ledger.py",
    "grading/scoring/",  # what turns an answer into a mark
    "grading/marking/",
    "grading/ranking/",  # what turns marks into a rank
    "grading/archive.py",
    "grading/evidence/",  # what refuses a room that lies, and loses no session of one that does not
    "grading/results.py",
    "grading/trace/",  # what names a person
    "paper_builder/publish/keys.py",  # who may sign
    "paper_builder/publish/seal_images.py",
    "paper_builder/assembly/",  # what decides who answers what
)


def main() -> int:
    """Report every line and branch of the listed files that no test reached."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage = [sys.executable, "-m", "coverage"]
        subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, check=False)
        subprocess.run([*coverage, "json", "-q", "-o", str(report)], cwd=ROOT, check=True)
        files = json.loads(report.read_text())["files"]
    listed = {name: data for name, data in files.items() if name.startswith(PERFECT)}
    short = 0
    for name, data in sorted(listed.items()):
        lines = data["missing_lines"]
        branches = data["missing_branches"]
        if lines or branches:
            short += 1
            print(f"{name}: lines {lines} branches {branches}")
    for prefix in PERFECT:
        if not any(name.startswith(prefix) for name in listed):
            short += 1
            print(f"{prefix}: no test touches it")
    print(f"coverage: {len(listed) - short} of {len(listed)} listed files at 100 % of branches")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
