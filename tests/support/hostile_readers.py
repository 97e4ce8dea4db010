"""Every reader of a file that comes from outside, as its program calls it, with what hurts it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from exam_client import limits as client_limits
from exam_core.crypto.sealing import recipient_of
from exam_core.crypto.signing import key_id, public_key_of
from exam_core.formats import journal, opening_bundle, paper_package, results_bundle
from exam_core.formats.assignment import verify_assignment
from exam_core.formats.audit_log import verify_lines
from exam_core.formats.centre_descriptor import verify_centre
from exam_core.formats.checkpoint import open_checkpoint, room_origin, split_checkpoints
from exam_core.formats.journal_recovery import recover_segment
from exam_core.formats.opening_bundle import read_opening_file
from exam_core.formats.opening_key import open_opening_key
from exam_core.formats.paper_package import verify_package
from exam_core.formats.results_bundle import open_results
from exam_core.formats.trust_root import parse_root
from exam_core.keys import package as key_package
from exam_core.keys.package import open_key_package
from exam_server import limits as server_limits
from exam_server.folder import FileSource, open_input, read_input
from exam_server.marking import limits as marking_limits
from exam_server.marking.site import read_identity, read_policy
from exam_server.room.services.roster_file import read_roster
from grading import read_archive
from grading.archive import MAGIC as ARCHIVE_MAGIC
from paper_builder import limits as builder_limits
from paper_builder.assembly.blueprint_file import load_blueprint
from paper_builder.publish.keys import read_signing_key
from tests.support import builders, hostile_files
from tests.support.builders import GRADING_IDENTITY, JOURNAL_KEY
from tests.support.hostile_files import Maker, age_headers, any_head, of_magic, sealed_to
from tests.support.room_world import roster_file

ROOT = builders.root()


class Reader(NamedTuple):
    """How a kind of file is read, and the files made for it by name.

    `suffix` names the kind. A reader that `reports` gives back what is wrong line by line, or
    what of a damaged file is sound, instead of refusing the file.
    """

    read: Callable[[Path], Any]
    files: Callable[[], Iterator[tuple[str, Maker]]]
    suffix: str = ""
    reports: bool = False


def _small(bytes_max: int) -> Callable[[], Iterator[tuple[str, Maker]]]:
    """Files of exactly the size that this kind may have, and one of 64 MB."""

    def files() -> Iterator[tuple[str, Maker]]:
        yield from any_head(b"", size=bytes_max)
        yield "64 MB", hostile_files.repeated(b"", b"A")

    return files


def _package() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    yield from of_magic(paper_package.MAGIC)


def _results() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    yield from of_magic(results_bundle.MAGIC)


def _some_plain() -> Iterator[tuple[str, Maker]]:
    for name, maker in any_head(b""):
        if name in {"zeros", "braces", "base64", "newlines"}:
            yield name, maker


def _key() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    yield from age_headers(key_package.MAGIC)
    yield from sealed_to(
        recipient_of(GRADING_IDENTITY),
        key_package.MAGIC,
        payload_type=key_package.PAYLOAD_TYPE,
        keyid=key_id(public_key_of(builders.SETTER)),
    )


def _opening() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    yield from of_magic(opening_bundle.MAGIC)


def _opening_key() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    yield from age_headers()


def _journal() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    good = builders.segment(*(f"payload {n}".encode() for n in range(4)))
    head, frames = good[: journal.HEADER_BYTES], good[journal.HEADER_BYTES :]
    yield from any_head(head)
    yield "frame marks", hostile_files.repeated(head, frames[:4])
    yield "headers of frames", hostile_files.repeated(head, frames[:16])
    yield "giant frame", hostile_files.repeated(head + frames[:4] + b"\xff" * 12, b"\0")
    yield "frames again", hostile_files.repeated(head, frames)


def _audit() -> Iterator[tuple[str, Maker]]:
    yield from any_head(b"")


def _checkpoint() -> Iterator[tuple[str, Maker]]:
    """Also of exactly the size that is read, with notes by the hundred thousand."""
    yield from _some_plain()
    size = server_limits.checkpoints_bytes_max
    yield from any_head(b"", size=size)
    yield "signature lines", hostile_files.repeated(b"", "— x A\n".encode(), size=size)
    yield "empty notes", hostile_files.repeated(b"", "\n— \n".encode(), size=size)


def _archive() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    yield from any_head(ARCHIVE_MAGIC + b"0" * 64 + b"\n")


def _roster() -> Iterator[tuple[str, Maker]]:
    yield from _some_plain()
    yield from hostile_files.workbooks(roster_file(builders.roster(4)))


def _verify_package(path: Path) -> object:
    return verify_package(FileSource(path, name="试卷包"), ROOT)


def _read_audit(path: Path) -> object:
    with path.open("rb") as file:
        return verify_lines(
            line.removesuffix(b"\n")
            for line in iter(lambda: file.readline(server_limits.audit_line_bytes_max + 1), b"")
        )


def _read_checkpoints(path: Path) -> object:
    notes = split_checkpoints(
        read_input(path, bytes_max=server_limits.checkpoints_bytes_max, name="检查点文件")
    )
    centre = builders.centre()
    origin = room_origin(centre.centre_id, builders.SITTING_ID)
    return [open_checkpoint(note, origin=origin, key=centre.signing_key) for note in notes]


def _open_key(path: Path) -> object:
    with open_input(path, bytes_max=marking_limits.key_package_bytes_max, name="答案包") as file:
        return open_key_package(file, GRADING_IDENTITY, ROOT)


READERS: dict[str, Reader] = {
    "package": Reader(_verify_package, _package),
    "opening bundle": Reader(
        lambda path: read_opening_file(
            read_input(path, bytes_max=server_limits.opening_bundle_bytes_max, name="启封包"), ROOT
        ),
        _opening,
    ),
    "opening key": Reader(
        lambda path: open_opening_key(
            read_input(path, bytes_max=server_limits.opening_key_bytes_max, name="启封密钥"),
            "passphrase",
        ),
        _opening_key,
    ),
    "answer key": Reader(_open_key, _key),
    "journal": Reader(
        lambda path: recover_segment(
            read_input(path, bytes_max=client_limits.segment_bytes_max, name="作答记录"),
            JOURNAL_KEY,
        ),
        _journal,
        reports=True,
    ),
    "results": Reader(
        lambda path: open_results(
            read_input(path, bytes_max=marking_limits.results_bytes_max, name="考试结果包"),
            GRADING_IDENTITY,
            builders.centre(),
        ),
        _results,
    ),
    "archive": Reader(read_archive, _archive),
    "roster": Reader(
        lambda path: read_roster(
            read_input(path, bytes_max=server_limits.package_bytes_max, name="名单")
        ),
        _roster,
        reports=True,  # a giant string that no cell uses makes a sound roster no worse
    ),
    "audit log": Reader(_read_audit, _audit),
    "checkpoint": Reader(_read_checkpoints, _checkpoint),
    "assignment": Reader(
        lambda path: verify_assignment(
            read_input(path, bytes_max=server_limits.assignment_bytes_max, name="分卷表"),
            builders.centre(),
        ),
        _small(server_limits.assignment_bytes_max),
    ),
    "root": Reader(
        lambda path: parse_root(
            read_input(path, bytes_max=server_limits.root_bytes_max, name="信任根")
        ),
        _small(server_limits.root_bytes_max),
    ),
    "centre": Reader(
        lambda path: verify_centre(
            read_input(path, bytes_max=marking_limits.centre_bytes_max, name="考点文件"), ROOT
        ),
        _small(marking_limits.centre_bytes_max),
    ),
    "identity": Reader(read_identity, _small(marking_limits.identity_bytes_max)),
    "policy": Reader(read_policy, _small(marking_limits.policy_bytes_max)),
    "signing key": Reader(read_signing_key, _small(builder_limits.key_file_bytes_max)),
    "blueprint": Reader(load_blueprint, _small(builder_limits.blueprint_bytes_max), ".toml"),
}
