"""Whatever is in a file up to 64 MB: an answer within 2 s and 256 MB, one of our codes, no trace.

Every reader of the programs meets the files made for it, each file in a process of its own.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile_readers import READERS

CPU_S_MAX = 2.0
RSS_MB_MAX = 256.0


@pytest.mark.parametrize("name", sorted(READERS))
def test_hostile_files_get_a_code_quickly_and_leave_nothing(name: str, tmp_path: Path) -> None:
    """Time is the processor's, since other tests run beside; memory is the process's whole."""
    reader = READERS[name]
    empty = tmp_path / "empty"
    empty.mkdir()
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.hostile_worker", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "TMPDIR": str(empty)},
        cwd=empty,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    wrong = []
    count = 0
    with worker:
        for kind, make in reader.files():
            path = tmp_path / f"hostile{reader.suffix}"
            make(path)
            before = path.stat()
            worker.stdin.write(f"{path}\n")
            worker.stdin.flush()
            said = json.loads(worker.stdout.readline())
            count += 1
            after = path.stat()
            is_refused = said.get("advice") or (reader.reports and "accepted" in said)
            is_bounded = said["cpu_s"] <= CPU_S_MAX and said["rss_mb"] <= RSS_MB_MAX
            is_untouched = (before.st_size, before.st_mtime_ns) == (
                after.st_size,
                after.st_mtime_ns,
            )
            if not (is_refused and is_bounded and is_untouched) or [*empty.iterdir()]:
                wrong.append(f"{kind}: {said}")
            path.unlink()
        worker.stdin.close()

    assert not wrong, "\n".join(wrong)
    print(f"campaign malformed_files {count}")  # noqa: T201  the runner reads it
