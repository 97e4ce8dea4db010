"""The order of the day: every step of the exam, from bank to ranked list."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo import candidates as seats
from deploy.demo import headquarters, marking, room
from deploy.demo.folders import Folders, fresh_folders
from deploy.demo.people import make_roster
from deploy.demo.pictures import Visitor, take
from deploy.demo.processes import DemoError, together
from deploy.demo.progress import Steps
from deploy.demo.settings import DemoSettings
from deploy.demo.summary import count_responses, receipts_agree, write_summary
from exam_core.model.roster import Candidate
from grading import compute_results, read_archive
from grading.result_model import scores_sha256
from paper_builder.assembly.draft import PaperDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What exists before the day."""

    draft: PaperDraft
    roster: list[Candidate]
    centre: Path
    sealed: headquarters.Sealed
    room_passwords: dict[str, str]
    site_passwords: dict[str, str]


def conduct(settings: DemoSettings, steps: Steps) -> dict[str, Any]:
    """Run the whole exam and return the summary.

    Raises:
        DemoError: A step failed; the message says which program said what.
    """
    began = time.monotonic()
    folders = fresh_folders(settings)
    prepared = _prepare(settings, folders, steps)
    results, reports = _hold_exam(settings, folders, steps, prepared)
    archive_file, changed = _grade(settings, folders, steps, prepared, results)
    archive = read_archive(archive_file)
    computed = compute_results(archive)
    acknowledged, lost = count_responses(archive, reports)
    if lost or not receipts_agree(archive, reports):
        message = f"{lost} acknowledged responses are not in the results, or a receipt differs"
        raise DemoError(message)
    summary = {
        "candidates": len(computed.candidates),
        "responses_acknowledged": acknowledged,
        "responses_lost": lost,
        "scores_sha256": scores_sha256(computed),
        "paper_sha256": hashlib.sha256(
            (folders.hq / "draw" / "paper.draft").read_bytes()
        ).hexdigest(),
        "duration_s": round(time.monotonic() - began, 1),
        "draw_seed": settings.seed,
        "kills": sum(one.get("kills", 0) for one in reports),
        "marks_given": len(archive.marks),
        "rank_changed_by_mark": changed,
        "steps": [{"name": name, "seconds": seconds} for name, seconds in steps.done],
    }
    write_summary(folders, summary)
    return summary


def _prepare(settings: DemoSettings, folders: Folders, steps: Steps) -> Prepared:
    with steps.step("命题：导入样题题库，列出覆盖表"):
        headquarters.import_bank(folders, steps)
    with steps.step("命题：按 20:35:10:25:10 与 50:20:10:10:5:5 抽 100 题，逐人成卷"):
        draft = headquarters.draw_paper(settings, folders, steps)
        headquarters.print_paper(folders)
        steps.say("抽题种子在考试结束后公布")
    with steps.step("总部、考点、阅卷点各自生成密钥，总部为考点签名"):
        root = headquarters.make_keys(folders)
        unsigned, recipient = together(
            lambda: room.set_up_centre(folders, root), lambda: marking.set_up_site(folders, root)
        )
        centre = headquarters.sign_centre(folders, unsigned)
    with steps.step("封装：两人签名的试卷包、启封包、单独的答案包"):
        sealed = headquarters.seal(folders, centre, recipient)
        steps.say(f"启封密钥（主考点 U 盘）：{folders.usb / 'opening-key.age'}")
        steps.say(f"启封码（另路送达）：[bold]{sealed.opening_code}[/]")
        steps.say(f"启封码单和三个启封信封，各一页：{folders.codes}")
    with steps.step("考点和阅卷点各自建立账号"):
        room_passwords, site_passwords = together(
            lambda: room.add_accounts(folders), lambda: marking.add_accounts(folders)
        )
    with steps.step("考点：导入试卷包和名单，按记录的种子分卷"):
        roster = make_roster(settings.seed, settings.teams)
        room.import_exam(settings, folders, centre, sealed, roster)
        steps.say(f"{len(roster)} 名考生，{settings.teams} 个代表队，每队 4 人")
    return Prepared(
        draft=draft,
        roster=roster,
        centre=centre,
        sealed=sealed,
        room_passwords=room_passwords,
        site_passwords=site_passwords,
    )


