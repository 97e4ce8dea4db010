"""A room whose log was set aside keeps its results: two leads take them in, and it stays visible.

The room, its kiosk, the new log and the grading site are real; only the disk was tampered with.
"""

from pathlib import Path

import msgspec

from exam_core.crypto.sealing import recipient_of
from exam_core.errors import ExamError
from exam_core.formats.audit_log import split_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.journal_entries import CheckpointSeen
from exam_core.formats.results_bundle import build_results, open_results
from exam_core.keys.package import build_key_package
from exam_core.model.states import SittingEvent
from exam_core.protocol.messages import Checkpointed
from exam_server.accounts.people import People
from exam_server.accounts.roles import Role
from exam_server.clock import SystemClock
from exam_server.marking.services.keys import import_centre, import_key
from exam_server.marking.services.outcome import Outcome
from exam_server.marking.services.results_import import DespiteFindings, import_results
from exam_server.room.folder import RoomFolder
from exam_server.room.room_log import open_room_log
from exam_server.room.serve import open_store
from exam_server.room.services import results
from exam_server.room.set_aside import set_log_aside
from exam_server.store import marking as rows
from tests.support import builders
from tests.support.audit_logs import chained, read_entries
from tests.support.live_room import WANG, LiveRoom
from tests.support.marking_world import World, empty_site
from tests.support.room_world import CHEAP, PASSWORD, RoomWorld
from tests.support.scenes import run
from tests.support.signed_results import SIGNERS

HEADQUARTERS = [builders.SETTER, builders.APPROVER]
LEADS = {"zhou": PASSWORD, "wu": PASSWORD}
FINDINGS = "audit.contradicted=1 assignment.log=1 results.kiosk=1"


async def exam(live: LiveRoom) -> None:
    """One candidate writes, notes a checkpoint and hands in."""
    driver = await live.logged_in()
    await driver.attach()
    await live.start()
    await live.room.hub.steering.mark_present(WANG, driver.seat_id)
    await driver.wait_begin()
    note = [one.note for one in driver.seen if isinstance(one, Checkpointed)][-1]
    await driver.save(CheckpointSeen(at_ms=0, note=note))
    await driver.submit()
    await live.room.hub.core.finish()
    await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
    await live.room.hub.core.finish()


def tamper(folder: RoomFolder) -> None:
    """Change a line and chain all after it anew."""
    lines = split_lines(folder.audit_file.read_bytes())
    entry = read_entries(lines)[1]
    lines[1] = encode_canonical(msgspec.structs.replace(entry, subject="X"))
    folder.audit_file.write_bytes(b"".join(line + b"\n" for line in chained(lines, 2)))


def results_of(world: RoomWorld) -> bytes:
    """What the room gives after its log was set aside, by the room's own code."""
    run(world, exam)
    tamper(world.folder)
    store, clock = open_store(world.folder), SystemClock()
    people = People(store, clock, CHEAP)
    approvals = {"zhang": PASSWORD, "li": PASSWORD}
    set_log_aside(world.folder, store, people, clock, reason="磁盘更换", approvals=approvals)
    trail = open_room_log(world.folder, store, clock)
    draft = results.fix_results(store, world.folder, trail, actors=("zhao",))
    for number, key in enumerate(builders.OFFICIAL_KEYS[:2]):
        results.add_signature(
            store, world.folder, trail, SIGNERS[number], digest=draft.digest, key=key
        )
    bundle = results.export_results(store, world.folder, trail)
    store.close()
    return bundle


def prepare(site: World, world: RoomWorld) -> None:
    """The grading site knows the centre, the key of the paper, and its people."""
    key = builders.answer_key(
        forms=tuple(builders.form_map(number) for number in range(1, 6)),
        journal_secrets={builders.CENTRE_ID: world.delivery.journal_secret.hex()},
    )
    import_centre(site.site, sign_centre(world.folder.centre(), HEADQUARTERS), actor="t")
    package = build_key_package(key, HEADQUARTERS, [recipient_of(site.identity)])
    import_key(site.site, package, site.identity, actor="t")
    for name in LEADS:
        site.people.add(name, PASSWORD, frozenset({Role.LEAD}))
    site.people.add("ma", PASSWORD, frozenset({Role.MARKER}))


def take(site: World, bundle: bytes, despite: DespiteFindings | None) -> str:
    """Import; the findings that were let through, or the code of the refusal."""
    try:
        done = import_results(
            site.site, bundle, builders.GRADING_IDENTITY, actor="t", despite=despite
        )
    except ExamError as error:
        return error.code
    return done.findings


def test_two_leads_take_in_a_room_whose_log_was_set_aside(world: RoomWorld, tmp_path: Path) -> None:
    """Refused at first; by two with a reason it comes in, and who, why and what is logged."""
    bundle = results_of(world)
    with empty_site(tmp_path) as site:
        prepare(site, world)
        assert take(site, bundle, None) == "audit.contradicted"
        for reason, approvals, code in (
            ("", LEADS, "results.reason"),
            ("封存", {}, "account.approval"),
            ("封存", {"zhou": PASSWORD}, "pair.same_person"),
            ("封存", {"zhou": PASSWORD, "ma": PASSWORD}, "pair.role"),
            ("封存", {"zhou": PASSWORD, "wu": "not it at all"}, "access.refused"),
        ):
            despite = DespiteFindings(reason=reason, approvals=approvals)
            assert take(site, bundle, despite) == code
        with site.site.store.transaction() as db:
            assert not rows.bundles(db)

        despite = DespiteFindings(reason="考点封存日志", approvals=LEADS)
        assert take(site, bundle, despite) == FINDINGS

        log = read_entries(split_lines((tmp_path / "site" / "audit.jsonl").read_bytes()))
        (taken,) = [one for one in log if one.action == "results_taken_despite"]
        assert taken.actors == ("zhou", "wu")
        assert (taken.details["findings"], taken.details["reason"]) == (FINDINGS, "考点封存日志")
        (centre,) = Outcome(site.site).standing().centres
        assert centre.findings == FINDINGS
        assert centre.counts is not None
        assert centre.counts.submitted == 1
        with site.site.store.transaction() as db:
            assert len(rows.sessions(db)) == 1
        again = len(log)
        assert take(site, bundle, despite) == FINDINGS
        assert len(read_entries(split_lines((tmp_path / "site" / "audit.jsonl").read_bytes()))) == (
            again
        )


def test_what_was_signed_or_counted_is_never_decided_away(world: RoomWorld, tmp_path: Path) -> None:
    """A roster changed after the draw stays a refusal, also for two leads."""
    bundle = results_of(world)
    manifest, content = open_results(bundle, builders.GRADING_IDENTITY, world.folder.centre())
    person = msgspec.structs.replace(content.roster[0], unit="另一单位")
    altered = msgspec.structs.replace(content, roster=(person, *content.roster[1:]))
    with empty_site(tmp_path) as site:
        prepare(site, world)
        despite = DespiteFindings(reason="封存", approvals=LEADS)
        keys = (world.folder.signing_key(), *builders.OFFICIAL_KEYS[:2])
        data = build_results(manifest, altered, keys, [builders.recipient()])
        assert take(site, data, despite) == "assignment.roster"
        assert take(site, bundle[:-1], despite) == "results.altered"
