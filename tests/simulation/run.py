"""Run seeds from the command line: `python -m tests.simulation.run --seed 7 --trace`.

A failing seed replays exactly: the same history, message for message.
"""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.exam import simulate


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def main() -> int:
    """Run the seeds; the exit status is 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many")
    parser.add_argument("--trace", action="store_true", help="print every message")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    wrong = 0
    began = time.process_time()
    for seed in range(options.seed, options.seed + options.count):
        outcome = simulate(seed, traces=options.trace)
        counts.update(outcome.counts)
        if options.trace:
            say("\n".join(outcome.trace))
        say(f"seed {seed} {outcome.digest}")
        if outcome.violations:
            wrong += 1
            say(f"seed {seed}: {sorted(outcome.plan.faults)}")
            say("\n".join(f"  {one}" for one in outcome.violations))
    spent = time.process_time() - began
    say(f"{options.count} seeds, {wrong} wrong, {1000 * spent / options.count:.0f} ms a seed")
    say(" ".join(f"{name}={count}" for name, count in sorted(counts.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
