"""Runs one command and writes seconds, peak memory and status as JSON to its first argument.

A process of its own, and a small one: on Linux a child's peak counts what its parent had in
memory when it was started, so a large parent would be measured instead.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path


def main() -> None:
    """Measure `argv[2:]`."""
    began = time.monotonic()
    process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    _, status, usage = os.wait4(process, 0)
    own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    facts = {
        "seconds": time.monotonic() - began,
        "peak_mib": usage.ru_maxrss / 1024,
        "own_mib": own_kib / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    Path(sys.argv[1]).write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
