"""Make the test vectors of every format: `.venv/bin/python -m tests.vectors.make_vectors`.

Good and bad files under `<format>/v1/`, the values of the good ones beside them, and the list
`vectors.json`, which says what each shows. Run again, it writes the same bytes: what is random
(sealed age files) is kept in `ingredients/` and never made anew. Vectors of a published version
are never changed; a new version of a format gets a folder of its own.
"""

from collections.abc import Iterator

import msgspec

from exam_core.formats.canonical import encode_canonical
from tests.vectors import (
    centre_formats,
    lan_formats,
    record_formats,
    resume_formats,
    signed_formats,
)
from tests.vectors.made import Made
from tests.vectors.readers import FOLDER, LIST, read
from tests.vectors.recipes import KEYS, make_missing


def make_all() -> Iterator[Made]:
    """Every vector, in the order of the list."""
    yield from signed_formats.canonical_encoding()
    yield from signed_formats.trust_root()
    yield from centre_formats.officials()
    yield from signed_formats.paper_package()
    yield from signed_formats.opening_bundle()
    yield from signed_formats.answer_key_package()
    yield from record_formats.response_journal()
    yield from resume_formats.resume_file()
    yield from record_formats.results_bundle()
    yield from record_formats.audit_log()
    yield from centre_formats.assignment()
    yield from record_formats.checkpoint()
    yield from lan_formats.lan_protocol()


def main() -> None:
    """Write all files."""
    for name in make_missing():
        print(f"made ingredient {name}")  # noqa: T201  a script tells what it did
    vectors = []
    for vector, data in make_all():
        path = FOLDER / vector.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if vector.value:
            value = msgspec.json.format(encode_canonical(read(vector, data, KEYS)))
            (FOLDER / vector.value).write_bytes(value + b"\n")
        vectors.append(vector)
    LIST.write_bytes(msgspec.json.format(encode_canonical(vectors)) + b"\n")
    print(f"wrote {len(vectors)} vectors")  # noqa: T201  a script tells what it did


if __name__ == "__main__":
    main()
