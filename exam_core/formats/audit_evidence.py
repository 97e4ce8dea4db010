"""Holds a log against what was signed about it, and says where it was changed.

A log alone shows only a careless change: its owner can write the chain anew. Checkpoints pin it:
those that lie beside it, and those that kiosks and paper carried away. `examine_log` takes all of
it and returns findings, never an exception: a damaged log is read as far as it goes.

How a place is found. The head in a signed checkpoint is the hash of a line, which names the hash
of the line before it, and so on: every line that is reached so is proven to be the original one
with its number. The first line of the file that contradicts a proven one, or breaks the chain, is
where it was changed. If the whole rest was written anew, nothing in it is proven, and the place is
the range between the last checkpoint that fits and the first that does not.
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exam_core.crypto.merkle import GrowingTree, leaf_hash
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import ExamError, declare
from exam_core.formats.audit_log import (
    AUDIT_CHAIN,
    AUDIT_MALFORMED,
    CHECKPOINT_TAKEN,
    GENESIS,
    AuditEntry,
)
from exam_core.formats.canonical import decode_canonical
from exam_core.formats.checkpoint import Checkpoint, open_checkpoint

AUDIT_CHECKPOINT = declare(
    "audit.checkpoint",
    "审计日志曾被改写；保留原件并上报。考试必须继续时，由两名管理员用 audit set-aside 封存后另起。",
)
AUDIT_CONTRADICTED = declare(
    "audit.contradicted",
    "审计日志与考生机或纸面另存的检查点不符，曾被改写；停止使用该考点结果并上报。",
)
CHECKPOINT_MISSING = declare("checkpoint.missing", "日志写明取过的检查点不在文件中，请上报。")
CHECKPOINT_ORDER = declare("checkpoint.order", "检查点重复或次序不对，文件被改动过；请上报。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    The first line that is not as it was is one of `first_line` to `last_line`, counted from 1; of
    `audit.chain` and `audit.malformed` the last one is where it shows. Both are 0 when the lines
    are not at fault. `checkpoint` counts the notes of the file from 1, 0 when none is meant.
    `seen_by` names the kiosk whose note it is.
    """

    code: str
    message: str
    first_line: int = 0
    last_line: int = 0
    checkpoint: int = 0
    seen_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenNote:
    """A checkpoint that somebody carried away, and who."""

    seen_by: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """How many lines a log had, and the hash of the last one in hex, as record sheets show it."""

    size: int
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """What an examination found.

    `covered` lines, from the first, are as the last checkpoint that fits has them; a change to a
    later line that kept the chain would not be seen. `head` is the hash of the last line of a
    chain that holds, else empty. `heads` are those of the checkpoints that the log's key signed.
    """

    lines: int
    covered: int
    checkpoints: int
    head: str
    heads: tuple[LogHead, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    data: bytes
    entry: AuditEntry | None
    own_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchor:
    """A checkpoint that the log's key signed, or a head on paper; and where it came from.

    The root of a head on paper is empty.
    """

    state: Checkpoint
    checkpoint: int = 0
    seen_by: str = ""


@dataclass(slots=True)
class _Notes:
    anchors: list[_Anchor] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def examine_log(
    lines: Sequence[bytes],
    notes: Sequence[str],
    *,
    origin: str,
    key: PublicSigningKey,
    seen: Iterable[SeenNote] = (),
    paper: Iterable[LogHead] = (),
) -> LogReport:
    """Everything that is wrong with a log and its checkpoints, the log's own faults first.

    Args:
        lines: The log, split at line feeds; what stands after the last line feed is no line.
        notes: The file of checkpoints, by `split_checkpoints`.
        origin: The name that the log must have.
        key: Who must have signed.
        seen: Notes from kiosks. One that the key did not sign proves nothing and is left out
            of the findings: a kiosk's owner can invent it.
        paper: Heads that people signed on paper; they are believed.
    """
    parsed = [_read_line(line) for line in lines]
    own = _open_own(notes, origin, key)
    carried = [*_open_seen(seen, origin, key), *(_on_paper(one, origin) for one in paper)]
    carried.sort(key=lambda anchor: anchor.state.size)
    sizes = {one.state.size for one in (*own.anchors, *carried)}
    log = _Log(parsed, _roots(lines, sizes))
    rewritten = log.place(own.anchors)
    contradicted = log.place(carried)
    findings = []
    if rewritten:
        findings.append(rewritten)
    if contradicted and contradicted.seen_by:
        findings.append(contradicted)
    return LogReport(
        lines=len(lines),
        covered=max((one.state.size for one in own.anchors if log.fits(one.state)), default=0),
        checkpoints=len(notes),
        head=log.head_of_chain(),
        heads=tuple(LogHead(size=one.state.size, head=one.state.head) for one in own.anchors),
        findings=(*findings, *own.findings, *_missing(log, own.anchors, carried)),
    )


def _read_line(data: bytes) -> _Line:
    try:
        entry = decode_canonical(data, AuditEntry, AUDIT_MALFORMED, "审计日志")
        own_hash = hashlib.sha256(bytes.fromhex(entry.previous) + data).hexdigest()
    except (ExamError, ValueError):
        return _Line(data=data, entry=None, own_hash="")
    return _Line(data=data, entry=entry, own_hash=own_hash)


def _open_own(notes: Sequence[str], origin: str, key: PublicSigningKey) -> _Notes:
    found = _Notes()
    size = 0
    for place, note in enumerate(notes, 1):
        try:
            state = open_checkpoint(note, origin=origin, key=key)
        except ExamError as error:
            text = f"第 {place} 个检查点：{error.message}"
            found.findings.append(Finding(code=error.code, message=text, checkpoint=place))
            continue
        if state.size <= size:
            text = f"第 {place} 个检查点重复或次序不对"
            found.findings.append(Finding(code=CHECKPOINT_ORDER, message=text, checkpoint=place))
            continue
        size = state.size
        found.anchors.append(_Anchor(state=state, checkpoint=place))
    return found


def _open_seen(seen: Iterable[SeenNote], origin: str, key: PublicSigningKey) -> list[_Anchor]:
    opened: dict[str, _Anchor | None] = {}
    for one in seen:
        if one.note in opened:
            continue
        try:
            state = open_checkpoint(one.note, origin=origin, key=key)
        except ExamError:
            opened[one.note] = None
        else:
            opened[one.note] = _Anchor(state=state, seen_by=one.seen_by)
    return [anchor for anchor in opened.values() if anchor]


def _on_paper(one: LogHead, origin: str) -> _Anchor:
    state = Checkpoint(origin=origin, size=one.size, root="", head=one.head)
    return _Anchor(state=state, seen_by="纸面")


def _roots(lines: Sequence[bytes], sizes: Collection[int]) -> dict[int, str]:
    """The roots over the beginnings of the log that have these sizes."""
    tree = GrowingTree()
    roots = {0: tree.root().hex()}
    for line in lines:
        tree.append(leaf_hash(line))
        if tree.size in sizes:
            roots[tree.size] = tree.root().hex()
    return roots


class _Log:
    """The lines of a log, asked what they prove."""

    def __init__(self, lines: Sequence[_Line], roots: Mapping[int, str]) -> None:
        self.lines = lines
        self._roots = roots

    def fits(self, state: Checkpoint) -> bool:
        """Whether the log has this beginning."""
        root = self._roots.get(state.size)  # none for more lines than there are
        is_root = root is not None and state.root in {root, ""}
        return is_root and self._head(state.size) == state.head

    def head_of_chain(self) -> str:
        """The hash of the last line; empty when the chain does not hold."""
        return "" if self._first_break({}) else self._head(len(self.lines))

    def place(self, anchors: Sequence[_Anchor]) -> Finding | None:
        """Where the log was changed, by these checkpoints in rising order; the first place only."""
        unfit = next((one for one in anchors if not self.fits(one.state)), None)
        fitting = anchors[: anchors.index(unfit)] if unfit else anchors
        proven = self._proven(anchors)
        shown = self._first_break(proven)
        if not shown and unfit is None:
            return None
        latest = min(unfit.state.size, len(self.lines) + 1) if unfit else shown
        is_shown = 0 < shown <= latest
        last = shown if is_shown else latest
        first = fitting[-1].state.size + 1 if fitting else 1
        while first < last and proven.get(first) == self.lines[first - 1].data:
            first += 1
        return self._finding(first, last, unfit, is_shown=is_shown)

    def _finding(self, first: int, last: int, unfit: _Anchor | None, *, is_shown: bool) -> Finding:
        where = f"第 {first} 至 {last} 行之间" if first < last else f"第 {last} 行"
        at = f"{where}（从 {self._describe(first)} 起）"
        is_unread = last <= len(self.lines) and self.lines[last - 1].entry is None
        if unfit and unfit.seen_by:
            code = AUDIT_CONTRADICTED
            what = "检查点" if unfit.state.root else "日志头"
            text = f"{unfit.seen_by} 另存的{what}（{unfit.state.size} 行）与日志不符：{at}被改写过"
        elif is_shown:
            code = AUDIT_MALFORMED if is_unread else AUDIT_CHAIN
            text = f"日志从第 {last} 行起与原来不同（{self._describe(last)}）"
        else:
            code = AUDIT_CHECKPOINT
            text = f"检查点（{unfit.state.size if unfit else 0} 行）与日志不符：{at}被改写过"
        if last > len(self.lines):
            text += f"；日志现在只有 {len(self.lines)} 行，被截去过"
        return Finding(
            code=code,
            message=text,
            first_line=first,
            last_line=last,
            checkpoint=unfit.checkpoint if unfit else 0,
            seen_by=unfit.seen_by if unfit else "",
        )

    def _head(self, size: int) -> str:
        return self.lines[size - 1].own_hash if size else GENESIS

    def _describe(self, number: int) -> str:
        """What stands at a line: action and time."""
        entry = self.lines[number - 1].entry if number <= len(self.lines) else None
        if entry is None:
            return f"第 {number} 行"
        return f"第 {number} 行 {entry.action}，{_time_text(entry.at_utc_ms)}"

    def _proven(self, anchors: Sequence[_Anchor]) -> dict[int, bytes | None]:
        """Original lines by number; None where a line was whose bytes are not in the file."""
        by_hash = {line.own_hash: line for line in self.lines if line.entry}
        proven: dict[int, bytes | None] = {}
        for anchor in reversed(anchors):
            number, wanted = anchor.state.size, anchor.state.head
            while number > 0 and number not in proven:
                line = by_hash.get(wanted)
                if line is None or line.entry is None:
                    # Of an anchor itself this says only that something before it was changed.
                    if number != anchor.state.size:
                        proven[number] = None
                    break
                proven[number] = line.data
                number, wanted = number - 1, line.entry.previous
        return proven

    def _first_break(self, proven: Mapping[int, bytes | None]) -> int:
        """The first line that contradicts a proven one or its own chain; 0 when none does."""
        head = GENESIS
        for number, line in enumerate(self.lines, 1):
            entry = line.entry
            if entry is None or entry.n != number or proven.get(number, line.data) != line.data:
                return number
            if entry.previous != head:
                return self._culprit(number)
            head = line.own_hash
        return 0

    def _culprit(self, number: int) -> int:
        """Which of two lines that do not join is bad: this one, unless the next one joins it."""
        following = self.lines[number].entry if number < len(self.lines) else None
        is_joined = following is not None and following.previous == self.lines[number - 1].own_hash
        return number - 1 if is_joined and number > 1 else number


def _missing(log: _Log, own: Sequence[_Anchor], carried: Sequence[_Anchor]) -> Iterator[Finding]:
    """Checkpoints that were taken and are not in the file."""
    held = {str(one.state.size) for one in own}
    for number, line in enumerate(log.lines, 1):
        size = line.entry.details.get("size", "") if line.entry else ""
        is_taken = line.entry is not None and line.entry.action == CHECKPOINT_TAKEN
        if is_taken and size not in held:
            text = f"第 {number} 行记有 {size} 行时的检查点，文件中没有"
            yield Finding(
                code=CHECKPOINT_MISSING, message=text, first_line=number, last_line=number
            )
    for anchor in carried:
        is_note = bool(anchor.state.root)  # a sheet may show the head of any line
        if is_note and log.fits(anchor.state) and str(anchor.state.size) not in held:
            text = f"{anchor.seen_by} 另存有 {anchor.state.size} 行时的检查点，文件中没有"
            yield Finding(code=CHECKPOINT_MISSING, message=text, seen_by=anchor.seen_by)


def _time_text(utc_ms: int) -> str:
    try:
        at = dt.datetime.fromtimestamp(utc_ms / 1000, dt.UTC)
    except (OverflowError, OSError, ValueError):  # an edit can put any number there
        return f"时间 {utc_ms}"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
