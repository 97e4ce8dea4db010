"""Installing a kiosk and reading it back: verified first, written after, its owner's only."""

import errno
import stat
from pathlib import Path

import pytest

from exam_client.config import DataFolder, KioskFacts, install, install_root, load_config
from exam_client.journal.files import RealFileSystem
from exam_client.kiosk_lock import kiosk_lock
from exam_core.crypto.signing import public_key_of
from exam_core.errors import InputError, IntegrityError, StateError, StorageError
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import Office, encode_root, sign_root_update
from exam_core.model.identifiers import SeatId
from tests.support import builders
from tests.support.memory_files import MemoryFiles
from tests.support.refusals import refuses

ROOT = encode_root(builders.root())
CENTRE = sign_centre(builders.centre(), [builders.SETTER, builders.APPROVER])
FACTS = KioskFacts(
    kiosk_url="https://exam.lan:8443/",
    console_url="https://exam.lan:8444",
    seat_id=SeatId("A01"),
)
FOLDER = DataFolder(Path("/kiosk"))


def test_an_installed_kiosk_is_read_back() -> None:
    """What was installed is what is loaded, and a session id names a folder."""
    files = MemoryFiles()

    installed = install(files, FOLDER, FACTS, root=ROOT, centre=CENTRE)

    assert load_config(files, FOLDER) == installed
    assert installed.kiosk_url == "https://exam.lan:8443"
    assert installed.centre == builders.centre()
    assert FOLDER.session(builders.SESSION_ID).parent.name == "sessions"


def test_real_folders_are_their_owners_only(tmp_path: Path) -> None:
    """On a real disk the folder is 0700 and every file in it 0600."""
    folder = DataFolder(tmp_path / "kiosk")

    install(RealFileSystem(), folder, FACTS, root=ROOT, centre=CENTRE)
    with kiosk_lock(folder):
        pass

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}


def test_nothing_is_written_before_all_is_verified() -> None:
    """A descriptor that too few have signed leaves no file."""
    files = MemoryFiles()
    by_one = sign_centre(builders.centre(), [builders.SETTER])

    with refuses(IntegrityError, "signature.threshold"):
        install(files, FOLDER, FACTS, root=ROOT, centre=by_one)
    with refuses(InputError, "root.malformed"):
        install(files, FOLDER, FACTS, root=b"{}", centre=CENTRE)

    assert files.contents() == {}


def test_a_disk_that_refuses_is_said() -> None:
    """Neither installing nor loading hides a failing disk."""
    files = MemoryFiles()
    install(files, FOLDER, FACTS, root=ROOT, centre=CENTRE)
    files.fault = lambda _call, _name, _path: OSError(errno.EIO, "made to fail")

    with refuses(StorageError, "client.disk"):
        install(files, FOLDER, FACTS, root=ROOT, centre=CENTRE)
    with refuses(StorageError, "client.disk"):
        load_config(files, FOLDER)


def test_an_altered_installation_is_refused() -> None:
    """Missing, foreign and altered files are found when a program starts."""
    files = MemoryFiles()
    with refuses(StateError, "client.not_installed"):
        load_config(files, FOLDER)
    install(files, FOLDER, FACTS, root=ROOT, centre=CENTRE)

    files.put(FOLDER.facts, b"{}")
    with refuses(InputError, "client.config"):
        load_config(files, FOLDER)
    install(files, FOLDER, FACTS, root=ROOT, centre=CENTRE)
    files.put(FOLDER.centre, CENTRE.replace(b'"sig":"', b'"sig":"A', 1))
    with pytest.raises((InputError, IntegrityError)):
        load_config(files, FOLDER)


@pytest.mark.parametrize(
    ("kiosk_url", "seat_id"),
    [
        ("http://exam.lan:8443", "A01"),
        ("https://", "A01"),
        ("https://exam.lan/path", "A01"),
        ("https://exam.lan", ""),
        ("https://exam.lan", "A" * 33),
        ("https://exam.lan", "A\n1"),
    ],
)
def test_wrong_facts_are_refused(kiosk_url: str, seat_id: str) -> None:
    """Addresses without TLS and impossible seats are refused with advice."""
    with refuses(InputError, "client.config"):
        KioskFacts(kiosk_url=kiosk_url, console_url="https://x", seat_id=SeatId(seat_id))


def test_one_program_for_each_folder(tmp_path: Path) -> None:
    """A second program is refused while the first runs, and not after it."""
    folder = DataFolder(tmp_path)
    with kiosk_lock(folder), refuses(StateError, "client.running"), kiosk_lock(folder):
        pass
    with kiosk_lock(folder):
        pass

    with refuses(StorageError, "client.disk"), kiosk_lock(DataFolder(tmp_path / "none")):
        pass


OLD = [builders.SETTER, builders.APPROVER]
NEW = [builders.signing_key("new setter"), builders.signing_key("new approver")]
NEXT = builders.root(
    version=2,
    keys=dict(zip(map(public_key_of, NEW), (Office.SETTER, Office.APPROVER), strict=True)),
)
UPDATE = sign_root_update(NEXT, [*OLD, *NEW])


def test_a_root_is_replaced_with_a_centre_that_holds_under_it() -> None:
    """The descriptor signed anew goes in first; installing again after a crash is possible."""
    files = MemoryFiles()
    install(files, FOLDER, FACTS, root=ROOT, centre=CENTRE)
    anew = sign_centre(builders.centre(), NEW)
    files.fault = lambda _call, name, path: (
        OSError(errno.EIO, "off") if (name, path) == ("replace", FOLDER.root) else None
    )
    with refuses(StorageError, "client.disk"):
        install_root(files, FOLDER, update=UPDATE, centre=anew)
    files.fault = None

    assert install_root(files, FOLDER, update=UPDATE, centre=anew) == NEXT
    assert load_config(files, FOLDER).root == NEXT


def test_a_centre_that_both_sides_signed_stays() -> None:
    """Then no new descriptor is needed."""
    files = MemoryFiles()
    both = sign_centre(builders.centre(), [*OLD, *NEW])
    install(files, FOLDER, FACTS, root=ROOT, centre=both)

    assert install_root(files, FOLDER, update=UPDATE, centre=None) == NEXT
    assert load_config(files, FOLDER).centre == builders.centre()


def test_a_root_that_does_not_follow_changes_nothing() -> None:
    """Neither one that a side did not sign, nor one under which the centre is not known."""
    files = MemoryFiles()
    with refuses(StateError, "client.not_installed"):
        install_root(files, FOLDER, update=UPDATE, centre=None)
    install(files, FOLDER, FACTS, root=ROOT, centre=CENTRE)
    before = files.contents()

    with refuses(IntegrityError, "root.successors"):
        install_root(files, FOLDER, update=sign_root_update(NEXT, OLD), centre=None)
    with refuses(IntegrityError, "signature.unknown_key"):
        install_root(files, FOLDER, update=UPDATE, centre=None)
    files.fault = lambda _call, name, _path: OSError(errno.EIO, "off") if name == "read" else None
    with refuses(StorageError, "client.disk"):
        install_root(files, FOLDER, update=UPDATE, centre=None)
    files.fault = None

    assert files.contents() == before
