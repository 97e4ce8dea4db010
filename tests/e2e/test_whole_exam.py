"""A whole exam with real processes on loopback, twice with one seed, and what must hold of it.

The demo's conductor runs it: an exam server, two Qt kiosks offscreen (one is killed), ten
simulated candidates, a grading site with markers. Nothing is replaced by a double.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exam_core.crypto.sealing import unseal
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.opening_bundle import open_bundle, read_opening_file, unwrap_bundle
from exam_core.formats.opening_key import open_opening_key
from exam_core.formats.opening_locks import prove_by_code
from exam_core.formats.paper_package import verify_package
from exam_core.formats.trust_root import parse_root
from paper_builder.assembly.draft import PaperDraft, parse_draft

pytestmark = pytest.mark.e2e

SEED = "5eed" * 16
TEAMS = 3
SITTING_S = 20
ROOT = Path(__file__).resolve().parents[2]


def conduct(out: Path) -> dict[str, Any]:
    """Run the demo's conductor and return its summary, with the opening code it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo"],
        cwd=ROOT,
        env={
            **os.environ,
            "SEED": SEED,
            "DEMO_TEAMS": str(TEAMS),
            "DEMO_SECONDS": str(SITTING_S),
            "DEMO_OUT": str(out),
            "PICTURES": "0",
            "QT_QPA_PLATFORM": "offscreen",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    code = re.search(r"启封码[^0-9]*((?:\d{5} ){5}\d{5})", done.stdout)
    assert code
    return {**summary, "opening_code": code[1]}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the summary of one exam."""
    out = tmp_path_factory.mktemp("first") / "out"
    return out, conduct(out)


@pytest.fixture(scope="module")
def draft(first: tuple[Path, dict[str, Any]]) -> PaperDraft:
    """The paper with its keys, as headquarters has it."""
    return parse_draft((first[0] / "work" / "headquarters" / "draw" / "paper.draft").read_bytes())


def secrets_of(draft: PaperDraft) -> Iterator[tuple[str, str]]:
    """Texts that only the answer key holds, with the item they belong to."""
    for item in draft.items:
        yield item.bank_item_id, item.bank_item_id
        if item.explanation:
            yield item.bank_item_id, item.explanation
        for part in item.parts:
            for point in getattr(part.key, "marking_points", ()):
                yield item.bank_item_id, point.text


EMPTY_MIB = bytes(2**20)


def disk_files(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below the folders, with its bytes, unless all are zero as those of the reserve."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not is_empty(path):
                yield path, path.read_bytes()


def is_empty(path: Path) -> bool:
    """Whether the file holds nothing but zeros."""
    with path.open("rb") as file:
        pieces = iter(partial(file.read, len(EMPTY_MIB)), b"")
        return all(piece == EMPTY_MIB[: len(piece)] for piece in pieces)


def test_every_acknowledged_response_is_in_the_results(
    first: tuple[Path, dict[str, Any]],
) -> None:
    """Nothing that a kiosk was told is kept is missing, also not at the one that was killed."""
    _, summary = first

    assert summary["candidates"] == 4 * TEAMS
    assert summary["kills"] == 1
    assert summary["responses_acknowledged"] > 4 * TEAMS * 90
    assert summary["responses_lost"] == 0


def test_a_changed_mark_changes_the_rank(first: tuple[Path, dict[str, Any]]) -> None:
    """Markers' work decides: taking back one response's points moves somebody."""
    assert first[1]["rank_changed_by_mark"] is True


def test_one_seed_gives_one_paper_and_one_set_of_scores(
    first: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """A second exam with the same seed repeats paper and scores, kill and all."""
    again = conduct(tmp_path / "out")

    assert again["paper_sha256"] == first[1]["paper_sha256"]
    assert again["scores_sha256"] == first[1]["scores_sha256"]


def test_the_archive_repeats_the_results(first: tuple[Path, dict[str, Any]]) -> None:
    """`grading recompute` gets the same results from the archive alone."""
    archive = first[0] / "results" / "exam.examarchive"
    grading = Path(sys.executable).parent / "grading"

    done = subprocess.run([grading, "recompute", archive], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()


def delivered_forms(out: Path, opening_code: str) -> bytes:
    """Every form of the package that the room holds, opened as the room and the kiosks do."""
    work = out / "work"
    root = parse_root((work / "room" / "root.json").read_bytes())
    (package_file,) = (work / "room" / "packages").glob("*.exampkg")
    (bundle_file,) = (work / "room" / "packages").glob("*.examopen")
    package = verify_package(package_file.read_bytes(), root)
    passphrase = (work / "usb" / "passphrase.txt").read_text().strip()
    key = open_opening_key((work / "usb" / "opening-key.age").read_bytes(), passphrase)
    locked = unwrap_bundle(read_opening_file(bundle_file.read_bytes(), root), key)
    bundle = open_bundle(locked, prove_by_code(opening_code), root)
    return b"".join(
        unseal(package.sealed_form(one.form_number), one.identity) for one in bundle.identities
    )


def test_no_key_content_is_in_what_a_kiosk_receives(
    first: tuple[Path, dict[str, Any]], draft: PaperDraft
) -> None:
    """The forms in the delivered package, opened, hold every stem and nothing of the key."""
    forms = delivered_forms(first[0], first[1]["opening_code"])

    for item in draft.items:
        for part in item.parts:
            assert encode_canonical(part.stem)[1:-1] in forms, item.bank_item_id
    for item_id, secret in secrets_of(draft):
        assert encode_canonical(secret)[1:-1] not in forms, item_id


def test_no_key_and_no_stem_is_on_a_disk_of_the_centre(
    first: tuple[Path, dict[str, Any]], draft: PaperDraft
) -> None:
    """Room and seats hold ciphertext only: no key content, no stem, no response in the clear."""
    work = first[0] / "work"
    seats = [path for path in (work / "seats").iterdir() if path.is_dir()]
    assert len(seats) == 4 * TEAMS
    wanted = [
        *(text.encode() for _, text in secrets_of(draft)),
        *(part.stem.encode() for item in draft.items for part in item.parts),
    ]

    headquarters = b"".join(content for _, content in disk_files(work / "headquarters" / "draw"))
    assert all(text in headquarters for text in wanted), "the search would find it"

    for path, content in disk_files(work / "room", work / "logs", *seats):
        for text in wanted:
            assert text not in content, (path.name, text.decode())
