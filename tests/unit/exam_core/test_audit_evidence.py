"""What a log proves with its checkpoints and with what kiosks carried away."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import msgspec
import pytest

from exam_core.crypto.signing import PrivateSigningKey
from exam_core.errors import InputError
from exam_core.formats.audit_evidence import LogHead, SeenNote
from exam_core.formats.audit_log import GENESIS, AuditEntry, every_line, split_lines, verify_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.checkpoint import room_origin
from exam_core.model.identifiers import CentreId, SittingId
from tests.support.audit_logs import (
    SignedLog,
    attacks,
    chained,
    is_found,
    make_log,
    note_over,
    re_signed,
)
from tests.support.refusals import refuses

LOG = make_log()
ELSEWHERE = room_origin(CentreId("C01"), SittingId("S2026-2"))


def other_logs() -> list[SignedLog]:
    """A fork under the same name and key, and the log of another sitting."""
    fork = re_signed(replace(LOG, lines=chained((changed(LOG.lines[0]), *LOG.lines[1:]), 1)))
    return [fork, re_signed(replace(LOG, origin=ELSEWHERE))]


def changed(line: bytes, **fields: object) -> bytes:
    """The line with another subject, or with these fields."""
    entry = msgspec.json.decode(line, type=AuditEntry)
    return encode_canonical(msgspec.structs.replace(entry, **(fields or {"subject": "Z99"})))


def rewritten(log: SignedLog, number: int) -> SignedLog:
    """The log with this line changed and all after it chained anew."""
    lines = list(log.lines)
    lines[number - 1] = changed(lines[number - 1])
    return replace(log, lines=chained(lines, number))


def test_a_log_that_holds_has_no_findings() -> None:
    """Nothing is found, and the report says how far the checkpoints reach."""
    report = LOG.examine()

    assert report.findings == ()
    assert report.head == verify_lines(LOG.lines)
    assert (report.lines, report.checkpoints, report.covered) == (45, 5, 44)


def test_an_empty_log_holds() -> None:
    """No lines and no checkpoints are in order."""
    report = SignedLog(lines=(), notes=()).examine()

    assert (report.findings, report.head, report.covered) == ((), GENESIS, 0)


def test_lines_end_at_line_feeds_only() -> None:
    """A carriage return ends no line, and what follows the last line feed is none."""
    assert split_lines(b"one\rtwo\nthree\nfour") == [b"one\rtwo", b"three"]
    assert every_line(b"one\n") == [b"one"]
    assert every_line(b"") == []
    with refuses(InputError, "audit.malformed") as caught:
        every_line(b"one\ntwo")
    assert caught.value.facts == {"line": 2}


def test_every_kind_of_attack_is_found_and_placed() -> None:
    """Edits, deletions, insertions, swaps, truncations and forged checkpoints have a place."""
    kinds: Counter[str] = Counter()
    for attack in islice(attacks(LOG, other_logs(), seed=1), 1_000):
        assert is_found(attack, attack.log.examine()), attack
        kinds[attack.kind] += 1

    assert len(kinds) == 13


@pytest.mark.parametrize(
    ("number", "first", "last", "checkpoint"), [(1, 1, 8, 1), (9, 9, 17, 2), (20, 18, 26, 3)]
)
def test_a_rewritten_history_lies_between_two_checkpoints(
    number: int, first: int, last: int, checkpoint: int
) -> None:
    """Its chain holds; the checkpoint that no longer fits ends the range, the one before begins it.

    The message names action and time of the first line in question.
    """
    report = rewritten(LOG, number).examine()

    (finding,) = report.findings
    assert finding.code == "audit.checkpoint"
    assert (finding.first_line, finding.last_line) == (first, last)
    assert finding.checkpoint == checkpoint
    assert report.covered == first - 1
    assert "2023-11-14" in finding.message
    assert report.head


def test_a_broken_chain_has_no_head() -> None:
    """Where a line was edited, the report gives no head that somebody could compare."""
    lines = list(LOG.lines)
    lines[4] = changed(lines[4])
    report = replace(LOG, lines=tuple(lines)).examine()

    assert report.head == ""
    assert report.findings[0].last_line == 5


def test_the_place_is_exact_where_the_lines_before_are_proven() -> None:
    """A line put between proven ones is named alone."""
    lines = (*LOG.lines[:5], LOG.lines[20], *LOG.lines[5:])
    (finding, *_) = replace(LOG, lines=lines).examine().findings

    assert (finding.code, finding.first_line, finding.last_line) == ("audit.chain", 6, 6)


def test_a_break_after_a_rewriting_does_not_hide_it() -> None:
    """The first place counts: a checkpoint that does not fit, before a line that does not join."""
    log = rewritten(LOG, 3)
    report = replace(log, lines=(*log.lines[:30], *log.lines[31:])).examine()

    assert report.findings[0].code == "audit.checkpoint"
    assert (report.findings[0].first_line, report.findings[0].last_line) == (1, 8)


def test_a_truncated_log_says_how_many_lines_are_left() -> None:
    """Lines that a checkpoint covers cannot be cut off."""
    report = replace(LOG, lines=LOG.lines[:30]).examine()

    finding = report.findings[0]
    assert (finding.first_line, finding.last_line) == (27, 31)
    assert "30 行" in finding.message


def test_an_edit_after_the_last_checkpoint_shows_in_the_chain() -> None:
    """A careless change to lines not yet covered breaks the chain at its place."""
    log = replace(LOG, notes=LOG.notes[:3])
    for number in (30, 31, 43):
        for change in ({"subject": "Z99"}, {"previous": "ab" * 32}):
            lines = list(log.lines)
            lines[number - 1] = changed(lines[number - 1], **change)
            report = replace(log, lines=tuple(lines)).examine()
            assert report.findings[0].code == "audit.chain"
            assert report.findings[0].last_line == number, change


@pytest.mark.parametrize("change", [{"at_utc_ms": 2**63 - 1}, {"previous": "no hex"}, {"n": 7}])
def test_no_edit_is_too_strange_to_report(change: dict[str, object]) -> None:
    """Times out of every calendar and hashes that are none are findings, not crashes."""
    lines = list(LOG.lines)
    lines[2] = changed(lines[2], **change)

    assert replace(LOG, lines=tuple(lines)).examine().findings[0].last_line == 3


def test_checkpoints_of_others_prove_nothing() -> None:
    """Another key's checkpoints are named one by one, and cover nothing."""
    other = re_signed(replace(LOG, key=PrivateSigningKey("33" * 32)))
    report = replace(LOG, notes=other.notes).examine()

    signatures = [one for one in report.findings if one.code == "note.signature"]
    assert [one.checkpoint for one in signatures] == [1, 2, 3, 4, 5]
    assert report.covered == 0


