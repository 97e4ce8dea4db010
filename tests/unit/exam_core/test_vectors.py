"""Every committed vector is read as the list says: to its value, or refused with its code."""

import msgspec
import pytest

from exam_core.errors import ExamError
from exam_core.formats.canonical import encode_canonical
from tests.vectors import make_vectors
from tests.vectors.readers import FOLDER, INGREDIENTS, LIST, Vector, load_keys, read
from tests.vectors.recipes import KEYS

VECTORS = msgspec.json.decode(LIST.read_bytes(), type=tuple[Vector, ...])
FORMATS = {
    "canonical-encoding",
    "checkpoint",
    "lan-protocol",
    "trust-root",
    "paper-package",
    "opening-bundle",
    "answer-key-package",
    "assignment",
    "response-journal",
    "results-bundle",
    "resume-file",
    "audit-log",
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one.file)
def test_vector(vector: Vector) -> None:
    """A good vector gives its value, a bad one its error code."""
    data = (FOLDER / vector.file).read_bytes()

    if vector.value is None:
        with pytest.raises(ExamError) as caught:
            read(vector, data, load_keys())
        assert caught.value.code == vector.error
        assert type(caught.value) is not ExamError
    else:
        value = encode_canonical(read(vector, data, load_keys()))
        assert msgspec.json.decode(value) == msgspec.json.decode(
            (FOLDER / vector.value).read_bytes()
        )


def test_making_the_vectors_again_changes_nothing() -> None:
    """The script that is committed beside the vectors is the one that made them."""
    made = list(make_vectors.make_all())

    assert [one.vector for one in made] == list(VECTORS)
    assert load_keys() == KEYS
    for vector, data in made:
        assert (FOLDER / vector.file).read_bytes() == data, vector.file


def test_every_format_has_good_and_bad_vectors() -> None:
    """No format goes without either kind, and no file lies about that no test reads."""
    folders = {vector.file.split("/")[0] for vector in VECTORS}
    named = {vector.file for vector in VECTORS} | {one.value for one in VECTORS if one.value}
    found = {
        str(path.relative_to(FOLDER)) for name in FORMATS for path in (FOLDER / name).rglob("*.*")
    }

    assert folders == FORMATS
    assert found == named
    for folder in FORMATS:
        kinds = {one.error is None for one in VECTORS if one.file.startswith(f"{folder}/")}
        assert kinds == {True, False}
    assert INGREDIENTS.is_dir()
