"""The grading site in the demo: keys and results come in, people mark blind, results go out."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.accounts import make_accounts
from deploy.demo.browser import Person
from deploy.demo.folders import Folders
from deploy.demo.headquarters import Sealed
from deploy.demo.processes import DemoError, run, start, stop, wait_ready

ACCOUNTS = {
    "阅卷员甲": "marker",
    "阅卷员乙": "marker",
    "阅卷组长": "lead",
    "统分": "staff",
    "监督": "auditor",
}
MARKERS = ("阅卷员甲", "阅卷员乙")
IDENTITY = "grading-identity.txt"

_TASK = re.compile(r'action="(/mark/tasks/([0-9a-z]+))"')
_SEQUENCE = re.compile(r'name="sequence" value="(\d+)"')
_RESPONSE = re.compile(r'<div class="prose response">(.*?)</div>', re.DOTALL)
_POINT = re.compile(
    r'<label for="point_(\d+)"><kbd>\d+</kbd>\s*(.*?)\s*<span class="worth">([\d.]+) 分', re.DOTALL
)
_PROGRESS = re.compile(r"全部 (\d+) / (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The running grading site."""

    process: subprocess.Popen[bytes]
    url: str
    ca: Path
    passwords: dict[str, str]

    def person(self, name: str) -> Person:
        """One of its people, signed in."""
        return Person(self.url, self.ca, name=name, password=self.passwords[name])

    def stop(self) -> None:
        """End it cleanly."""
        stop(self.process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A response as a marker's page shows it."""

    path: str
    sequence: str
    response: str
    points: tuple[tuple[str, str, str], ...]  # number, meaning, worth
    marked: int
    total: int


def set_up_site(folders: Folders, root: Path) -> Path:
    """Make the grading site; returns the file with its public key for sealing."""
    run(
        *("exam-server", "grade", "init", "--data", folders.site, "--root", root),
        *("--identity-out", folders.vault / IDENTITY, "--machine", folders.machine),
    )
    return folders.site / "recipient.txt"


def add_accounts(folders: Folders) -> dict[str, str]:
    """Accounts of the grading site; returns their passwords."""
    command = ("exam-server", "grade", "add-account", "--data", folders.site)
    return make_accounts(command, ACCOUNTS, folders.vault)


def import_all(folders: Folders, centre: Path, sealed: Sealed, results: Path) -> int:
    """Take in centre, key and results; returns how many responses wait for a person."""
    grade = ("exam-server", "grade")
    identity = ("--identity", folders.vault / IDENTITY)
    data = ("--data", folders.site)
    run(*grade, "import-centre", *data, centre)
    run(*grade, "import-key", *data, sealed.key, *identity)
    said = run(*grade, "import-results", *data, results, *identity, "--json")
    return int(json.loads(said)["tasks"])


def start_site(folders: Folders, passwords: dict[str, str]) -> Site:
    """Start the grading site on loopback."""
    log = folders.logs / "grading-site.log"
    process = start(
        ("exam-server", "grade", "serve", "--data", folders.site, "--port", "0"), log=log
    )
    ready = wait_ready(process, folders.site / "run" / "ready.json", log)
    return Site(
        process=process,
        url=ready["console_url"],
        ca=folders.site / "ca.pem",
        passwords=passwords,
    )


def mark_everything(site: Site, show: Callable[[int], None]) -> list[Task]:
    """Two markers take turns until the queue is empty; returns what they saw."""
    seen: list[Task] = []
    with site.person(MARKERS[0]) as first, site.person(MARKERS[1]) as second:
        active = [first, second]
        pages = [person.post("/mark/next", page="/mark") for person in active]
        while any(_TASK.search(page) for page in pages):
            for place, person in enumerate(active):
                if _TASK.search(pages[place]):
                    task = read_task(pages[place])
                    seen.append(task)
                    pages[place] = give(person, task, honest_scores(task))
                    show(len(seen))
    return seen


def read_task(page: str) -> Task:
    """The task on a marker's page.

    Raises:
        DemoError: There is none.
    """
    task, sequence = _TASK.search(page), _SEQUENCE.search(page)
    response, progress = _RESPONSE.search(page), _PROGRESS.search(page)
    if not (task and sequence and response and progress):
        message = "the marker's page shows no response"
        raise DemoError(message)
    points = tuple((n, html.unescape(text), worth) for n, text, worth in _POINT.findall(page))
    return Task(
        path=task[1],
        sequence=sequence[1],
        response=html.unescape(response[1]),
        points=points,
        marked=int(progress[1]),
        total=int(progress[2]),
    )


def honest_scores(task: Task) -> dict[str, str]:
    """Full marks for each meaning that is present, nothing for the others."""
    return {n: worth if text in task.response else "0" for n, text, worth in task.points}


def give(person: Person, task: Task, scores: dict[str, str], comment: str = "") -> str:
    """Give the mark and go on; returns the next page."""
    fields = {f"point_{n}": score for n, score in scores.items()}
    fields |= {"sequence": task.sequence, "comment": comment, "place": ""}
    return person.post(task.path, fields, page=task.path)


def change_one_mark(site: Site, seen: list[Task]) -> tuple[str, str]:
    """A marker looks again at the fullest response and takes its points back.

    Returns the ranked order of admission numbers before and after, as JSON texts.
    """
    before = ranked(site)
    by_worth = sorted(seen, key=lambda task: (-_given(task), task.response, task.path))
    for task in by_worth:
        for name in MARKERS:
            with site.person(name) as marker:
                try:
                    page = marker.get(task.path)
                except DemoError:
                    continue  # the other marker's: markers do not see each other's work
                current = read_task(page)
                nothing = {n: "0" for n, _, _ in task.points}
                give(marker, current, nothing, "复看后更正")
                after = ranked(site)
                if after != before:
                    give(marker, read_task(marker.get(task.path)), honest_scores(task), "恢复")
                    return before, after
                give(marker, read_task(marker.get(task.path)), honest_scores(task), "恢复")
    message = "no changed mark changed the ranks"
    raise DemoError(message)


def ranked(site: Site) -> str:
    """The ranked list as the results page shows it: admission numbers in order."""
    with site.person("统分") as staff:
        page = staff.get("/results")
    return json.dumps(list(dict.fromkeys(re.findall(r"/results/candidates/(\w+)", page))))


def export_results(folders: Folders) -> Path:
    """Write the archive and the documents; returns the archive."""
    archive = folders.results.parent / "results" / "exam.examarchive"
    archive.parent.mkdir(parents=True, exist_ok=True)
    data = ("--data", folders.site)
    run("exam-server", "grade", "report", *data, "--out", folders.results)
    run("exam-server", "grade", "export", *data, "--out", archive)
    return archive


def _given(task: Task) -> float:
    return sum(float(worth) for _, text, worth in task.points if text in task.response)