def _hold_exam(
    settings: DemoSettings, folders: Folders, steps: Steps, prepared: Prepared
) -> tuple[Path, list[dict[str, Any]]]:
    running = room.start_room(folders, prepared.room_passwords)
    with contextlib.ExitStack() as stack:
        stack.callback(running.stop)
        with steps.step("考点：机位登记，考生登录（真实窗口 2 个，其余模拟）"):
            people = seats.seat_everybody(
                seats.Seating(
                    settings=settings,
                    folders=folders,
                    room=running,
                    roster=prepared.roster,
                    items=prepared.draft.items,
                    centre=prepared.centre,
                )
            )
            stack.callback(seats.stop_everybody, people)
            room.wait_for_log_ins(running, settings.candidates, seats.LOG_IN_S)
        with steps.step("考点：两人启封，监考确认到场，开考"):
            room.open_paper(running, folders, prepared.sealed.opening_code)
            _picture_room(settings, folders, running, "room-ready")
            room.confirm_presence_and_start(running)
        with steps.step(f"作答 {settings.sitting_s} 秒；其间强行杀掉一台考试机，由它自己接着答"):
            seats.kill_one_window(people)
            steps.say(f"机位 {people.windows[0].seat} 被 SIGKILL，已重新启动")
            _picture_room(settings, folders, running, "proctor")
            within_s = settings.sitting_s + seats.AFTER_END_S
            seats.wait_for_receipts(people, steps, settings.candidates, within_s)
        with steps.step("考点：结束考试，导出签名并加密的结果"):
            room.end_sitting(running)
            reports = seats.reports(people)
            results = room.export_results(running, folders)
            room.save_audit_log(running, folders)
            _picture_staff(settings, folders, running)
            steps.say(f"抽题种子：{settings.seed}")
        if settings.keep:
            stack.pop_all()
            steps.say(f"考场仍在运行：{running.console_url}")
            for name, password in running.passwords.items():
                steps.say(f"  {name}  {password}")
    return results, reports


def _grade(
    settings: DemoSettings, folders: Folders, steps: Steps, prepared: Prepared, results: Path
) -> tuple[Path, bool]:
    with steps.step("阅卷点：导入答案包和结果，客观题自动评分"):
        waiting = marking.import_all(folders, prepared.centre, prepared.sealed, results)
        site = marking.start_site(folders, prepared.site_passwords)
        steps.say(f"{waiting} 份简答和案例作答等待人工评阅")
    with contextlib.ExitStack() as stack:
        stack.callback(site.stop)
        with (
            steps.step("阅卷点：两名阅卷员在网页上匿名评阅"),
            steps.bar("已评", waiting) as show,
        ):
            _picture_marker(settings, folders, site)
            seen = marking.mark_everything(site, show)
        with steps.step("阅卷点：改一处评分，名次随之改变（随后恢复）"):
            before, after = marking.change_one_mark(site, seen)
        with steps.step("成绩：个人与团体排名（xlsx、PDF），成绩档案"):
            archive = marking.export_results(folders)
            _picture_results(settings, folders, site)
        if settings.keep:
            stack.pop_all()
            steps.say(f"阅卷点仍在运行：{site.url}")
            for name, password in site.passwords.items():
                steps.say(f"  {name}  {password}")
    return archive, json.loads(before) != json.loads(after)


def _picture_room(settings: DemoSettings, folders: Folders, running: room.Room, name: str) -> None:
    if settings.pictures:
        proctor = Visitor(name="监考", password=running.passwords["监考"])
        take(running.console_url, proctor, {"/proctor": folders.pictures / f"{name}.png"})


def _picture_staff(settings: DemoSettings, folders: Folders, running: room.Room) -> None:
    if settings.pictures:
        staff = Visitor(name="考务", password=running.passwords["考务"])
        pages = {"/staff": "staff.png", "/staff/audit": "audit.png"}
        files = {path: folders.pictures / name for path, name in pages.items()}
        take(running.console_url, staff, files)


def _picture_marker(settings: DemoSettings, folders: Folders, site: marking.Site) -> None:
    if settings.pictures:
        name = marking.MARKERS[0]
        with site.person(name) as marker:
            task = marking.read_task(marker.post("/mark/next", page="/mark"))
        files = {
            task.path: folders.pictures / "marker.png",
            "/mark": folders.pictures / "marker-queue.png",
        }
        take(site.url, Visitor(name=name, password=site.passwords[name]), files)


def _picture_results(settings: DemoSettings, folders: Folders, site: marking.Site) -> None:
    if settings.pictures:
        staff = Visitor(name="统分", password=site.passwords["统分"])
        take(site.url, staff, {"/results": folders.pictures / "results.png"}, is_whole=True)


def interrupt_on_term() -> None:
    """End like Ctrl+C on SIGTERM, so that nothing started stays behind."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
