"""Headquarters in the demo: bank, coverage, draw, signing keys, sealing, printing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.folders import Folders
from deploy.demo.processes import DemoError, run
from deploy.demo.progress import Steps
from deploy.demo.settings import DemoSettings
from paper_builder.assembly.draft import PaperDraft, parse_draft

SPARE_FORMS = 4
SITTING = "demo-2026"
PRESET = Path("paper_builder/assembly/presets/baicheng-2019.toml")
SAMPLE_BANK = Path("paper_builder/bank/sample/sample-bank.xlsx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The files that leave headquarters, and the code that travels by another way."""

    package: Path
    bundle: Path
    key: Path
    opening_code: str


def import_bank(folders: Folders, steps: Steps, source: Path = SAMPLE_BANK) -> None:
    """Import a bank and print its coverage."""
    bank = folders.hq / "bank.sqlite"
    folders.hq.mkdir(parents=True)
    run("paper-builder", "import", source, "--bank", bank)
    steps.console.print(run("paper-builder", "coverage", "--bank", bank), highlight=False)


def draw_paper(settings: DemoSettings, folders: Folders, steps: Steps) -> PaperDraft:
    """Draw the paper; as headquarters, the conductor may read the draft with its keys."""
    blueprint = folders.hq / "blueprint.toml"
    duration = f"duration_seconds = {settings.sitting_s}"
    preset = PRESET.read_text()
    shortened = preset.replace("duration_minutes = 120", duration)
    if shortened == preset:
        message = f"{PRESET} has no line 'duration_minutes = 120' to shorten"
        raise DemoError(message)
    blueprint.write_text(shortened)
    out = folders.hq / "draw"
    printed = run(
        *("paper-builder", "draw", "--bank", folders.hq / "bank.sqlite", "--out", out),
        *("--blueprint", blueprint, "--seed", settings.seed),
        *("--forms", str(settings.candidates + SPARE_FORMS)),
    )
    steps.console.print(printed, highlight=False)
    return parse_draft((out / "paper.draft").read_bytes())


def print_paper(folders: Folders) -> None:
    """Two forms and their marking guides as PDF."""
    run(
        *("paper-builder", "print", folders.hq / "draw", "--out", folders.papers),
        *("--form", "1", "--form", "2", "--banner", "内部资料★启用前"),
    )


def make_keys(folders: Folders) -> Path:
    """Signing keys of setter and approver; returns the trust root."""
    run("paper-builder", "keys", "--out", folders.hq / "keys")
    return folders.hq / "keys" / "root.json"


def sign_centre(folders: Folders, unsigned: Path) -> Path:
    """Headquarters vouches for the centre's keys."""
    signed = folders.hq / "centre.signed"
    run("paper-builder", "sign-centre", unsigned, *_signers(folders), "--out", signed)
    return signed


def seal(folders: Folders, centre: Path, grading_recipient: Path) -> Sealed:
    """Seal package, opening bundle and answer key."""
    out = folders.hq / "sealed"
    said = json.loads(
        run(
            *("paper-builder", "seal", folders.hq / "draw", *_signers(folders)),
            *("--centre", centre, "--grading-recipient", grading_recipient),
            *("--sitting", SITTING, "--out", out, "--codes-out", folders.codes, "--json"),
        )
    )
    ((centre_id, bundle),) = said["bundles"].items()
    return Sealed(
        package=out / "paper.exampkg",
        bundle=out / bundle,
        key=out / "answers.examkey",
        opening_code=said["codes"][centre_id],
    )


def _signers(folders: Folders) -> tuple[str | Path, ...]:
    keys = folders.hq / "keys"
    signers = ("--key", keys / "setter.key", "--key", keys / "approver.key")
    return (*signers, "--root", keys / "root.json")
