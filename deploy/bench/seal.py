"""`make bench-seal`: a thousand forms sealed, a package of 200 MB verified, imported, opened."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.bench import measure
from deploy.bench.opening import bench_opening
from deploy.bench.table import Row, print_table, timed
from deploy.demo import headquarters, room
from deploy.demo.folders import Folders
from deploy.demo.processes import run
from exam_core.crypto.sealing import generate_identity, recipient_of, seal
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import verify_centre
from exam_core.formats.opening_bundle import FormIdentity, OpeningBundle, seal_bundle
from exam_core.formats.opening_locks import OpeningCodes, draw_codes
from exam_core.formats.paper_package import build_package, seal_form, verify_package
from exam_core.model.identifiers import ExamId, FormNumber, ImageId, SittingId
from exam_server.room.folder import RoomFolder
from paper_builder.assembly.draft import PaperDraft, parse_draft
from paper_builder.publish.keys import read_root, read_signing_key
from paper_builder.publish.seal import CentreOrder, seal_paper

FORMS = 1_000
PACKAGE_BYTES = 200_000_000
IMAGE_BYTES = 1_000_000
PEER_FORMS = 200
"""So many forms are sealed by the `age` program; a process each, so a part is enough."""

SITTING = SittingId("bench-1")
EXAM = ExamId("bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Headquarters and a room, ready to seal and to import."""

    folders: Folders
    draft: PaperDraft
    signed_centre: Path


def prepare(folders: Folders) -> Prepared:
    """Draw a thousand forms from the sample bank, make keys, set a room up."""
    for folder in (folders.hq, folders.usb):
        folder.mkdir(parents=True)
    bank, out = folders.hq / "bank.sqlite", folders.hq / "draw"
    run("paper-builder", "import", headquarters.SAMPLE_BANK, "--bank", bank)
    run(
        *("paper-builder", "draw", "--bank", bank, "--out", out),
        *("--blueprint", headquarters.PRESET, "--forms", str(FORMS)),
    )
    root = headquarters.make_keys(folders)
    signed = headquarters.sign_centre(folders, room.set_up_centre(folders, root))
    return Prepared(
        folders=folders,
        draft=parse_draft((out / "paper.draft").read_bytes()),
        signed_centre=signed,
    )


def bench_sealing(prepared: Prepared) -> list[Row]:
    """The whole of `seal_paper` for a thousand forms and one centre; the peer is age alone."""
    keys, root = _signers(prepared), read_root(prepared.folders.hq / "keys" / "root.json")
    centre = verify_centre(prepared.signed_centre.read_bytes(), root)
    identity = generate_identity()
    seconds, _ = timed(
        lambda: seal_paper(
            prepared.draft,
            exam_id=EXAM,
            sitting_id=SITTING,
            sequence=1,
            keys=keys,
            root=root,
            centres=[CentreOrder(centre=centre)],
            grading_recipients=[recipient_of(identity)],
        )
    )
    plain = [encode_canonical(laid_out.form) for laid_out in prepared.draft.forms[:PEER_FORMS]]
    peer_s, _ = timed(lambda: [_age(one, recipient_of(identity)) for one in plain])
    peer = f"age: {peer_s * FORMS / PEER_FORMS:.1f} s for {FORMS} forms, a process each"
    return [Row(name=f"{FORMS} forms sealed", value=seconds, limit=10, unit="s", peer=peer)]


def bench_import(prepared: Prepared) -> list[Row]:
    """`verify-package` and `import-package` of 200 MB, each a process of its own; the opening."""
    package, bundle, codes = _large_package(prepared)
    data = prepared.folders.room
    run("exam-server", "install-centre", "--data", data, prepared.signed_centre)
    peer_s, _ = timed(
        lambda: subprocess.run(["sha256sum", package], check=True, capture_output=True)
    )
    size = package.stat().st_size / 1e6
    peer = f"sha256sum: {peer_s:.2f} s for the same {size:.0f} MB"
    rows = []
    for name, words in (
        ("verified", ("verify-package", package, "--data", data)),
        ("imported", ("import-package", package, bundle, "--data", data)),
    ):
        facts = _measured([str(Path(sys.executable).parent / "exam-server"), *map(str, words)])
        rows += [
            Row(name=f"200 MB {name}", value=facts["seconds"], limit=5, unit="s", peer=peer),
            Row(name=f"200 MB {name}, peak memory", value=facts["peak_mib"], limit=150, unit="MiB"),
        ]
    usb = prepared.folders.usb
    return [*rows, *bench_opening(RoomFolder(data), usb=usb, codes=codes, candidates=FORMS)]


def main() -> int:
    """Print the table; 1 when a limit was passed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        prepared = prepare(Folders(Path(folder)))
        rows = [*bench_sealing(prepared), *bench_import(prepared)]
    return 0 if print_table("bench-seal", rows) else 1


def _signers(prepared: Prepared) -> list[PrivateSigningKey]:
    folder = prepared.folders.hq / "keys"
    return [read_signing_key(folder / f"{name}.key") for name in ("setter", "approver")]


def _large_package(prepared: Prepared) -> tuple[Path, Path, OpeningCodes]:
    """A package of 200 MB, most of it images; the bundle that belongs to it; what opens that."""
    keys, root = _signers(prepared), read_root(prepared.folders.hq / "keys" / "root.json")
    centre = verify_centre(prepared.signed_centre.read_bytes(), root)
    draft, identity = prepared.draft, generate_identity()
    forms = [seal_form(laid_out.form, recipient_of(identity)) for laid_out in draft.forms]
    missing = PACKAGE_BYTES - sum(map(len, forms))
    picture = secrets.token_bytes(IMAGE_BYTES)
    images = [
        (ImageId(f"{number:032x}"), seal(picture, [recipient_of(identity)]))
        for number in range(max(0, missing // IMAGE_BYTES) + 1)
    ]
    package = build_package(
        exam_id=EXAM,
        sitting_id=SITTING,
        paper_id=draft.paper_id,
        title=draft.title,
        sequence=1,
        duration_ms=draft.duration_ms,
        scoring_note="",
        results_recipients=[recipient_of(identity)],
        sealed_forms=forms,
        sealed_images=images,
        keys=keys,
    )
    bundle = OpeningBundle(
        paper_id=draft.paper_id,
        sitting_id=SITTING,
        centre_id=centre.centre_id,
        manifest_sha256=verify_package(package, root).manifest_sha256,
        identities=tuple(
            FormIdentity(form_number=FormNumber(number), identity=identity)
            for number in range(1, FORMS + 1)
        ),
        journal_secret=secrets.token_hex(32),
    )
    files = prepared.folders.out / "large.exampkg", prepared.folders.out / "large.examopen"
    files[0].write_bytes(package)
    codes = draw_codes()
    files[1].write_bytes(seal_bundle(bundle, keys, codes, centre.opening_recipient))
    return *files, codes


def _measured(command: Sequence[str]) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("r", suffix=".json") as out:
        subprocess.run(
            [sys.executable, str(measure.__file__), out.name, *command],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        facts: dict[str, float] = json.loads(out.read())
    if facts["status"]:
        message = f"{command[1]} ended with status {facts['status']}"
        raise RuntimeError(message)
    return facts


def _age(plaintext: bytes, recipient: str) -> bytes:
    done = subprocess.run(
        ["age", "--recipient", recipient], input=plaintext, capture_output=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
