"""The pages of docs/ agree with the code, and the tree has the shape that they describe."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from deploy.tools.state_diagrams import PAGE, page_with_diagrams
from exam_core.model.items import TITLES_ZH

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "exam_core",
    "exam_client",
    "exam_server",
    "paper_builder",
    "grading",
    "deploy",
    "tests",
    "docs",
}


def tracked_files() -> list[Path]:
    """Every file that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_top_level_folders_are_the_agreed_ones() -> None:
    """The tree has exactly the folders that the README maps."""
    folders = {path.relative_to(ROOT).parts[0] for path in tracked_files() if path.parent != ROOT}

    assert {name for name in folders if not name.startswith(".")} == FOLDERS


def test_glossary_titles_match_the_code() -> None:
    """An item type has one Chinese name, in the glossary and on every screen."""
    glossary = (ROOT / "docs" / "glossary.md").read_text()

    for item_type, title in TITLES_ZH.items():
        assert f"| {item_type} | {title} |" in glossary


@pytest.mark.parametrize(
    ("stray", "word"), [("座位", "机位"), ("考场口令", "考场码"), ("加入码", "登记码")]
)
def test_one_thing_has_one_word_on_every_screen(stray: str, word: str) -> None:
    """Programs say the glossary's word; a roster's own column name is read, never said."""
    said = [
        path.relative_to(ROOT).as_posix()
        for path in tracked_files()
        if path.suffix in {".py", ".html", ".js"}
        and not path.is_relative_to(ROOT / "tests")
        and path.exists()
        and stray in path.read_text()
    ]

    assert word in (ROOT / "docs" / "glossary.md").read_text()
    assert set(said) <= {"exam_server/room/services/roster_file.py"}


def test_state_diagrams_are_fresh() -> None:
    """The diagrams were generated from today's state tables."""
    text = PAGE.read_text()

    assert text == page_with_diagrams(text)


def test_dependencies_are_explained() -> None:
    """Every direct dependency has a line in docs/dependencies.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    explained = (ROOT / "docs" / "dependencies.md").read_text().lower()

    for line in wanted:
        name = re.split(r"[<>=\[]", line)[0].lower()
        assert re.search(rf"\b{re.escape(name)}\b", explained), name


def test_links_in_documents_lead_somewhere() -> None:
    """Every relative link in a page names a file that exists."""
    for page in tracked_files():
        if page.suffix != ".md" or not page.exists():
            continue
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} -> {target}"


@pytest.mark.parametrize("limit", [600])
def test_modules_stay_small(limit: int) -> None:
    """No module grows past the length at which it answers more than one question."""
    for path in tracked_files():
        if path.suffix == ".py" and path.exists() and "vectors" not in path.parts:
            assert len(path.read_text().splitlines()) <= limit, path.relative_to(ROOT)


def test_no_path_of_a_machine_is_committed() -> None:
    """Nothing in the tree knows where somebody's checkout lies or which index they use."""
    homes = re.compile(r"/(?:home|Users)/\w+/|/work/(?:main|shared|scratch)|/root/\.")
    for path in tracked_files():
        if path.suffix in {".py", ".md", ".toml", ".sh", ".lock", ".txt", ".html", ".js", ".css"}:
            if not path.exists() or path.name == Path(__file__).name:
                continue
            assert not homes.search(path.read_text()), path.relative_to(ROOT)
