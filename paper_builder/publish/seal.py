"""How does a draft become files that only the right people can open, at the right time?

Everything is made and verified in memory before the first byte is written.
"""

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from exam_core.crypto.sealing import Recipient, SealingIdentity, generate_identity, recipient_of
from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.errors import InputError, declare
from exam_core.formats.centre_descriptor import (
    CentreDescriptor,
    parse_centre,
    sign_centre,
    verify_centre,
)
from exam_core.formats.opening_bundle import FormIdentity, OpeningBundle, seal_bundle
from exam_core.formats.opening_locks import OpeningCodes, draw_codes
from exam_core.formats.paper_package import (
    NEEDED_PROGRAM,
    build_package,
    open_form,
    open_image,
    seal_form,
    verify_package,
)
from exam_core.formats.trust_root import TrustRoot
from exam_core.keys.model import AnswerKey
from exam_core.keys.package import build_key_package
from exam_core.model.identifiers import CentreId, ExamId, FormNumber, SittingId
from paper_builder.assembly.blueprint import scoring_note
from paper_builder.assembly.draft import PaperDraft
from paper_builder.files import write_folder
from paper_builder.publish.print_codes import Delivery, code_sheets
from paper_builder.publish.seal_images import seal_images, with_seals

PUBLISH_CENTRE = declare("publish.centre", "请核对各考点文件和卷号范围。")
PUBLISH_SIGNERS = declare("publish.signers", "须两人签名：请每人各给一次自己的签名密钥文件。")
PUBLISH_SEQUENCE = declare(
    "publish.sequence", "本场次第一次制包用 1，以后每次加 1；考点不接受比已导入的更低的序号。"
)

PACKAGE_FILE = "paper.exampkg"
KEY_FILE = "answers.examkey"

_JOURNAL_SECRET_BYTES = 32
_CENTRE_ID = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreOrder:
    """What one centre gets: which forms it can open, and with which code.

    No form is opened by two centres. Those that come without `form_numbers` share what the others
    leave, in order and evenly; a centre alone gets all. Without `code` one is drawn. The codes of
    its three envelopes are always drawn.
    """

    centre: CentreDescriptor
    form_numbers: Collection[FormNumber] | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPaper:
    """Everything sealing makes. The codes go other ways than the bundles, and later."""

    package: bytes
    manifest_sha256: str
    bundles: dict[CentreId, bytes]
    form_numbers: dict[CentreId, tuple[FormNumber, ...]]
    codes: dict[CentreId, OpeningCodes]
    key_package: bytes


