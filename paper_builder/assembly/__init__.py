"""How is a paper assembled? Blueprint, table, draw and forms: pure, integers and SHA-256 only.

Nothing here knows a database or Qt; the same inputs give the same bytes on every machine.
"""

from paper_builder.assembly.blueprint import Blueprint, scoring_note
from paper_builder.assembly.blueprint_file import load_blueprint, parse_blueprint, preset_names
from paper_builder.assembly.draft import (
    DrawRecord,
    PaperDraft,
    encode_draft,
    encode_record,
    parse_draft,
    parse_record,
)
from paper_builder.assembly.draw import DrawnPaper, draw_paper

__all__ = [
    "Blueprint",
    "DrawRecord",
    "DrawnPaper",
    "PaperDraft",
    "draw_paper",
    "encode_draft",
    "encode_record",
    "load_blueprint",
    "parse_blueprint",
    "parse_draft",
    "parse_record",
    "preset_names",
    "scoring_note",
]
