"""Whose screen was photographed? Found from the order in which a page shows its choices.

Every form has an order of its own; five items of four choices tell one form of a thousand. The
watermark says it at a glance, this says it when the watermark was cut or painted away.
"""

from grading.trace.matching import FormIndex, FormMatch, NextItem, Trace, trace_forms
from grading.trace.readings import Reading, parse_readings
from grading.trace.sources import Sitter, TraceSource, read_source

__all__ = [
    "FormIndex",
    "FormMatch",
    "NextItem",
    "Reading",
    "Sitter",
    "Trace",
    "TraceSource",
    "parse_readings",
    "read_source",
    "trace_forms",
]