def seal_paper(
    draft: PaperDraft,
    *,
    exam_id: ExamId,
    sitting_id: SittingId,
    sequence: int,
    keys: Sequence[PrivateSigningKey],
    root: TrustRoot,
    centres: Sequence[CentreOrder],
    grading_recipients: Sequence[Recipient],
    not_before_utc_ms: int | None = None,
    min_program: str = NEEDED_PROGRAM,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> SealedPaper:
    """Seal a paper for a sitting: each form to an identity of its own, drawn here.

    Takes some seconds a centre, by design of the codes' key derivation.

    Args:
        draft: What was drawn.
        exam_id: The examination that the sitting is part of.
        sitting_id: The sitting this package is for.
        sequence: Rises with every package made for the sitting.
        keys: The signers' keys; enough of them to satisfy the root.
        root: What kiosks and servers will verify with.
        centres: At least one.
        grading_recipients: Public keys of the grading site: they open the answer keys, and,
            signed into the package, they alone will open the rooms' results.
        not_before_utc_ms: When the sitting is planned to begin; rooms warn and log, nothing more.
        min_program: The oldest version of the programs that may use the package.
        on_progress: Told how many more forms and bundles are done.

    Raises:
        InputError: `publish.centre`, `publish.signers`, `publish.sequence`, `opening.code_*`,
            `seal.key`, `key.malformed`, `package.*`, `publish.image`.
        IntegrityError: `signature.threshold`, `signature.unknown_key`, `signature.office`, when the
            signers are not those that the root asks for.
    """
    shares = share_forms(centres, len(draft.forms))
    _check_signers(keys)
    if sequence < 1:
        raise InputError(PUBLISH_SEQUENCE, f"制包序号 {sequence} 不对：应从 1 起")
    secrets_by_centre = {
        order.centre.centre_id: secrets.token_hex(_JOURNAL_SECRET_BYTES) for order in centres
    }
    answer_key = AnswerKey(
        paper_id=draft.paper_id,
        title=draft.title,
        key_version=1,
        scoring=draft.scoring,
        items=draft.items,
        forms=tuple(laid_out.form_map for laid_out in draft.forms),
        journal_secrets=secrets_by_centre,
    )
    key_package = build_key_package(answer_key, list(keys), list(grading_recipients))
    images = seal_images(draft)
    identities: dict[FormNumber, SealingIdentity] = {}
    sealed_forms = []
    for laid_out in draft.forms:
        identity = generate_identity()
        identities[laid_out.form.form_number] = identity
        form = with_seals(laid_out.form, images)
        sealed_forms.append(seal_form(form, recipient_of(identity)))
        on_progress(1)
    package = build_package(
        exam_id=exam_id,
        sitting_id=sitting_id,
        paper_id=draft.paper_id,
        title=draft.title,
        sequence=sequence,
        duration_ms=draft.duration_ms,
        not_before_utc_ms=not_before_utc_ms,
        min_program=min_program,
        scoring_note=scoring_note(draft.scoring),
        results_recipients=grading_recipients,
        sealed_forms=sealed_forms,
        sealed_images=[(name, image.sealed) for name, image in images.items()],
        keys=keys,
    )
    verified = verify_package(package, root)
    for number, identity in identities.items():
        sealed = verified.sealed_form(number)
        open_form(sealed, identity, paper_id=draft.paper_id, form_number=number)
    for image in images.values():
        open_image(verified, image.seal)
    bundles, codes = {}, {}
    for order in centres:
        centre_id = order.centre.centre_id
        bundle = OpeningBundle(
            paper_id=draft.paper_id,
            sitting_id=sitting_id,
            centre_id=centre_id,
            manifest_sha256=verified.manifest_sha256,
            identities=tuple(
                FormIdentity(form_number=number, identity=identities[number])
                for number in shares[centre_id]
            ),
            journal_secret=secrets_by_centre[centre_id],
        )
        codes[centre_id] = draw_codes(order.code or "")
        bundles[centre_id] = seal_bundle(
            bundle, list(keys), codes[centre_id], order.centre.opening_recipient
        )
        on_progress(1)
    return SealedPaper(
        package=package,
        manifest_sha256=verified.manifest_sha256,
        bundles=bundles,
        form_numbers=shares,
        codes=codes,
        key_package=key_package,
    )


def bundle_file(centre_id: CentreId) -> str:
    """The name of a centre's opening bundle on disk."""
    return f"opening-{centre_id}.examopen"


def write_sealed(sealed: SealedPaper, folder: Path) -> None:
    """Write package, bundles and answer-key package into a new folder; the codes stay out.

    Raises:
        InputError: `builder.output_exists`.
        StorageError: `builder.write`; nothing is left behind.
    """
    files = {PACKAGE_FILE: sealed.package, KEY_FILE: sealed.key_package}
    files |= {bundle_file(centre_id): bundle for centre_id, bundle in sealed.bundles.items()}
    # Ciphertext alone: whoever carries the files must be able to copy them.
    write_folder(folder, files, public_names=files.keys())


def write_codes(
    sealed: SealedPaper,
    draft: PaperDraft,
    centres: Sequence[CentreOrder],
    folder: Path,
    *,
    sitting_id: SittingId,
    sequence: int,
) -> list[str]:
    """Print the codes, each on a sheet of its own, into a new folder for the owner alone.

    Returns:
        The names of the files.

    Raises:
        InputError: `builder.output_exists`, `report.font`, `report.missing_glyph`.
        StorageError: `builder.write`; nothing is left behind.
    """
    files: dict[str, bytes] = {}
    for order in centres:
        delivery = Delivery(
            title=draft.title,
            sitting_id=sitting_id,
            sequence=sequence,
            centre_id=order.centre.centre_id,
            centre_name=order.centre.name,
            manifest_sha256=sealed.manifest_sha256,
        )
        files |= code_sheets(delivery, sealed.codes[order.centre.centre_id])
    write_folder(folder, files)
    return sorted(files)


def sign_centre_file(data: bytes, keys: Sequence[PrivateSigningKey], root: TrustRoot) -> bytes:
    """A centre's unsigned descriptor, signed so that the root accepts it.

    Raises:
        InputError: `centre.malformed`, `publish.signers`, `seal.key`, `signing.key`.
        IntegrityError: `signature.threshold`, `signature.unknown_key`, `signature.office`, when the
            signers are not those that the root asks for.
    """
    _check_signers(keys)
    signed = sign_centre(parse_centre(data), list(keys))
    verify_centre(signed, root)
    return signed


def _check_signers(keys: Sequence[PrivateSigningKey]) -> None:
    if len({public_key_of(key) for key in keys}) != len(keys):
        raise InputError(PUBLISH_SIGNERS, "同一个签名密钥给了两次")


def share_forms(
    centres: Sequence[CentreOrder], form_count: int
) -> dict[CentreId, tuple[FormNumber, ...]]:
    """The forms that each centre will be able to open, ascending; no form is in two shares.

    Raises:
        InputError: `publish.centre`, also when there are not enough forms to share.
    """
    _check_centres(centres, form_count)
    owners: dict[FormNumber, CentreId] = {}
    for order in centres:
        for number in sorted(set(order.form_numbers or ())):
            other = owners.setdefault(number, order.centre.centre_id)
            if other != order.centre.centre_id:
                raise InputError(
                    PUBLISH_CENTRE,
                    f"第 {number} 卷同时给了考点 {other} 和 {order.centre.centre_id}",
                )
    left = [FormNumber(n) for n in range(1, form_count + 1) if n not in owners]
    open_orders = [order.centre.centre_id for order in centres if order.form_numbers is None]
    if len(left) < len(open_orders):
        raise InputError(PUBLISH_CENTRE, f"余下 {len(left)} 卷，不够 {len(open_orders)} 个考点分")
    for place, centre_id in enumerate(open_orders):
        first = place * len(left) // len(open_orders)
        last = (place + 1) * len(left) // len(open_orders)
        owners |= dict.fromkeys(left[first:last], centre_id)
    return {
        order.centre.centre_id: tuple(
            sorted(n for n, owner in owners.items() if owner == order.centre.centre_id)
        )
        for order in centres
    }


def _check_centres(centres: Sequence[CentreOrder], form_count: int) -> None:
    centre_ids = [order.centre.centre_id for order in centres]
    if not centre_ids or len(set(centre_ids)) != len(centre_ids):
        raise InputError(PUBLISH_CENTRE, "没有给出考点，或同一考点给了两次")
    for order in centres:
        centre_id = order.centre.centre_id
        if not _CENTRE_ID.fullmatch(centre_id):
            raise InputError(PUBLISH_CENTRE, f"考点编号“{centre_id[:30]}”含有不能用的字符")
        numbers = order.form_numbers
        if numbers is not None and (
            not numbers or not all(1 <= number <= form_count for number in numbers)
        ):
            raise InputError(
                PUBLISH_CENTRE, f"考点 {centre_id} 的卷号超出范围（共 {form_count} 卷）"
            )
