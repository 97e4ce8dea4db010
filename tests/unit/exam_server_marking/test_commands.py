"""The command line of the grading site, in process: what it makes, and each refusal's code."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from exam_core.crypto.sealing import Recipient
from exam_core.errors import ExamError
from exam_core.formats.audit_log import verify_lines
from exam_core.formats.trust_root import encode_root
from exam_core.model.states import SittingState
from exam_server.accounts.audit import AuditTrail
from exam_server.machine import MACHINE_VARIABLE, Machine, RoomStatus
from exam_server.marking.audit_trail import SharedAuditTrail
from exam_server.marking.cli import app
from tests.support import builders
from tests.support.marking_world import FakeClock, write_world_files


class Desk:
    """A folder with a grading site and the files that came to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "grading"

    def run(self, command: str, *words: str | Path) -> None:
        """Run a command."""
        arguments: Sequence[str] = [command, "--data", str(self.data), *map(str, words)]
        app(arguments, standalone_mode=False)

    def code(self, command: str, *words: str | Path) -> str:
        """The code with which a command is refused."""
        with pytest.raises(ExamError) as refused:
            self.run(command, *words)
        assert refused.value.exit_status == 2
        assert refused.value.advice
        return refused.value.code


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A grading site with the answer key and the centre, on a machine of its own."""
    monkeypatch.setenv(MACHINE_VARIABLE, str(tmp_path / "machine"))
    made = Desk(tmp_path)
    (tmp_path / "root.json").write_bytes(encode_root(builders.root()))
    (tmp_path / "password").write_text("correct horse battery\n")
    (tmp_path / "policy.json").write_text('{"team_best_n": 2}')
    root, policy = tmp_path / "root.json", tmp_path / "policy.json"
    identity = tmp_path / "grading.key"
    made.run("init", "--root", root, "--identity-out", identity, "--policy", policy)
    recipient = Recipient((made.data / "recipient.txt").read_text().strip())
    write_world_files(tmp_path, recipient)
    made.run("import-centre", tmp_path / "centre.signed")
    made.run("import-key", tmp_path / "paper.examkey", "--identity", identity)
    return made


def test_results_that_hold_need_no_two_people(desk: Desk) -> None:
    """Taking a bundle in despite findings needs a reason, two leads, and a finding."""
    plain = (desk.folder / "room.examresults", "--identity", desk.folder / "grading.key")
    words: list[str | Path] = [*plain, "--despite-findings"]
    assert desk.code("import-results", *words) == "results.reason"
    words += ["--reason", "考点封存日志"]
    assert desk.code("import-results", *words) == "account.approval"
    for name in ("zhou", "wu"):
        password = desk.folder / "password"
        new = ("--name", name, "--roles", "lead", "--password-file", password)
        desk.run("add-account", *new)
        words += ["--approved-by", name, "--approval-file", password]
    assert desk.code("import-results", *words) == "results.holds"
    desk.run("import-results", *plain)


def test_each_wrong_file_is_refused_with_its_code(desk: Desk) -> None:
    """A file of the wrong kind, damaged, sealed to others, unreadable: nothing is taken in."""
    folder = desk.folder
    key, bundle = folder / "paper.examkey", folder / "room.examresults"
    damaged = folder / "damaged.examresults"
    damaged.write_bytes(bundle.read_bytes()[:-7])
    cut = folder / "cut.examresults"
    cut.write_bytes(bundle.read_bytes()[:40])
    other = folder / "other.key"
    other.write_text(builders.GRADING_IDENTITY + "\n")
    own = ("--identity", folder / "grading.key")
    assert desk.code("import-key", bundle, *own) == "key.file"
    assert desk.code("import-results", key, *own) == "results.malformed"
    assert desk.code("import-results", cut, *own) == "results.malformed"
    assert desk.code("import-results", damaged, *own) == "results.altered"
    assert desk.code("import-results", bundle, "--identity", other) == "seal.open"
    password = folder / "password"
    assert desk.code("import-results", bundle, "--identity", password) == "identity.file"
    assert desk.code("import-centre", folder / "root.json").startswith("signature.")
    assert desk.code("import-centre", folder / "none") == "file.unreadable"
    assert desk.code("export", "--out", folder / "out") == "results.none"
    desk.run("import-results", bundle, *own)
    assert desk.code("export", "--out", folder / "out") == "results.unmarked"
    assert desk.code("report", "--out", folder / "out") == "results.unmarked"
    assert not (folder / "out").exists()


def test_a_site_is_made_once_and_whole(desk: Desk) -> None:
    """A folder in use, a key file that exists, a bad address or policy: nothing is left behind."""
    root = desk.folder / "root.json"
    fresh = desk.folder / "fresh.key"
    assert desk.code("init", "--root", root, "--identity-out", fresh) == "data.exists"
    assert not fresh.exists()
    desk.data = desk.folder / "second"
    present = desk.folder / "grading.key"
    assert desk.code("init", "--root", root, "--identity-out", present) == "data.exists"
    words = ("--root", root, "--identity-out", fresh)
    assert desk.code("init", *words, "--address", "nicht gut!") == "tls.address"
    bad = desk.folder / "bad.json"
    bad.write_text('{"team_best_n": "zwei"}')
    assert desk.code("init", *words, "--policy", bad) == "policy.malformed"
    assert desk.code("init", *words, "--database-url", "nowhere") == "database.url"
    assert not desk.data.exists()
    assert not fresh.exists()
    assert desk.code("serve") == "data.missing"


@pytest.mark.parametrize("roles", ["marker,staff", "chief", "auditor,lead", ""])
def test_roles_that_do_not_go_together_are_refused(desk: Desk, roles: str) -> None:
    """Above all nobody marks who may also see names beside scores as staff."""
    password = desk.folder / "password"
    words = ("--name", "x", "--roles", roles, "--password-file", password)
    assert desk.code("add-account", *words) == "account.role"


def test_a_room_on_this_machine_is_always_asked(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever its folder is: importing a key waits until the sitting there is closed."""
    folder = desk.folder
    desk.data = folder / "beside"
    machine = Machine(folder / "shared")
    desk.run(
        *("init", "--root", folder / "root.json", "--identity-out", folder / "beside.key"),
        *("--machine", machine.folder, "--json"),
    )
    recipient = json.loads(capsys.readouterr().out.splitlines()[-1])["recipient"]
    write_world_files(folder / "files", recipient)
    own = ("--identity", folder / "beside.key")
    package = folder / "files" / "paper.examkey"
    status = RoomStatus(centre_id="C01", sitting_id="", state=SittingState.PREPARED)
    machine.register("00" * 8, status)
    assert desk.code("import-key", package, *own) == "key.sitting_open"
    (folder / "shared").rename(folder / "elsewhere")
    assert desk.code("import-key", package, *own) == "machine.registry"
    (folder / "elsewhere").rename(folder / "shared")
    machine.register("00" * 8, msgspec.structs.replace(status, state=SittingState.CLOSED))
    desk.run("import-key", package, *own)


def test_two_processes_append_to_one_audit_chain(tmp_path: Path) -> None:
    """Lines written in turn by two open logs follow each other without a gap."""
    path = tmp_path / "audit.jsonl"
    first, second = (SharedAuditTrail(path, FakeClock()) for _ in range(2))
    for turn in range(6):
        (first, second)[turn % 2].record("turn", subject=str(turn))
    lines = path.read_bytes().splitlines()
    assert len(lines) == 6
    verify_lines(lines)
    assert AuditTrail(path, FakeClock()).head == verify_lines(lines)
