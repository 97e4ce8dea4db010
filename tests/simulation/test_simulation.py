"""The whole system in a deterministic simulation: every seed is another day that goes wrong."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.exam import simulate
from tests.simulation.plan import Fault
from tests.simulation.planted import PLANTED
from tests.support.scale import seed_times

_CHUNKS = 10
_SEEDS = 30
"""In each chunk; a chunk is one test, so that the chunks can run side by side."""

_SEEDS_TO_FIND = 100
"""So many seeds find each planted fault."""

_ONCE_WRONG = (26, 53, 113, 146, 249)
"""Seeds that found faults in the product which are mended now; changed plans give them new days."""

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_no_seed_finds_a_fault(chunk: int) -> None:
    """Whatever fails in whatever order: nothing shown as saved is lost, and nobody is stuck."""
    count = seed_times(_SEEDS)
    counts: Counter[str] = Counter()
    wrong = []
    for seed in range(1 + chunk * count, 1 + (chunk + 1) * count):
        outcome = simulate(seed)
        counts.update(outcome.counts)
        wrong += [f"seed {seed}: {violation}" for violation in outcome.violations]

    told = " ".join(f"{name}={number}" for name, number in sorted(counts.items()))
    print(told)  # noqa: T201  that it is seen what happened
    print(f"campaign simulation_seeds {count}")  # noqa: T201  the runner reads it
    assert wrong == []


@pytest.mark.parametrize("seed", _ONCE_WRONG)
def test_a_seed_that_found_a_fault_finds_it_no_more(seed: int) -> None:
    """What the simulation once found stays mended."""
    assert simulate(seed).violations == ()


def test_every_kind_of_fault_happens() -> None:
    """No kind of fault is in the list and never comes."""
    counts: Counter[str] = Counter()
    missing = {fault for fault in Fault if fault not in _NOT_COUNTED}
    for seed in range(5_000, 5_100):
        counts.update(simulate(seed).counts)
        missing -= {fault for fault in missing if counts[fault]}
        if not missing:
            break

    assert missing == set()


_NOT_COUNTED = frozenset({Fault.LATE_OPENING, Fault.LATE_START, Fault.TYPOS})
"""Kinds that change how people act, not what happens at one moment."""


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_fault_is_found(name: str) -> None:
    """A fault that is put into the product makes a seed fail."""
    with PLANTED[name]():
        found = next((seed for seed in range(1, _SEEDS_TO_FIND) if simulate(seed).violations), None)

    print(f"{name}: found by seed {found}")  # noqa: T201  that it is seen how soon
    assert found is not None


def test_a_seed_replays_in_another_process() -> None:
    """The same seed is the same history, message for message, whatever a process hashes by."""
    command = [sys.executable, "-P", "-m", "tests.simulation.run", "--seed", "3", "--count", "4"]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(_ROOT)}
    done = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=True
    )
    here = [f"seed {seed} {simulate(seed).digest}" for seed in range(3, 7)]

    assert done.stdout.splitlines()[:4] == here
