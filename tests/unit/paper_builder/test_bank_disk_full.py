"""An import that does not fit on the disk leaves the bank exactly as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

from paper_builder.bank import ItemBank, write_items
from tests.unit.paper_builder.bank_items import bank_item

_RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["paper-builder", *sys.argv[2:]]
from paper_builder.cli import main
main()
"""


def _import_with_file_limit(
    bytes_max: int, workbook: Path, bank: Path
) -> subprocess.CompletedProcess[str]:
    """Run the import where no file may grow past `bytes_max`, as on a disk that is full."""
    command = [sys.executable, "-c", _RUN, str(bytes_max), "import", str(workbook)]
    return subprocess.run(
        [*command, "--bank", str(bank)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred items, about 200 KiB in the bank."""
    path = tmp_path_factory.mktemp("xlsx") / "items.xlsx"
    write_items(path, [bank_item(f"N-{number}") for number in range(200)])
    return path


@pytest.mark.parametrize("spare_bytes", [0, 4096, 20_000, 80_000])
def test_a_full_disk_leaves_the_bank_unchanged(
    workbook: Path, tmp_path: Path, spare_bytes: int
) -> None:
    """Code, advice and status 2; the old items and nothing else; the next import works."""
    path = tmp_path / "bank.db"
    old = [bank_item(f"A-{number}") for number in range(20)]
    with ItemBank.open(path, is_new_allowed=True) as bank:
        bank.put(old)

    done = _import_with_file_limit(path.stat().st_size + spare_bytes, workbook, path)

    assert done.returncode == 2
    assert "bank.storage" in done.stderr
    assert "磁盘空间" in done.stderr
    assert "Traceback" not in done.stderr
    with ItemBank.open(path) as bank:
        assert bank.items() == old
        assert bank.put([bank_item("B-1")]).added == 1


@pytest.mark.parametrize("bytes_max", [0, 4096, 16_384, 60_000])
def test_a_full_disk_leaves_no_new_bank(workbook: Path, tmp_path: Path, bytes_max: int) -> None:
    """A bank that could not be made at all is not there; one that was made is whole."""
    path = tmp_path / "bank.db"

    done = _import_with_file_limit(bytes_max, workbook, path)

    assert done.returncode == 2
    assert "bank.storage" in done.stderr
    if path.exists():
        with ItemBank.open(path) as bank:
            assert bank.items() == []
