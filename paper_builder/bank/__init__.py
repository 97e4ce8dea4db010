"""What items are there, and how do they come in and out? The item bank, its files, its reports.

The only folder of the paper builder that imports SQLAlchemy.
"""

from paper_builder.bank.coverage import Coverage
from paper_builder.bank.importing import read_bank_file, take_in
from paper_builder.bank.report import Finding, ImportReport, PutCounts, ReadResult
from paper_builder.bank.store import ItemBank
from paper_builder.bank.text_item import TextDefaults
from paper_builder.bank.xlsx import write_items, write_template

__all__ = [
    "Coverage",
    "Finding",
    "ImportReport",
    "ItemBank",
    "PutCounts",
    "ReadResult",
    "TextDefaults",
    "read_bank_file",
    "take_in",
    "write_items",
    "write_template",
]
