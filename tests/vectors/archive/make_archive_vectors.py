"""Makes the vectors of `.examarchive`; running it twice writes the same bytes.

Run from the repository root: `PYTHONPATH=. python tests/vectors/archive/make_archive_vectors.py`.
`cases.json` names each file with the code it must be refused with, or "ok" and its digest.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from grading.archive import MAGIC, Archive, encode_archive
from grading.marking import TotalScore
from grading.ranking import CutLine, RankingPolicy
from tests.unit.grading import archives

FOLDER = Path(__file__).parent
HEAD_BYTES = len(MAGIC) + 65
Body = dict[str, Any]


def example() -> Archive:
    """The example of the specification: one true/false item, one short answer."""
    form = archives.form_map(1)
    key = archives.answer_key(
        items=(archives.items()[2], archives.items()[4]),
        forms=(msgspec.structs.replace(form, items=(form.items[2], form.items[4])),),
    )
    others = ("B0001", 0), ("B0002", 0), ("B0004", 0), ("B0006", 0), ("B0006", 1)
    return archives.archive(
        [archives.session(1, dict.fromkeys(others))], candidates=1, title="规范示例", key=key
    )


def small() -> Archive:
    """One candidate, one marked short answer and one marked case part."""
    return archives.archive([archives.session(1)], candidates=1, title="最小示例")


def contest() -> Archive:
    """Eight people in two teams: substitutes, an absentee, ties, changed marks, a tie on a cut."""
    sessions = [
        archives.session(1),
        archives.session(2, {("B0001", 0): "C"}),
        archives.session(3, {("B0002", 0): "AB", ("B0004", 0): ("公平", "公平")}),
        archives.session(4, {("B0005", 0): None}),
        archives.session(5, working_ms=1_750_000),
        archives.session(6, {("B0006", 1): " "}),
        archives.session(7),
    ]
    first = archives.marks(sessions)
    changed = archives.mark(
        first[0].task_id,
        sequence=2,
        judgement=TotalScore(total_milli=2500, reason="答出立法精神"),
        comment="复核",
    )
    return archives.archive(
        sessions,
        candidates=8,
        title="综合示例",
        marks=[*first, changed],
        policy=RankingPolicy(cut_lines=(CutLine(name="知识通", places=5),)),
    )


def nobody() -> Archive:
    """A roster of which nobody came."""
    return archives.archive([], candidates=2, title="全部缺考")


def wrap(body: bytes) -> bytes:
    """A file with a right digest around any body."""
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def dump(body: Body) -> bytes:
    """The canonical encoding of a body that no struct would allow."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def changed_body(change: Callable[[Body], Any]) -> bytes:
    """The small archive with a changed body and a right file digest."""
    body = json.loads(encode_archive(small())[HEAD_BYTES:])
    change(body)
    return wrap(dump(body))


def set_score(body: Body, scores: list[int]) -> None:
    """Give the first mark other scores."""
    body["marks"][0]["judgement"] = {"type": "points", "scores_milli": scores}


def bad() -> dict[str, tuple[bytes, str, str]]:
    """Each bad file with its family and code."""
    good = encode_archive(small())
    body = good[HEAD_BYTES:]
    malformed = ("InputError", "archive.malformed")
    altered = ("IntegrityError", "archive.altered")
    return {
        "bad-empty": (b"", *malformed),
        "bad-magic": (b"EXAR2" + good[5:], *malformed),
        "bad-truncated": (good[:-1], *altered),
        "bad-head-only": (good[:HEAD_BYTES], *altered),
        "bad-trailing": (good + b"\n", *altered),
        "bad-digest-upper-case": (
            MAGIC + good[len(MAGIC) : HEAD_BYTES].upper() + body,
            *altered,
        ),
        "bad-digest-crlf": (good.replace(b"\n", b"\r\n", 2), *malformed),
        "bad-one-byte": (good.replace("二倍".encode(), "三倍".encode(), 1), *altered),
        "bad-not-json": (wrap(body[:-1]), *malformed),
        "bad-white-space": (wrap(body.replace(b'":', b'": ', 1)), *malformed),
        "bad-escaped": (wrap(body.replace("最".encode(), b"\\u6700", 1)), *malformed),
        "bad-repeated-field": (
            wrap(body[:-1] + b',"title":"' + "最小示例".encode() + b'"}'),
            *malformed,
        ),
        "bad-unknown-field": (changed_body(lambda b: b.update(note="")), *malformed),
        "bad-missing-field": (changed_body(lambda b: b.pop("policy")), *malformed),
        "bad-rules-version": (changed_body(lambda b: b.update(rules_version=2)), *malformed),
        "bad-no-results-digest": (changed_body(lambda b: b.update(results_sha256="")), *malformed),
        "bad-identity-number": (
            changed_body(lambda b: b["candidates"][0].update(id_number="35010219900101001X")),
            *malformed,
        ),
        "bad-repeated-candidate": (
            changed_body(lambda b: b["candidates"].append(b["candidates"][0])),
            *malformed,
        ),
        "bad-stranger": (
            changed_body(lambda b: b["sessions"][0].update(admission_number="99")),
            *malformed,
        ),
        "bad-journal-secret": (
            changed_body(lambda b: b["key"].update(journal_secrets={"C01": "00" * 32})),
            "InputError",
            "archive.secrets",
        ),
        "bad-unmarked": (
            changed_body(lambda b: b["marks"].pop()),
            "StateError",
            "results.unmarked",
        ),
        "bad-mark-sequence": (
            changed_body(lambda b: b["marks"][0].update(sequence=2)),
            "StateError",
            "mark.sequence",
        ),
        "bad-mark-step": (
            changed_body(lambda b: set_score(b, [250] * len(_scores(b)))),
            "InputError",
            "mark.step",
        ),
        "bad-mark-range": (
            changed_body(lambda b: set_score(b, [9000] * len(_scores(b)))),
            "InputError",
            "mark.range",
        ),
        "bad-mark-of-nothing": (
            changed_body(lambda b: b["marks"].append({**b["marks"][0], "task_id": "ff" * 16})),
            "InputError",
            "mark.task",
        ),
        "bad-results-digest": (
            changed_body(lambda b: b.update(results_sha256="00" * 32)),
            "IntegrityError",
            "results.digest",
        ),
        "bad-raised-mark": (
            changed_body(lambda b: set_score(b, [*_scores(b)[:-1], 1000])),
            "IntegrityError",
            "results.digest",
        ),
    }


def _scores(body: Body) -> list[int]:
    scores: list[int] = body["marks"][0]["judgement"]["scores_milli"]
    return scores


def main() -> None:
    """Write every vector and `cases.json`."""
    cases = []
    good = {"example": example(), "small": small(), "contest": contest(), "nobody": nobody()}
    for name, archive in good.items():
        file = f"good-{name}.examarchive"
        (FOLDER / file).write_bytes(encode_archive(archive))
        cases.append({"file": file, "code": "ok", "results_sha256": archive.results_sha256})
    for name, (data, family, code) in bad().items():
        file = f"{name}.examarchive"
        (FOLDER / file).write_bytes(data)
        cases.append({"file": file, "code": code, "family": family})
    (FOLDER / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
