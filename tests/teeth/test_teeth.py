"""The tests notice what they are for: each known fault, put back, turns a test red.

A fault that stands nowhere any more, or that breaks the program so that no test runs, counts as
not noticed: only a test that ran and failed does.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.teeth.faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
_TESTS_FAILED = 1
_RED = re.compile(r"^FAILED (\S+)", re.MULTILINE)


def run_with(fault: Fault, name: str) -> subprocess.CompletedProcess[str]:
    """The tests of a fault in a process of their own; an empty name puts no fault in."""
    environment = {key: value for key, value in os.environ.items() if key != "CAMPAIGN_LOG"}
    quiet = ("-q", "-x", "-rf", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.teeth.plugin", *quiet, *fault.tests],
        cwd=ROOT,
        env={**environment, "FAULT": name, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_known_fault_turns_a_test_red(fault: Fault) -> None:
    """At least one of the tests that the fault names runs and fails."""
    began = time.monotonic()

    done = run_with(fault, fault.name)

    red = _RED.search(done.stdout)
    assert done.returncode == _TESTS_FAILED, done.stdout[-2000:] + done.stderr[-2000:]
    assert red is not None, done.stdout[-2000:]
    seconds = time.monotonic() - began
    print(f"fault: {fault.name}; red: {red[1]}; {seconds:.1f} s")  # noqa: T201  shown by the runner
    print("campaign teeth_faults 1")  # noqa: T201  the runner reads it


def test_without_a_fault_the_same_way_of_running_is_green() -> None:
    """It is the fault that turns the test red, not the way in which it is run."""
    fault = FAULTS[0]

    done = run_with(fault, "")

    assert done.returncode == 0, done.stdout[-2000:]
