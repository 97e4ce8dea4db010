"""Where everything of one run lies: what is shown to the user, and what each party keeps."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.settings import DemoSettings


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a run; all below the output folder, so one `rm` clears it."""

    out: Path

    @property
    def hq(self) -> Path:
        """Headquarters: the bank, the draw, signing keys, sealed files."""
        return self.out / "work" / "headquarters"

    @property
    def codes(self) -> Path:
        """Headquarters' release desk: the opening-code slip and the officials' envelopes."""
        return self.out / "work" / "codes"

    @property
    def room(self) -> Path:
        """The exam centre's server."""
        return self.out / "work" / "room"

    @property
    def machine(self) -> Path:
        """Where the room and the grading site, on one box here, know of each other."""
        return self.out / "work" / "machine"

    @property
    def usb(self) -> Path:
        """What the two people bring on the day: the opening key and its passphrase."""
        return self.out / "work" / "usb"

    @property
    def seats(self) -> Path:
        """The disks of the kiosks, one folder a seat."""
        return self.out / "work" / "seats"

    @property
    def site(self) -> Path:
        """The grading site's server."""
        return self.out / "work" / "grading-site"

    @property
    def vault(self) -> Path:
        """The grading site's private key."""
        return self.out / "work" / "grading-vault"

    @property
    def logs(self) -> Path:
        """What the programs said."""
        return self.out / "work" / "logs"

    @property
    def papers(self) -> Path:
        """PDFs of the paper."""
        return self.out / "papers"

    @property
    def results(self) -> Path:
        """Ranked lists and reports."""
        return self.out / "results"

    @property
    def pictures(self) -> Path:
        """Screenshots."""
        return self.out / "pictures"


def fresh_folders(settings: DemoSettings) -> Folders:
    """Empty the output folder and make what is needed."""
    folders = Folders(settings.out)
    if (settings.out / "work").exists() or (settings.out / "summary.json").exists():
        shutil.rmtree(settings.out)
    for folder in (folders.usb, folders.seats, folders.vault, folders.logs, folders.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    folders.vault.chmod(0o700)
    return folders
