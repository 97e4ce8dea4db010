"""The item bank: versions, order, remarks, coverage, and files that are no bank."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from exam_core.errors import InputError, StorageError
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder.bank import ItemBank, PutCounts
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import DOMAINS, bank_item


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[ItemBank]:
    """A new bank on disk."""
    with ItemBank.open(tmp_path / "bank.db", is_new_allowed=True, now_ms=lambda: 7) as opened:
        yield opened


def test_new_same_and_changed_content(bank: ItemBank) -> None:
    """New ids are added, same content is left alone, other content is the next version."""
    first, second = bank_item("A-1"), bank_item("A-2")
    assert bank.put([first, second]) == PutCounts(added=2, changed=0, unchanged=0)
    mended = msgspec.structs.replace(first, explanation="改过的解析")
    assert bank.put([mended, second]) == PutCounts(added=0, changed=1, unchanged=1)
    assert bank.items() == [msgspec.structs.replace(mended, version=2), second]
    assert bank.versions(first.bank_item_id) == [first, msgspec.structs.replace(mended, version=2)]


def test_going_back_to_old_content_is_a_new_version(bank: ItemBank) -> None:
    """Versions only rise; nothing is ever taken back."""
    first = bank_item("A-1")
    bank.put([first])
    bank.put([msgspec.structs.replace(first, legal_basis="")])
    bank.put([first])
    assert [item.version for item in bank.versions(first.bank_item_id)] == [1, 2, 3]


def test_the_version_that_an_item_names_does_not_matter(bank: ItemBank) -> None:
    """The bank counts versions itself."""
    bank.put([msgspec.structs.replace(bank_item("A-1"), version=9)])
    assert [item.version for item in bank.items()] == [1]


def test_one_call_may_hold_two_versions_and_many_items(bank: ItemBank) -> None:
    """Chunks of a call see what earlier ones did; the order of first import is kept."""
    many = [bank_item(f"A-{number}") for number in range(1200, 0, -1)]
    changed = msgspec.structs.replace(many[0], domain=DOMAINS[1])
    done: list[int] = []
    counts = bank.put([*many, changed], on_progress=done.append)
    assert counts == PutCounts(added=1200, changed=1, unchanged=0)
    assert sum(done) == 1201
    assert [item.bank_item_id for item in bank.items()] == [item.bank_item_id for item in many]
    assert bank.items()[0].domain == DOMAINS[1]


def test_remarks_are_no_part_of_the_item(bank: ItemBank) -> None:
    """A changed remark is kept without a new version."""
    bank.put([bank_item("A-1")], {BankItemId("A-1"): "待核"})
    assert bank.put([bank_item("A-1")], {BankItemId("A-1"): "已核"}).unchanged == 1
    assert bank.remarks() == {"A-1": "已核"}


def test_an_item_that_is_no_item_is_refused_with_its_id(bank: ItemBank) -> None:
    """Nothing comes in beside a bad item, and the message names it."""
    bad = msgspec.structs.replace(bank_item("A-2"), domain="")
    with refuses(InputError, "import.item") as caught:
        bank.put([bank_item("A-1"), bad])
    assert "A-2" in caught.value.message
    assert bank.items() == []


def test_coverage_counts_current_versions(bank: ItemBank) -> None:
    """Each item counts once, in the cell of its current version."""
    bank.put([bank_item("A-1"), bank_item("A-2", ItemType.CASE)])
    bank.put([msgspec.structs.replace(bank_item("A-1"), domain=DOMAINS[1])])
    found = bank.coverage()
    assert found.total == 2
    assert found.of(DOMAINS[1], ItemType.SINGLE_CHOICE) == 1
    assert found.of(DOMAINS[0], ItemType.SINGLE_CHOICE) == 0
    assert (found.of_domain(DOMAINS[0]), found.of_type(ItemType.CASE)) == (1, 1)
    assert found.as_dict()[DOMAINS[0]]["case"] == 1


def test_a_bank_is_there_after_reopening(tmp_path: Path) -> None:
    """What was put is on disk, and a URL opens the same bank as a path."""
    path = tmp_path / "bank.db"
    with ItemBank.open(path, is_new_allowed=True) as bank:
        bank.put([bank_item("A-1")])
    with ItemBank.open(f"sqlite:///{path}") as bank:
        assert bank.items() == [bank_item("A-1")]


def test_a_missing_bank_is_not_made_by_reading(tmp_path: Path) -> None:
    """Only an import makes a bank."""
    with refuses(InputError, "bank.file"):
        ItemBank.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_file_of_another_kind_is_no_bank(tmp_path: Path) -> None:
    """A text file is refused and left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("这不是题库" * 500)
    before = path.read_bytes()
    with refuses(InputError, "bank.file"):
        ItemBank.open(path, is_new_allowed=True)
    assert path.read_bytes() == before


def test_a_bank_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """A schema version that this program does not know is not touched."""
    path = tmp_path / "bank.db"
    ItemBank.open(path, is_new_allowed=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with refuses(InputError, "bank.newer"):
        ItemBank.open(path)


@pytest.mark.parametrize("location", ["nonsense://x", "sqlite:///", "mysql://a/b"])
def test_a_url_without_a_driver_is_refused(location: str) -> None:
    """An address that leads nowhere is an input error, or an empty in-memory bank."""
    if location == "sqlite:///":
        with ItemBank.open(location) as bank:
            assert bank.items() == []
        return
    with refuses(InputError, "bank.file"):
        ItemBank.open(location)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    """A bank below a file cannot be made, and nothing is."""
    (tmp_path / "file").write_text("x")
    with refuses(StorageError, "bank.storage"):
        ItemBank.open(tmp_path / "file" / "bank.db", is_new_allowed=True)
