"""`make bench-server` works: server, generator and both peers, on a few kiosks."""

from pathlib import Path

import pytest

from deploy.bench.server.page import BEGIN, END
from deploy.bench.server.run import main

pytestmark = [pytest.mark.e2e, pytest.mark.loopback]


def test_the_bench_measures_and_writes_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every acknowledgement is checked, every peer answers, and the page has the tables."""
    page = tmp_path / "performance.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    words = ["--quick", "--only", "limits,closed", "--folder", str(tmp_path)]
    assert main([*words, "--markdown", str(page)]) == 0, capsys.readouterr().err
    text = page.read_text()
    assert "durable saves a second, 10 kiosks, closed loop" in text
    assert "| 0 /s |" not in text
