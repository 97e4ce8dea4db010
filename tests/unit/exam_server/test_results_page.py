"""The results page: fixed once, signed by two people who see the same, then fetched."""

import hashlib
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from exam_core import limits
from exam_core.errors import ExamError, InputError
from exam_core.formats.audit_log import split_lines
from exam_core.formats.officials import seal_official_key
from exam_core.formats.results_bundle import open_results
from exam_core.model.states import SittingState
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import People
from exam_server.clock import SystemClock
from exam_server.room.cli import app
from exam_server.room.serve import open_store
from exam_server.room.services.results import Brought, sign_and_export
from exam_server.store import room as tables
from tests.support import builders
from tests.support.audit_logs import read_entries
from tests.support.room_pages import WEB_PAGE, Pages
from tests.support.room_world import CHEAP, PASSWORD, RoomWorld

PASSPHRASE = "the official's own words"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, ...]:
    """The officials' key files, with a passphrase that costs milliseconds."""
    monkeypatch.setattr(limits, "scrypt_log_n", 10)
    return tuple(seal_official_key(key, PASSPHRASE) for key in builders.OFFICIAL_KEYS)


def end_sitting(world: RoomWorld) -> None:
    """Everybody stayed away, and the sitting is over."""
    store = open_store(world.folder)
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        assert sitting is not None
        sitting.state = str(SittingState.ENDED)
    store.close()


@pytest.fixture
def pages(world: RoomWorld) -> Iterator[Pages]:
    """The pages of a room whose sitting ended."""
    end_sitting(world)
    one = Pages(world)
    yield one
    one.store.close()


def sign(pages: Pages, who: str, key: bytes, **form: str) -> dict[str, object]:
    """What a script is answered."""
    digest = str(pages.request("GET", "/results", who).json()["digest"])
    reply = pages.request(
        "POST",
        "/results/sign",
        who,
        form={"digest": digest, "passphrase": PASSPHRASE, **form},
        files={"key_file": ("key", key)},
    )
    answer: dict[str, object] = reply.json()
    return answer


def test_two_officials_make_the_file(pages: Pages, keys: tuple[bytes, ...]) -> None:
    """Fix, sign, sign, fetch; the second fetch is the same file, and it opens."""
    assert pages.request("POST", "/results/fix", "zhao").json()["state"] == "sealed"
    early = pages.request("POST", "/results/export", "zhao")
    assert early.json()["code"] == "sitting.state"
    assert sign(pages, "zhang", keys[0])["signed_by"] == ["王建国"]
    assert sign(pages, "zhang", keys[1])["code"] == "official.same_person"
    assert sign(pages, "zhao", keys[0])["code"] == "official.signed"
    assert sign(pages, "zhao", keys[1], passphrase="wrong")["code"] == "official.key"
    assert sign(pages, "zhao", keys[1], digest="00" * 32)["code"] == "results.digest_shown"
    assert sign(pages, "zhao", keys[1])["state"] == "closed"
    first, second = (pages.request("POST", "/results/export", who) for who in ("zhao", "zhang"))
    assert first.content == second.content
    manifest, _ = open_results(first.content, builders.GRADING_IDENTITY, pages.room.folder.centre())
    assert manifest.counts.absent == 4
    log = pages.room.folder.audit_file.read_text()
    assert log.count('"results_signature_refused"') == 4
    assert hashlib.sha256(first.content).hexdigest() in log.splitlines()[-2]


def test_a_person_sees_the_digest_and_who_signed(pages: Pages, keys: tuple[bytes, ...]) -> None:
    """Both read the same digest in groups; refusals stand on the page with advice."""
    before = pages.request("GET", "/results", "zhao", headers=WEB_PAGE).text
    assert "固定之后不能撤回" in before
    done = pages.request("POST", "/results/fix", "zhao", headers=WEB_PAGE)
    assert done.status_code == HTTPStatus.SEE_OTHER
    digest = pages.request("GET", "/results", "zhao").json()["digest"]
    groups = " ".join(digest[at : at + 4] for at in range(0, 64, 4))
    for who in ("zhao", "zhang"):
        assert groups in pages.request("GET", "/results", who, headers=WEB_PAGE).text
    sign(pages, "zhang", keys[2])
    page = pages.request("GET", "/results", "zhang", headers=WEB_PAGE).text
    assert "已签（账号 zhang）" in page
    assert 'name="key_file"' not in page
    wrong = pages.request(
        "POST",
        "/results/sign",
        "zhao",
        form={"digest": digest, "passphrase": PASSPHRASE},
        files={"key_file": ("key", b"nonsense")},
        headers=WEB_PAGE,
    )
    assert 'data-code="official.key"' in wrong.text
    missing = pages.request("POST", "/results/sign", "zhao", form={"digest": digest})
    assert missing.json()["code"] == "official.key"


