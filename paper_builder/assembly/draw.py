"""How does a paper come from pool, blueprint and seed? A pure function of the three."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from exam_core import limits as core_limits
from exam_core.errors import InputError, declare
from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import KeyedItem
from exam_core.model.identifiers import FormNumber, PaperId
from exam_core.model.items import TITLES_ZH, ItemType
from paper_builder.assembly.blueprint import Blueprint, TypeTotal
from paper_builder.assembly.draft import METHOD, DrawnItem, DrawRecord, FormDigests, PaperDraft
from paper_builder.assembly.layout import LaidOutForm, lay_out_form
from paper_builder.assembly.pool import Pool, freeze_pool
from paper_builder.assembly.rng import Drbg
from paper_builder.assembly.selection import Cell, select_items
from paper_builder.assembly.table import plan_cells

DRAW_SEED = declare("draw.seed", "种子应为 64 位十六进制数字（256 位），请核对后重新输入。")
DRAW_FORMS = declare("draw.forms", "请核对卷数。")
POINTS_MISMATCH = declare(
    "draw.points_mismatch", "请修改蓝图中该题型的分值，或把提示的试题分值改成与蓝图一致。"
)

_SEED = re.compile(r"[0-9a-f]{64}")
_MARKED_TYPES = (ItemType.SHORT_ANSWER, ItemType.CASE)
_NAMED_ITEMS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPaper:
    """What a draw gives; every part is secret until the sitting has closed."""

    record: DrawRecord
    draft: PaperDraft
    pool: Pool


def draw_paper(
    items: Iterable[KeyedItem],
    blueprint: Blueprint,
    seed: str,
    *,
    forms: int | None = None,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> DrawnPaper:
    """Draw a paper and lay out its forms.

    The same items, blueprint, seed and number of forms give the same bytes on any machine. Form
    n does not depend on how many forms there are.

    Args:
        items: The bank's current items, in any order.
        blueprint: What the paper has to be.
        seed: 256 random bits as 64 hex digits.
        forms: How many; the blueprint's number when left out.
        on_progress: Told how many more forms are done.

    Raises:
        InputError: `draw.seed`, `draw.forms`, `draw.infeasible`, `draw.points_mismatch`,
            `draw.budget`.
    """
    seed = seed.strip().lower()
    if not _SEED.fullmatch(seed):
        raise InputError(DRAW_SEED, "种子不是 64 位十六进制数字")
    form_count = blueprint.forms if forms is None else forms
    if not 1 <= form_count <= core_limits.package_forms_max:
        raise InputError(DRAW_FORMS, f"卷数应在 1 至 {core_limits.package_forms_max} 之间")
    pool = freeze_pool(items)
    key = _draw_key(pool, blueprint, seed)
    totals = blueprint.type_totals()
    stock = _stock(pool, blueprint, totals)
    _check_points(stock, totals)
    table = plan_cells(
        domains=[entry.domain for entry in blueprint.domains],
        domain_totals=blueprint.domain_totals(),
        item_types=[total.item_type for total in totals],
        type_totals=[total.items for total in totals],
        stock=[[len(cell) for cell in row] for row in stock],
        key=key,
    )
    cells = [
        Cell(items=stock[row][column], needed=needed)
        for row, counts in enumerate(table.counts)
        for column, needed in enumerate(counts)
        if needed
    ]
    cells.sort(key=lambda cell: -cell.needed)
    selection = select_items(cells, blueprint.knowledge_point_max, Drbg(key, "selection"))
    paper_id = PaperId(Drbg(key, "paper").hex_digits(2))
    points = {total.item_type: total.points_milli for total in totals}
    priced = tuple(
        sorted(
            (_with_points(item, points[item.item_type]) for item in selection.items),
            key=lambda item: item.bank_item_id.encode(),
        )
    )
    laid_out = []
    for number in range(1, form_count + 1):
        laid_out.append(
            lay_out_form(
                priced,
                paper_id=paper_id,
                title=blueprint.title,
                form_number=FormNumber(number),
                key=key,
            )
        )
        on_progress(1)
    record = DrawRecord(
        method=METHOD,
        paper_id=paper_id,
        pool_digest=pool.digest(),
        pool_items=len(pool.items),
        blueprint_digest=blueprint.digest(),
        blueprint=blueprint,
        seed=seed,
        table_method=table.method,
        table=table.counts,
        tries=selection.tries,
        selection=tuple(
            DrawnItem(bank_item_id=item.bank_item_id, version=item.version)
            for item in selection.items
        ),
        forms=tuple(_digests(form) for form in laid_out),
    )
    draft = PaperDraft(
        paper_id=paper_id,
        title=blueprint.title,
        duration_ms=blueprint.duration_ms,
        scoring=blueprint.scoring,
        items=priced,
        forms=tuple(laid_out),
    )
    return DrawnPaper(record=record, draft=draft, pool=pool)


def _draw_key(pool: Pool, blueprint: Blueprint, seed: str) -> bytes:
    """SHA-256(method ‖ 0x00 ‖ seed ‖ pool digest ‖ blueprint digest), the last three 32 bytes."""
    facts = (seed, pool.digest(), blueprint.digest())
    return hashlib.sha256(
        METHOD.encode() + b"\x00" + b"".join(bytes.fromhex(fact) for fact in facts)
    ).digest()


def _stock(
    pool: Pool, blueprint: Blueprint, totals: tuple[TypeTotal, ...]
) -> list[list[list[KeyedItem]]]:
    """The pool's items by domain and type of the blueprint, each cell in the pool's order."""
    rows = {entry.domain: row for row, entry in enumerate(blueprint.domains)}
    columns = {total.item_type: column for column, total in enumerate(totals)}
    stock: list[list[list[KeyedItem]]] = [[[] for _ in columns] for _ in rows]
    for item in pool.items:
        if item.domain in rows and item.item_type in columns:
            stock[rows[item.domain]][columns[item.item_type]].append(item)
    return stock


def _check_points(stock: list[list[list[KeyedItem]]], totals: tuple[TypeTotal, ...]) -> None:
    """Marking points and case parts have points of their own: they must fit the blueprint.

    The whole stock is checked, not the selection: otherwise a seed could be tried until it fits.
    """
    for column, total in enumerate(totals):
        if total.item_type not in _MARKED_TYPES or not total.items:
            continue
        wrong = [
            item.bank_item_id
            for row in stock
            for item in row[column]
            if sum(part.points_milli for part in item.parts) != total.points_milli
        ]
        if wrong:
            more = f"等 {len(wrong)} 题" if len(wrong) > _NAMED_ITEMS_MAX else ""
            raise InputError(
                POINTS_MISMATCH,
                f"{TITLES_ZH[total.item_type]}的分值与蓝图不符："
                f"{'、'.join(wrong[:_NAMED_ITEMS_MAX])}{more}",
                items=tuple(wrong),
            )


def _with_points(item: KeyedItem, points_milli: int) -> KeyedItem:
    if item.item_type in _MARKED_TYPES:
        return item
    (part,) = item.parts
    return msgspec.structs.replace(
        item, parts=(msgspec.structs.replace(part, points_milli=points_milli),)
    )


def _digests(laid_out: LaidOutForm) -> FormDigests:
    return FormDigests(
        form_number=laid_out.form.form_number,
        form_sha256=hashlib.sha256(encode_canonical(laid_out.form)).hexdigest(),
        map_sha256=hashlib.sha256(encode_canonical(laid_out.form_map)).hexdigest(),
    )
