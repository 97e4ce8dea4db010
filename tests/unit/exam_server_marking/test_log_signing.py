"""The grading site signs its own log, and does not go on with one that was changed."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from exam_core.crypto.signing import generate_signing_key
from exam_core.errors import ExamError
from exam_core.formats.audit_log import split_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.trust_root import encode_root
from exam_server import limits
from exam_server.machine import MACHINE_VARIABLE
from exam_server.marking.cli import app
from exam_server.marking.serve import _signing
from exam_server.marking.site import LOG_KEY, log_origin, open_site
from tests.support import builders
from tests.support.audit_logs import chained, read_entries
from tests.support.fake_clock import FakeClock


def run(command: str, data: Path, *words: str) -> None:
    """A command."""
    app([command, "--data", str(data), *words], standalone_mode=False)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grading site with one account more than none."""
    monkeypatch.setenv(MACHINE_VARIABLE, str(tmp_path / "machine"))
    (tmp_path / "root.json").write_bytes(encode_root(builders.root()))
    (tmp_path / "password").write_text("correct horse battery\n")
    folder = tmp_path / "grading"
    root, identity = str(tmp_path / "root.json"), str(tmp_path / "grading.key")
    run("init", folder, "--root", root, "--identity-out", identity)
    password = ("--password-file", str(tmp_path / "password"))
    run("add-account", folder, "--name", "chen", "--roles", "lead", *password)
    return folder


def rewrite(data: Path) -> None:
    """Change the first line and chain the rest anew."""
    file = data / "audit.jsonl"
    lines = split_lines(file.read_bytes())
    lines[0] = encode_canonical(msgspec.structs.replace(read_entries(lines)[0], subject="X"))
    file.write_bytes(b"".join(line + b"\n" for line in chained(lines, 1)))


def test_every_command_leaves_a_signed_log(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All but the line that tells of the last checkpoint is covered."""
    run("verify-audit", data, "--json")
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert facts["findings"] == []
    assert facts["origin"] == log_origin(data)
    assert facts["lines"] == facts["covered"] + 1
    assert facts["checkpoints"] == 2


def test_a_rewritten_log_is_named_and_stops_every_command(data: Path) -> None:
    """By its checkpoints, though its chain holds."""
    rewrite(data)

    with pytest.raises(ExamError, match=r"audit\.checkpoint"):
        run("verify-audit", data)
    with pytest.raises(ExamError, match=r"audit\.checkpoint"), open_site(data, FakeClock()):
        pass


def test_the_name_on_paper_holds_against_another_key(data: Path) -> None:
    """Who puts another key into the folder cannot keep the log's name."""
    name = log_origin(data)
    run("verify-audit", data, "--log-name", name)
    (data / LOG_KEY).write_text(generate_signing_key())
    (data / "checkpoints.txt").write_bytes(b"")

    assert log_origin(data) != name
    with pytest.raises(ExamError, match=r"checkpoint\.missing"):
        run("verify-audit", data, "--log-name", name)
    with pytest.raises(ExamError, match=r"checkpoint\.origin"):
        run("verify-audit", data, "--log-name", "gongyuan/C01/S1/room")


def test_pages_that_are_served_sign_now_and_then(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was written meanwhile; a disk that fails stops neither pages nor signing."""
    monkeypatch.setattr(limits, "checkpoint_interval_ms", 1)
    with open_site(data, FakeClock()) as site:
        before = len(site.audit.checkpoints())

        async def serve() -> None:
            async with _signing(site)():
                for count in (1, 2):
                    site.audit.record("mark_given", actors=("chen",))
                    async with asyncio.timeout(10):
                        while len(site.audit.checkpoints()) < before + count:  # noqa: ASYNC110  no waiters
                            await asyncio.sleep(0)

        asyncio.run(serve())
        assert site.audit.examine().findings == ()
