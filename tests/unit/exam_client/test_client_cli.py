"""The command line: one clear sentence and an exit status, never a traceback."""

import json
import sys
from pathlib import Path

import pytest

from exam_client import cli
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import encode_root, fingerprint, sign_root_update
from tests.support import builders
from tests.support.command_paths import paths_of


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["exam-client", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def _install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *more: str) -> int:
    (tmp_path / "root.json").write_bytes(encode_root(builders.root()))
    centre = sign_centre(builders.centre(), [builders.SETTER, builders.APPROVER])
    (tmp_path / "centre.signed").write_bytes(centre)
    return _run(
        monkeypatch,
        *("install", "--data", tmp_path / "kiosk", "--root", tmp_path / "root.json"),
        *("--centre", tmp_path / "centre.signed", "--seat", "A01"),
        *("--kiosk-url", "https://127.0.0.1:1", "--console-url", "https://127.0.0.1:2"),
        *more,
    )


def test_install_shows_the_roots_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fingerprint to compare on paper is printed, for people and for scripts."""
    assert _install(monkeypatch, tmp_path) == 0
    assert fingerprint(builders.root()) in capsys.readouterr().out

    assert _install(monkeypatch, tmp_path, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["root_fingerprint"] == fingerprint(builders.root())
    assert facts["centre_id"] == builders.CENTRE_ID


def test_install_root_shows_the_new_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A root that old and new people signed replaces the present one; twice is refused."""
    assert _install(monkeypatch, tmp_path) == 0
    following = builders.root(version=2)
    signers = [builders.SETTER, builders.APPROVER]
    (tmp_path / "root.update").write_bytes(sign_root_update(following, signers))
    words = ("install-root", "--data", tmp_path / "kiosk", "--update", tmp_path / "root.update")
    capsys.readouterr()

    assert _run(monkeypatch, *words) == 0
    assert fingerprint(following) in capsys.readouterr().out
    assert _run(monkeypatch, *words, "--centre", tmp_path / "centre.signed") == 2
    assert "root.version" in capsys.readouterr().err


def test_a_refusal_is_a_sentence_and_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing files, missing installation and malformed codes end with code, sentence, advice."""
    (tmp_path / "kiosk").mkdir()
    assert _run(monkeypatch, "enrol", "--data", tmp_path / "kiosk", "--join-code", "1") == 2
    told = capsys.readouterr().err
    assert "client.not_installed" in told
    assert "怎么办" in told

    assert _install(monkeypatch, tmp_path) == 0
    (tmp_path / "root.json").unlink()
    assert (
        _run(
            monkeypatch,
            *("install", "--data", tmp_path / "kiosk", "--root", tmp_path / "root.json"),
            *("--centre", tmp_path / "centre.signed", "--seat", "A01"),
            *("--kiosk-url", "https://x", "--console-url", "https://x"),
        )
        == 2
    )
    assert "client.file" in capsys.readouterr().err
    assert _run(monkeypatch, "enrol", "--data", tmp_path / "kiosk", "--join-code", "12ab") == 2
    assert "enrol.code_shape" in capsys.readouterr().err
    assert _run(monkeypatch, "run", "--data", tmp_path) == 2
    assert "client.not_installed" in capsys.readouterr().err


def test_a_plan_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A candidate who cannot sit is named with seat and code; the status is the family's."""
    (tmp_path / "root.json").write_bytes(encode_root(builders.root()))
    centre = sign_centre(builders.centre(), [builders.SETTER, builders.APPROVER])
    (tmp_path / "centre.signed").write_bytes(centre)
    plan = {
        "kiosk_url": "https://127.0.0.1:1",
        "console_url": "https://127.0.0.1:1",
        "root": "root.json",
        "centre": "centre.signed",
        "report": "report.json",
        "candidates": [
            {
                "seat_id": "A01",
                "admission_number": "1",
                "id_number": "2",
                "room_code": "3",
            }
        ],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))

    assert _run(monkeypatch, "simulate", "--plan", tmp_path / "plan.json", "--progress") == 2

    assert "A01：simulate.plan" in capsys.readouterr().err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["candidates"][0]["problem"]["code"] == "simulate.plan"


@pytest.mark.parametrize(
    ("statuses", "status"), [((), 0), ((3,), 3), ((3, 2, 3), 2)], ids=["none", "away", "refused"]
)
def test_failed_candidates_give_the_status_of_their_family(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    statuses: tuple[int, ...],
    status: int,
) -> None:
    """An unreachable room may be tried again; where anybody was refused that is said instead."""
    report = {
        "candidates": [
            {"seat_id": f"A{n}", "problem": {"code": "c", "message": "m", "status": one}}
            for n, one in enumerate(statuses)
        ]
        + [{"seat_id": "B01", "problem": None}]
    }
    monkeypatch.setattr("exam_client.simulate.read_plan", lambda _plan: None)
    monkeypatch.setattr("exam_client.simulate.run_plan", lambda *_, **__: report)

    assert _run(monkeypatch, "simulate", "--plan", tmp_path / "plan.json") == status

    assert capsys.readouterr().err.count("机位") == len(statuses)


def test_own_refusals_answer_for_files() -> None:
    """No argument leaves the check of its file to the library, which answers in English."""
    for path in paths_of(cli.app):
        assert not path.exists, path.name
        assert not path.readable, path.name
