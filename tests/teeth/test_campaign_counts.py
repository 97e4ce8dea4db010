"""What a campaign prints reaches the runner once, however many processes ran the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CAMPAIGN_TEST = "tests/unit/grading/test_trace.py"


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_count_is_written_once(processes: str, tmp_path: Path) -> None:
    """A minimum that is met by counting twice would be no minimum."""
    log = tmp_path / "campaigns"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    command = (sys.executable, "-P", "-m", "pytest", "-q", "-n", processes, CAMPAIGN_TEST)
    subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        env={**environment, "CAMPAIGN_LOG": str(log)},
        stdout=subprocess.DEVNULL,
    )
    assert len(log.read_text().splitlines()) == 1
