"""Rules for every test: no network, and campaign counts reach the runner.

A test that repeats something many times prints `campaign NAME COUNT`; the counts are shown at the
end and written to the file named by CAMPAIGN_LOG, which `deploy/run_tests.py` compares with
`tests/campaigns.toml`.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket
from hypothesis import settings

TESTS = Path(__file__).parent
LOOPBACK_FOLDERS = ("canary", "e2e", "fault", "stateful")
_CAMPAIGN = re.compile(r"^campaign (\w+) (\d+)$", re.MULTILINE)
_counts: list[tuple[str, int]] = []

# The folder where programs on one machine know of each other; a run of tests has its own.
os.environ["GONGYUAN_MACHINE"] = tempfile.mkdtemp(prefix="gongyuan-machine-")
atexit.register(shutil.rmtree, os.environ["GONGYUAN_MACHINE"], ignore_errors=True)

settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci")


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Block sockets; loopback alone is open for tests that start servers or databases."""
    folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
    if folder in LOOPBACK_FOLDERS or item.get_closest_marker("loopback"):
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _restore_sockets() -> Iterator[None]:
    yield
    pytest_socket._remove_restrictions()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect campaign lines from what a test printed."""
    if report.when == "call":
        _counts.extend((name, int(n)) for name, n in _CAMPAIGN.findall(report.capstdout))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the counts and hand them to the runner."""
    for name, count in _counts:
        terminalreporter.write_line(f"campaign {name} {count}")
    log = os.environ.get("CAMPAIGN_LOG")
    is_worker = "PYTEST_XDIST_WORKER" in os.environ  # its counts come through the controller, too
    if log and _counts and not is_worker:
        with Path(log).open("a") as file:
            file.writelines(f"{name} {count}\n" for name, count in _counts)
