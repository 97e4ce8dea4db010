"""The specifications of the formats say what the code and the vectors say."""

import base64
import re
from pathlib import Path

import msgspec
import pytest

import exam_core.formats.audit_evidence
import exam_core.formats.opening_bundle  # noqa: F401  importing a module declares its codes
import exam_server.marking.services.results_import
import exam_server.room.services.imports
import exam_server.room.web.applications  # noqa: F401  importing a module declares its codes
from exam_core import limits
from exam_core.crypto import opening_code
from exam_core.errors import CODES
from exam_core.formats.canonical import encode_canonical
from exam_core.protocol import VERSION
from tests.vectors.readers import FOLDER, INGREDIENTS

SPECS = sorted((FOLDER.parents[1] / "docs" / "spec").glob("*.md"))
FORMATS = {
    "answer-key-package",
    "assignment",
    "audit-log",
    "canonical-encoding",
    "checkpoint",
    "lan-protocol",
    "opening-bundle",
    "paper-package",
    "response-journal",
    "results-bundle",
    "resume-file",
    "trust-root",
}
OURS = [path for path in SPECS if path.stem in FORMATS]
FAMILIES = {code.split(".")[0] for code in CODES}


def known_values() -> set[bytes]:
    """The canonical bytes of every value that stands in the vectors, also inside an envelope."""
    found = {path.read_bytes() for path in INGREDIENTS.glob("*.json")}
    for path in FOLDER.glob("*/v1/good-*.bin"):
        data = path.read_bytes()
        found |= {data, *data.split(b"\n")}
        envelope = re.search(rb'"payload":"([A-Za-z0-9+/=]+)"', data)
        if envelope:
            found.add(base64.b64decode(envelope[1]))
    return found


def test_every_format_has_a_specification() -> None:
    """Each folder of vectors has a page of its name."""
    folders = {path.parent.name for path in FOLDER.glob("*/v1")}

    assert folders == FORMATS == {path.stem for path in OURS}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_a_specification_has_the_agreed_shape(path: Path) -> None:
    """Example first, then conventions, then the rules, limits and vectors, in this order."""
    headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)

    assert headings[:2] == ["Example", "Conventions used in this document"]
    assert headings.index("Limits") < headings.index("Test vectors") == len(headings) - 1
    version = VERSION if path.stem == "lan-protocol" else 1
    assert re.match(rf"# .+, version {version}\n", path.read_text())


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_examples_are_those_of_the_vectors(path: Path) -> None:
    """Every JSON example is, in canonical form, part of a vector."""
    known = known_values()

    for block in re.findall(r"^```json\n(.+?)^```$", path.read_text(), re.MULTILINE | re.DOTALL):
        assert encode_canonical(msgspec.json.decode(block)) in known, block


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_limits_are_those_of_the_code(path: Path) -> None:
    """A limit that is named beside its number has that number in the code."""
    rows = re.findall(r"^\|[^|\n]+\|([^|\n]+)\| `(\w+)` \|$", path.read_text(), re.MULTILINE)

    for written, name in rows:
        assert str(getattr(limits, name)) in written.split(), name


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_error_codes_exist(path: Path) -> None:
    """Every code that a page names is declared."""
    named = set(re.findall(r"`([a-z]+\.(?!jsonl?`)[a-z_]+)`", path.read_text()))

    assert {code for code in named if code.split(".")[0] in FAMILIES} <= set(CODES)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_one_sentence_stands_on_a_line(path: Path) -> None:
    """Prose breaks after each sentence, so that a change shows as the sentence it touched."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "#"))]

    for line in prose:
        assert not re.search(r"[a-z)`]\. [A-Z]", line), line


def test_the_example_code_is_a_code() -> None:
    """The opening code on the page has valid groups."""
    page = next(path for path in OURS if path.stem == "opening-bundle").read_text()
    (code,) = re.findall(r"^(?:\d{5} ?){6}$", page, re.MULTILINE)

    assert opening_code.parse_code(code) == code