def test_a_checkpoint_that_the_log_tells_of_must_be_there() -> None:
    """A removed checkpoint is named by the line that was written when it was taken."""
    report = replace(LOG, notes=LOG.notes[:2] + LOG.notes[3:]).examine()

    (finding,) = report.findings
    assert (finding.code, finding.first_line) == ("checkpoint.missing", 27)


def test_repeated_checkpoints_are_out_of_order() -> None:
    """The same checkpoint twice is named."""
    report = replace(LOG, notes=(*LOG.notes[:2], LOG.notes[1], *LOG.notes[2:])).examine()

    (finding,) = report.findings
    assert (finding.code, finding.checkpoint) == ("checkpoint.order", 3)


def seen(*notes: str) -> list[SeenNote]:
    """Notes from kiosks A01, A02 and so on."""
    return [SeenNote(seen_by=f"A{n:02}", note=note) for n, note in enumerate(notes, 1)]


def test_kiosks_that_saw_the_same_log_find_nothing() -> None:
    """Notes that fit are no finding, however often they come."""
    assert LOG.examine(seen(*LOG.notes, *LOG.notes)).findings == ()


def test_kiosks_convict_an_owner_who_signs_a_new_history() -> None:
    """The owner rewrites line 20 and signs every checkpoint anew: the kiosks name the range."""
    log = re_signed(rewritten(LOG, 20))
    assert log.examine().findings == ()

    report = log.examine(seen(*LOG.notes))

    (finding,) = report.findings
    assert finding.code == "audit.contradicted"
    assert (finding.first_line, finding.last_line, finding.seen_by) == (18, 26, "A03")


def test_one_kiosk_that_saw_one_checkpoint_is_enough() -> None:
    """With a single note the range is wider, and the conviction the same."""
    report = re_signed(rewritten(LOG, 20)).examine(seen(LOG.notes[3]))

    (finding,) = report.findings
    assert (finding.first_line, finding.last_line, finding.seen_by) == (1, 35, "A01")


def test_a_log_cut_short_and_signed_anew_is_convicted() -> None:
    """Lines that a kiosk's note covers cannot be left out, whoever signs."""
    log = re_signed(replace(LOG, lines=LOG.lines[:20]))

    (finding,) = log.examine(seen(LOG.notes[3])).findings
    assert finding.code == "audit.contradicted"
    assert "20 行" in finding.message


def test_notes_that_a_kiosk_invented_are_not_heard() -> None:
    """What the log's key did not sign accuses nobody."""
    forged = note_over(LOG.lines[:9], PrivateSigningKey("44" * 32))

    assert LOG.examine(seen(forged, "nonsense", forged)).findings == ()


def test_a_checkpoint_that_only_a_kiosk_still_has_is_missing() -> None:
    """It fits the log, and the file of checkpoints lacks it."""
    report = LOG.examine(seen(note_over(LOG.lines[:5])))

    (finding,) = report.findings
    assert (finding.code, finding.seen_by) == ("checkpoint.missing", "A01")


def test_a_log_cut_together_with_its_checkpoints_is_convicted_by_paper() -> None:
    """Alone it holds; the two heads of the record sheet say that it was cut, and where."""
    heads = [LogHead(size=one.size, head=one.head) for one in LOG.examine().heads]
    opening, ending = heads[1], heads[-1]
    cut = replace(LOG, lines=LOG.lines[:27], notes=LOG.notes[:3])
    assert cut.examine().findings == ()

    found = cut.examine(paper=[ending, opening]).findings

    assert [one.code for one in found] == ["audit.contradicted"]
    assert (found[0].first_line, found[0].last_line) == (opening.size + 1, 28)
    assert "只有 27 行，被截去过" in found[0].message
    assert "纸面" in found[0].message


def test_a_head_on_paper_need_not_be_of_a_checkpoint() -> None:
    """The sheet shows the head of the moment it was printed at; it fits or it does not."""
    line = LogHead(size=45, head=verify_lines(LOG.lines))

    assert LOG.examine(paper=[line]).findings == ()
    assert rewritten(LOG, 45).examine().findings == ()
    (found,) = rewritten(LOG, 45).examine(paper=[line]).findings
    assert (found.code, found.last_line) == ("audit.contradicted", 45)
