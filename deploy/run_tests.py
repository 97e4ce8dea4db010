"""Run every check and test in groups; print each group's time and every campaign's count.

A campaign below its minimum in `tests/campaigns.toml` fails the run, and so does one that never
reported: a campaign cannot be shrunk or skipped quietly. `--long` runs the groups that hold the
campaigns with CAMPAIGN_FACTOR=10 (`tests/support/scale.py`), against the long minima.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PARALLEL = ("-n", "2", "--dist", "worksteal")

LONG_FACTOR = 10


@dataclass(frozen=True)
class Group:
    """Commands that run one after the other, and the seconds they may take together."""

    name: str
    budget_s: int
    commands: tuple[tuple[str, ...], ...]
    long_factor: int = LONG_FACTOR
    """How much longer it may take in a long run: mutants are a hundred times as many."""


def _pytest(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-q", *arguments)


DISK_FAULTS = (
    "tests/fault/server/test_kills.py",
    "tests/fault/server/test_syscall_kills.py",
    "tests/fault/server/test_disk_errors.py",
    "tests/fault/server/test_full_disk.py",
)
"""The campaigns of the server's disk, which are a group of their own."""

GROUPS: tuple[Group, ...] = (
    Group(
        "static checks",
        120,
        (
            (str(BIN / "ruff"), "format", "--check", "."),
            (str(BIN / "ruff"), "check", "."),
            (str(BIN / "mypy"),),
            (str(BIN / "lint-imports"), "--no-cache"),
        ),
    ),
    Group(
        "unit and property",
        270,
        (
            _pytest(
                *PARALLEL,
                "--cov",
                "--cov-report=",
                "-m",
                "not sealing",
                "tests/unit",
                "tests/property",
                "tests/architecture",
            ),
            (sys.executable, "deploy/check_coverage.py"),
        ),
    ),
    # Sealing, malformed files and teeth share the 180 s of one budget.
    Group(
        "sealing",
        45,
        (_pytest(*PARALLEL, "-m", "sealing", "tests/unit", "tests/property"),),
        long_factor=100,
    ),
    # Server faults, disk faults and power cuts share the 300 s of one budget.
    Group(
        "server faults",
        180,
        (
            _pytest(
                "-n",
                "2",
                "--dist",
                "loadfile",
                *(f"--ignore={file}" for file in DISK_FAULTS),
                "tests/fault/server",
                "tests/stateful/room",
            ),
        ),
    ),
    Group("disk faults", 75, (_pytest(*PARALLEL, *DISK_FAULTS),), long_factor=30),
    Group("power cuts", 45, (_pytest(*PARALLEL, "tests/fault/power"),), long_factor=30),
    # Shares the 360 s of unit and property; not with them, as measuring coverage doubles its time.
    Group("simulation", 90, (_pytest(*PARALLEL, "tests/simulation"),), long_factor=34),
    Group("malformed files", 55, (_pytest(*PARALLEL, "tests/fault/files"),), long_factor=100),
    Group("teeth", 80, (_pytest(*PARALLEL, "-rP", "tests/teeth"),)),
    # Kiosk and canaries share the 300 s of one budget.
    Group(
        "kiosk",
        150,
        (_pytest("tests/ui", "tests/fault/client", "tests/stateful/client"),),
    ),
    Group("canaries", 150, (_pytest("tests/canary"),)),
    Group("end-to-end", 180, (_pytest("-n", "2", "--dist", "loadfile", "tests/e2e"),)),
)

LONG_GROUPS = frozenset(
    {
        "sealing",
        "malformed files",
        "server faults",
        "disk faults",
        "power cuts",
        "simulation",
        "kiosk",
    }
)


def main() -> int:
    """Run the groups and report; the exit status is 0 only if all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--long", action="store_true", help="run only the campaigns, each 10 or 100 times as long"
    )
    parser.add_argument("--only", help="run only the group of this name")
    options = parser.parse_args()
    factor = LONG_FACTOR if options.long else 1
    groups = [group for group in GROUPS if group.name in LONG_GROUPS or not options.long]
    if options.only:
        groups = [group for group in groups if group.name == options.only]
        if not groups:
            parser.error(f"no group {options.only!r} in this run")
    environment = {"CAMPAIGN_FACTOR": str(factor)}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "campaigns"
        log.touch()
        environment["CAMPAIGN_LOG"] = str(log)
        results = [(group, *_run(group, environment)) for group in groups]
        counts = _read_counts(log)
    print("\n== groups")
    for group, seconds, failed in results:
        verdict = "FAILED: " + failed if failed else "ok"
        budget_s = group.budget_s * (group.long_factor if options.long else 1)
        late = " OVER BUDGET" if seconds > budget_s else ""
        print(f"group {group.name}: {seconds:.0f} s (budget {budget_s} s) {verdict}{late}")
    is_good = not any(failed for _, _, failed in results)
    length = "long" if options.long else "short"
    is_good = _report_campaigns(counts, length, is_part=bool(options.only)) and is_good
    print("all good" if is_good else "NOT good")
    return 0 if is_good else 1


def _run(group: Group, environment: dict[str, str]) -> tuple[float, str]:
    began = time.monotonic()
    print(f"\n== {group.name}", flush=True)
    for command in group.commands:
        print("+", " ".join(part.replace(str(ROOT) + os.sep, "") for part in command), flush=True)
        done = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, **environment})
        if done.returncode:
            return time.monotonic() - began, Path(command[0]).name + " " + command[-1]
    return time.monotonic() - began, ""


def _read_counts(log: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in log.read_text().splitlines():
        name, count = line.split()
        counts[name] = counts.get(name, 0) + int(count)
    return counts


def _report_campaigns(counts: dict[str, int], length: str, *, is_part: bool) -> bool:
    """Hold the counts against the minima; of a part of the run only those that it reported."""
    minima = tomllib.loads((ROOT / "tests" / "campaigns.toml").read_text())[length]
    print("\n== campaigns")
    is_good = True
    for name, least in minima.items():
        if is_part and name not in counts:
            continue
        count = counts.get(name, 0)
        holds = count >= least
        is_good = is_good and holds
        print(f"campaign {name}: {count} (minimum {least}) {'ok' if holds else 'TOO FEW'}")
    for name in sorted(set(counts) - set(minima)):
        is_good = False
        print(f"campaign {name}: {counts[name]}, but tests/campaigns.toml has no minimum for it")
    return is_good


if __name__ == "__main__":
    sys.exit(main())
