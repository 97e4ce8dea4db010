"""Run every check and test in groups; print each group's time and every campaign's count.

A campaign below its minimum in `tests/campaigns.toml` fails the run, and so does one that never
reported: a campaign cannot be shrunk or skipped quietly.
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


@dataclass(frozen=True)
class Group:
    """Commands that run one after the other, and the seconds they may take together."""

    name: str
    budget_s: int
    commands: tuple[tuple[str, ...], ...]


def _pytest(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-q", *arguments)


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
        360,
        (
            _pytest(
                *PARALLEL,
                "--cov",
                "--cov-report=",
                "-m",
                "not sealing and not slow",
                "tests/unit",
                "tests/property",
                "tests/architecture",
            ),
            (sys.executable, "deploy/check_coverage.py"),
        ),
    ),
    Group("sealing", 180, (_pytest("-m", "sealing and not slow", "tests/unit", "tests/property"),)),
    Group(
        "server faults",
        300,
        (_pytest("-m", "not slow", "tests/fault/server", "tests/stateful/room"),),
    ),
    Group(
        "kiosk",
        300,
        (_pytest("-m", "not slow", "tests/ui", "tests/fault/client", "tests/stateful/client"),),
    ),
    Group("end-to-end", 180, (_pytest("-m", "not slow", "tests/e2e"),)),
)

LONG_GROUPS: tuple[Group, ...] = (
    Group("long campaigns", 4 * 3600, (_pytest("-m", "slow", "tests"),)),
)


def main() -> int:
    """Run the groups and report; the exit status is 0 only if all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="run the long campaigns instead")
    parser.add_argument("--only", help="run only the group of this name")
    options = parser.parse_args()
    groups = LONG_GROUPS if options.long else GROUPS
    if options.only:
        groups = tuple(group for group in groups if group.name == options.only)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "campaigns"
        log.touch()
        results = [(group, *_run(group, log)) for group in groups]
        counts = _read_counts(log)
    print("\n== groups")
    for group, seconds, failed in results:
        verdict = "FAILED: " + failed if failed else "ok"
        late = " OVER BUDGET" if seconds > group.budget_s else ""
        print(f"group {group.name}: {seconds:.0f} s (budget {group.budget_s} s) {verdict}{late}")
    is_good = not any(failed for _, _, failed in results)
    if not options.only:
        is_good = _report_campaigns(counts, "long" if options.long else "short") and is_good
    print("all good" if is_good else "NOT good")
    return 0 if is_good else 1


def _run(group: Group, log: Path) -> tuple[float, str]:
    began = time.monotonic()
    print(f"\n== {group.name}", flush=True)
    for command in group.commands:
        print("+", " ".join(part.replace(str(ROOT) + os.sep, "") for part in command), flush=True)
        done = subprocess.run(
            command, cwd=ROOT, check=False, env={**os.environ, "CAMPAIGN_LOG": str(log)}
        )
        if done.returncode:
            return time.monotonic() - began, Path(command[0]).name + " " + command[-1]
    return time.monotonic() - began, ""


def _read_counts(log: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in log.read_text().splitlines():
        name, count = line.split()
        counts[name] = counts.get(name, 0) + int(count)
    return counts


def _report_campaigns(counts: dict[str, int], length: str) -> bool:
    minima = tomllib.loads((ROOT / "tests" / "campaigns.toml").read_text())[length]
    print("\n== campaigns")
    is_good = True
    for name, least in minima.items():
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
