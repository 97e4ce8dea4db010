"""Reads hostile files, each in a process of its own; says what came of it, a JSON line a file.

`python -m tests.support.hostile_worker READER FOLDER`: standard input names files, one a line.
Every file is read in a fork of this process, so that time and memory are its own and a crash is
seen for what it is.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path

from exam_core.errors import ExamError
from tests.support.hostile_readers import READERS

_GIVE_UP_S = 60


def main() -> None:
    """Read file names from standard input until it ends."""
    read = READERS[sys.argv[1]].read
    for line in sys.stdin:
        path = Path(line.strip())
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(receiver)
            signal.alarm(_GIVE_UP_S)
            os.write(sender, _outcome(read, path).encode())
            os._exit(0)
        os.close(sender)
        with os.fdopen(receiver) as answer:
            said = answer.read()
        _, status, usage = os.wait4(child, 0)
        outcome = json.loads(said) if said else {"died": status}
        outcome["cpu_s"] = usage.ru_utime + usage.ru_stime
        outcome["rss_mb"] = usage.ru_maxrss / 1024
        print(json.dumps(outcome), flush=True)  # noqa: T201  the test reads it


def _outcome(read: object, path: Path) -> str:
    assert callable(read)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    try:
        read(path)
    except ExamError as error:
        return json.dumps({"code": error.code, "advice": bool(error.advice), "before_mb": before})
    except BaseException as error:  # noqa: BLE001  whatever else it is, it is the finding
        return json.dumps({"exception": f"{type(error).__name__}: {error}"[:200]})
    return json.dumps({"accepted": True})


if __name__ == "__main__":
    main()
