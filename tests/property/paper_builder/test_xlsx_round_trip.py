"""What the bank holds goes out to a workbook and comes back the same."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paper_builder.bank import read_bank_file, write_items
from tests.property.paper_builder.authored import WORDS, items


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples; each overwrites the file."""
    return tmp_path_factory.mktemp("round-trip")


@given(data=st.data(), count=st.integers(1, 4), remark=st.one_of(st.just(""), WORDS))
@settings(
    max_examples=80,
    suppress_health_check=[
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
    ],
)
def test_a_round_trip_loses_nothing(
    folder: Path, data: st.DataObject, count: int, remark: str
) -> None:
    """Items, order and remarks are the same; nothing is reported."""
    written = [data.draw(items(f"题-{number}")) for number in range(count)]
    remarks = {written[0].bank_item_id: remark} if remark else {}
    path = folder / "items.xlsx"
    write_items(path, written, remarks)
    read = read_bank_file(path)
    assert read.problems == []
    assert read.notes == []
    assert read.items == written
    assert read.remarks == remarks
