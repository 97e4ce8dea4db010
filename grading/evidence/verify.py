"""Goes through a results file layer by layer, on and on when one fails, and says where it is wrong.

A person who holds the grading site's identity, the answer key and the centre's descriptor can ask
of any file, also of one that was refused: who altered what? What failed outside does not hide what
is inside: the content is opened all the same and held against itself.
"""

from collections.abc import Callable

import msgspec

from exam_core.crypto.sealing import SealingIdentity
from exam_core.crypto.signing import key_id
from exam_core.errors import ExamError
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.dsse import unverified_payload
from exam_core.formats.results_bundle import (
    check_manifest_centre,
    check_sealed,
    open_content,
    parse_manifest,
    split_results,
    verify_results_envelope,
)
from exam_core.formats.results_content import (
    RESULTS_ALTERED,
    RESULTS_HEADS,
    ResultsContent,
    ResultsManifest,
    changed_heads,
    check_counts,
)
from exam_core.keys.model import AnswerKey
from grading.evidence.faults import Fault, Layer, fault_of
from grading.evidence.room import digest_of, examine_room


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one layer: whether it was looked at, and what does not hold."""

    layer: Layer
    is_checked: bool
    faults: tuple[Fault, ...]

    @property
    def holds(self) -> bool:
        """Looked at, and nothing wrong."""
        return self.is_checked and not self.faults


class Verification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole file, one verdict for each layer; `signed_by` names officials who signed well."""

    file_sha256: str
    centre_id: str
    sitting_id: str
    sequence: int
    signed_by: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def holds(self) -> bool:
        """Every layer was looked at and holds."""
        return all(verdict.holds for verdict in self.verdicts)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that does not hold, from the outside to the inside."""
        return tuple(fault for verdict in self.verdicts for fault in verdict.faults)


def verify_results(
    data: bytes, *, identity: SealingIdentity, key: AnswerKey, centre: CentreDescriptor
) -> Verification:
    """All verdicts on a results file.

    Raises:
        InputError: `results.malformed`, `signature.malformed`, when there is nothing to look at;
            `seal.key`.
    """
    found: dict[Layer, list[Fault]] = {Layer.SIGNATURES: []}
    envelope, sealed = split_results(data)
    officials: tuple[str, ...] = ()
    try:
        _, officials = verify_results_envelope(envelope, centre)
    except ExamError as error:
        found[Layer.SIGNATURES].append(fault_of(Layer.SIGNATURES, error))
    manifest = parse_manifest(unverified_payload(envelope)[0])
    _note(found, Layer.SIGNATURES, lambda: check_manifest_centre(manifest, centre))
    _note(found, Layer.SEAL, lambda: check_sealed(manifest, sealed))
    content = _open(found, sealed, identity)
    if content is not None:
        _look_inside(found, manifest, content)
        for layer in _ROOM_LAYERS:
            found.setdefault(layer, [])
        for fault in examine_room(manifest, content, key, centre).faults:
            found[fault.layer].append(fault)
    return Verification(
        file_sha256=digest_of(data),
        centre_id=manifest.centre_id,
        sitting_id=manifest.sitting_id,
        sequence=manifest.sequence,
        signed_by=_names(centre, officials),
        verdicts=tuple(
            Verdict(layer=layer, is_checked=layer in found, faults=tuple(found.get(layer, ())))
            for layer in Layer
        ),
    )


_ROOM_LAYERS = (
    Layer.LOG,
    Layer.ASSIGNMENT,
    Layer.KIOSKS,
    Layer.SESSIONS,
    Layer.JOURNALS,
    Layer.RECEIPTS,
)


def _open(
    found: dict[Layer, list[Fault]], sealed: bytes, identity: SealingIdentity
) -> ResultsContent | None:
    try:
        return open_content(sealed, identity)
    except ExamError as error:
        found.setdefault(Layer.SEAL, []).append(fault_of(Layer.SEAL, error))
        return None


def _look_inside(
    found: dict[Layer, list[Fault]], manifest: ResultsManifest, content: ResultsContent
) -> None:
    _note(found, Layer.COUNTS, lambda: check_counts(manifest.counts, content))
    found[Layer.HEADS] = []
    try:
        changed = changed_heads(manifest, content)
    except ExamError as error:
        found[Layer.HEADS].append(fault_of(Layer.HEADS, error))
        return
    found[Layer.HEADS] += [
        Fault(
            layer=Layer.HEADS,
            code=RESULTS_HEADS,
            message=f"考生 {number} 的作答记录、卷号或回执与签名的清单不符",
            admission_number=number,
        )
        for number in changed
    ]
    if manifest.audit_lines != len(content.audit_lines):
        text = f"清单写明日志 {manifest.audit_lines} 行，内容中有 {len(content.audit_lines)} 行"
        found[Layer.HEADS].append(Fault(layer=Layer.HEADS, code=RESULTS_ALTERED, message=text))
    if manifest.assignment_sha256 != digest_of(content.assignment):
        text = "分卷表不是清单所签的那一份"
        found[Layer.HEADS].append(Fault(layer=Layer.HEADS, code=RESULTS_ALTERED, message=text))


def _note(found: dict[Layer, list[Fault]], layer: Layer, check: Callable[[], None]) -> None:
    faults = found.setdefault(layer, [])
    try:
        check()
    except ExamError as error:
        faults.append(fault_of(layer, error))


def _names(centre: CentreDescriptor, key_ids: tuple[str, ...]) -> tuple[str, ...]:
    people = {key_id(one.signing_key): one for one in centre.officials}
    return tuple(f"{people[one].name}（{people[one].office}）" for one in key_ids)
