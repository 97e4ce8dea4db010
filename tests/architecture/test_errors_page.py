"""The page of error codes says what the code says."""

import subprocess
import sys

from deploy.tools.make_errors_page import PAGE

ROOT = PAGE.parents[1]
_PRINT = "from deploy.tools.make_errors_page import errors_page; print(errors_page(), end='')"


def test_errors_page_is_fresh() -> None:
    """Every code of every program is on the page, and no code that is gone.

    A fresh process imports the programs, so that codes of tests do not count.
    """
    made = subprocess.run(
        [sys.executable, "-c", _PRINT],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert made.returncode == 0, made.stderr
    assert made.stdout == PAGE.read_text(), "run: python -m deploy.tools.generate_docs"