def test_nothing_is_fixed_before_the_end(world: RoomWorld) -> None:
    """And the page asks nobody who shall read the results."""
    pages = Pages(world)
    early = pages.request("POST", "/results/fix", "zhao")
    assert early.json()["code"] == "sitting.state"
    refused = pages.request("POST", "/results/fix", "zhao", headers=WEB_PAGE)
    assert 'data-code="sitting.state"' in refused.text
    page = pages.request("GET", "/results", "zhao", headers=WEB_PAGE).text
    assert "recipient" not in page
    assert "固定结果</button>" not in page
    pages.store.close()


def test_the_command_line_does_all_steps(
    world: RoomWorld, keys: tuple[bytes, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With two keys; with fewer nothing is fixed, and a closed room needs none."""
    end_sitting(world)
    folder = tmp_path_factory.mktemp("out")
    (folder / "p").write_text(PASSPHRASE + "\n")
    for number, key in enumerate(keys):
        (folder / f"k{number}").write_bytes(key)

    (folder / "password").write_text(PASSWORD + "\n")

    def export(
        out: str, *numbers: int, secrets: int = 9, who: tuple[str, ...] = ("zhang", "zhao")
    ) -> bytes:
        words = ["export-results", "--data", str(world.folder.path), "--out", str(folder / out)]
        for number in numbers:
            words += ["--official", str(folder / f"k{number}")]
        words += ["--passphrase-file", str(folder / "p")] * min(len(numbers), secrets)
        for name in who[: len(numbers)]:
            words += ["--account", name, "--password-file", str(folder / "password")]
        app(words, standalone_mode=False)
        return (folder / out).read_bytes()

    for numbers, code in (((), "results.no_official"), ((0,), "results.one_official")):
        with pytest.raises(ExamError, match=code):
            export("early", *numbers)
    with pytest.raises(InputError, match=r"official\.key"):
        export("early", 0, 1, secrets=1)
    with pytest.raises(ExamError, match=r"official\.same_person"):
        export("early", 0, 1, who=("zhao", "zhao"))
    with pytest.raises(ExamError, match=r"pair\.role"):
        export("early", 0, 1, who=("zhao", "wang"))
    (folder / "password").write_text("not the password\n")
    with pytest.raises(ExamError, match=r"access\.refused"):
        export("early", 0, 1)
    (folder / "password").write_text(PASSWORD + "\n")
    assert not world.folder.draft_file.exists()
    first = export("first", 0, 2)
    assert export("second") == first
    manifest, _ = open_results(first, builders.GRADING_IDENTITY, world.folder.centre())
    assert manifest.counts.rostered == 4
    entries = read_entries(split_lines(world.folder.audit_file.read_bytes()))
    actors = [one.actors for one in entries if one.action.startswith("results_")]
    assert actors == [("zhang", "zhao"), ("zhang",), ("zhao",), ("zhang", "zhao")]


def test_the_command_line_goes_on_with_what_was_signed(
    world: RoomWorld, keys: tuple[bytes, ...]
) -> None:
    """One signed on the page before the server stopped: one more key is enough."""
    end_sitting(world)
    pages = Pages(world)
    pages.request("POST", "/results/fix", "zhao")
    sign(pages, "zhao", keys[0])
    trail = AuditTrail(world.folder.audit_file, SystemClock())
    people = People(pages.store, SystemClock(), CHEAP)
    own = Brought(account="zhang", password=PASSWORD, key_file=keys[1], passphrase=PASSPHRASE)
    bundle = sign_and_export(pages.store, world.folder, trail, people, [own])
    pages.store.close()
    open_results(bundle, builders.GRADING_IDENTITY, world.folder.centre())
