"""From the order of choices on a page to the form: how surely, and what to look at next."""

import json
import random
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import recipient_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.trust_root import encode_root
from exam_core.keys.model import AnswerKey, ChoiceKey, KeyedItem
from exam_core.keys.package import build_key_package
from exam_core.model.identifiers import BankItemId, FormNumber, PaperId
from exam_core.model.items import ItemType
from grading import limits, write_archive
from grading.cli import main
from grading.trace import FormIndex, Reading, parse_readings, read_source, trace_forms
from paper_builder.assembly.layout import lay_out_form
from tests.support import builders
from tests.support.builders import APPROVER, GRADING_IDENTITY, SETTER
from tests.support.refusals import refuses
from tests.support.scale import times
from tests.unit.grading import archives

FORMS = 1000
TRIALS = times(2000)


def _items() -> tuple[KeyedItem, ...]:
    """Twelve items of four choices, a true/false one, a case with two of five choices."""
    single = archives.part(ItemType.SINGLE_CHOICE, 1000, ChoiceKey(letters="B"), "ABCD")
    five = archives.part(ItemType.MULTIPLE_CHOICE, 2000, ChoiceKey(letters="AE"), "ABCDE")
    truth = archives.part(ItemType.TRUE_FALSE, 1000, ChoiceKey(letters="A"), "AB")
    singles = [
        builders.keyed_item(f"S{n:03}", item_type=ItemType.SINGLE_CHOICE, parts=(single,))
        for n in range(12)
    ]
    return (
        *singles,
        builders.keyed_item("T001", item_type=ItemType.TRUE_FALSE, parts=(truth,)),
        builders.keyed_item(
            "C001", item_type=ItemType.CASE, parts=(five, five), material="张某与某公司"
        ),
    )


@pytest.fixture(scope="module")
def key() -> AnswerKey:
    """A paper of a thousand forms, laid out by the builder itself."""
    items = _items()
    return archives.answer_key(
        items=items,
        forms=tuple(
            lay_out_form(
                items,
                paper_id=PaperId("P"),
                title="卷",
                form_number=FormNumber(number),
                key=b"\x5e" * 32,
            ).form_map
            for number in range(1, FORMS + 1)
        ),
        journal_secrets={},
    )


def order_of(key: AnswerKey, form_number: int, bank_item_id: str, part: int = 0) -> str:
    """The letters that a form shows, from top to bottom."""
    form = key.forms[form_number - 1]
    item = next(one for one in form.items if one.bank_item_id == bank_item_id)
    return item.parts[part].order


def read_off(key: AnswerKey, form_number: int, *bank_item_ids: str) -> list[Reading]:
    """What somebody reads off a page without a mistake."""
    return [
        Reading(bank_item_id=BankItemId(name), letters=order_of(key, form_number, name))
        for name in bank_item_ids
    ]


def misread(reading: Reading, rng: random.Random) -> Reading:
    """Two neighbouring letters swapped, as a tired eye does."""
    letters = list(reading.letters)
    at = rng.randrange(len(letters) - 1)
    letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return Reading(bank_item_id=reading.bank_item_id, letters="".join(letters))


def test_five_items_tell_one_form_of_a_thousand(key: AnswerKey) -> None:
    """In at least 99 of 100 trials the form is found, and found alone."""
    rng = random.Random("trace")  # noqa: S311  repeatable trials, no secret
    index = FormIndex(key)
    names = [f"S{n:03}" for n in range(12)]
    alone = 0

    for _ in range(TRIALS):
        number = rng.randint(1, FORMS)
        found = trace_forms(index, read_off(key, number, *rng.sample(names, 5)))
        assert number in [match.form_number for match in found.best]
        alone += len(found.best) == 1

    assert alone >= 0.99 * TRIALS
    print(f"campaign trace_forms {TRIALS}")  # noqa: T201  the runner reads it


def test_one_wrong_reading_is_tolerated(key: AnswerKey) -> None:
    """With one of six items misread, the form is still found, named, and nearly always alone."""
    rng = random.Random("misread")  # noqa: S311  repeatable trials, no secret
    index = FormIndex(key)
    names = [f"S{n:03}" for n in range(12)]
    alone = 0

    for _ in range(200):
        number = rng.randint(1, FORMS)
        readings = read_off(key, number, *rng.sample(names, 6))
        readings[2] = misread(readings[2], rng)
        found = trace_forms(index, readings)
        mine = [match for match in found.matches if match.form_number == number]
        assert [match.wrong for match in mine] == [(str(readings[2]),)]
        alone += [match.form_number for match in found.best] == [number]

    assert alone >= 198


def test_two_wrong_readings_find_nothing(key: AnswerKey) -> None:
    """Two misread items of eight are said to fit no form, rather than a form of chance."""
    rng = random.Random("two")  # noqa: S311  repeatable trials, no secret
    readings = read_off(key, 7, *(f"S{n:03}" for n in range(8)))
    readings[:2] = [misread(one, rng) for one in readings[:2]]

    found = trace_forms(FormIndex(key), readings)

    assert not found.matches
    assert not found.best
    assert found.chance == 1.0


def test_the_chance_is_that_of_independent_forms(key: AnswerKey) -> None:
    """Five of 24 orders each: a thousand forms give one more match in about 8,000 papers."""
    found = trace_forms(FormIndex(key), read_off(key, 400, "S000", "S001", "S002", "S003", "S004"))

    assert found.chance == pytest.approx(999 / 24**5, rel=1e-3)
    alone = msgspec.structs.replace(key, forms=key.forms[:1])
    assert trace_forms(FormIndex(alone), read_off(key, 1, "S000")).chance == 0.0


def test_the_chance_with_a_wrong_reading_counts_every_way_to_be_wrong(key: AnswerKey) -> None:
    """It is the probability of at most one wrong reading among three, by enumeration."""
    readings = read_off(key, 3, "S000", "S001", "S002")
    readings[0] = misread(readings[0], random.Random("one"))  # noqa: S311  no secret
    one = msgspec.structs.replace(key, forms=key.forms[2:4])

    found = trace_forms(FormIndex(one), readings)

    expected = 0.0
    for fits in product((True, False), repeat=3):
        if fits.count(False) <= 1:
            expected += (1 / 24) ** fits.count(True) * (23 / 24) ** fits.count(False)
    assert found.matches[0].form_number == 3
    assert found.chance == pytest.approx(expected)


def test_unreadable_letters_and_numbers_count_for_what_they_say(key: AnswerKey) -> None:
    """A ? fits any letter and weakens the proof; an item's number on the page strengthens it."""
    order = order_of(key, 5, "C001", 1)
    number = 1 + [one.bank_item_id for one in key.forms[4].items].index(BankItemId("S003"))
    readings = parse_readings(
        [f"C001/2={order[:2].lower()}？??", "", "# note", f"S003@{number}"], key
    )

    found = trace_forms(FormIndex(key), readings)

    assert [str(one) for one in readings] == [f"C001/2={order[:2]}???", f"S003@{number}"]
    assert any(match.form_number == 5 and not match.wrong for match in found.matches)
    forms = msgspec.structs.replace(key, forms=key.forms[4:6])
    assert trace_forms(FormIndex(forms), readings).chance == pytest.approx((6 / 120) * (1 / 12))
    wrong = parse_readings([f"S003@{number % 12 + 1}"], key)
    more = read_off(forms, 1, "S007")
    assert trace_forms(FormIndex(forms), [*readings[:1], *wrong]).matches == ()
    three = trace_forms(FormIndex(forms), [*readings[:1], *wrong, *more])
    assert three.matches[0].wrong == (str(wrong[0]),), "of three, one may be wrong"


def test_the_next_item_is_the_one_that_divides_best(key: AnswerKey) -> None:
    """After one item some forty forms remain; the item named leaves the fewest of all."""
    first = read_off(key, 20, "S000")
    found = trace_forms(FormIndex(key), first)
    assert 20 < len(found.best) < 80
    assert found.next_item is not None
    assert found.next_item.bank_item_id == "C001", "five choices divide better than four"

    part = found.next_item.part_number - 1
    second = Reading(
        bank_item_id=BankItemId("C001"),
        part_index=part,
        letters=order_of(key, 20, "C001", part),
    )
    narrowed = trace_forms(FormIndex(key), [*first, second])
    assert 20 in [match.form_number for match in narrowed.best]
    assert len(narrowed.best) <= 4


def test_equal_forms_cannot_be_told_apart(key: AnswerKey) -> None:
    """Where no further item divides, none is named."""
    twin = msgspec.structs.replace(key.forms[0], form_number=FormNumber(2))
    twins = msgspec.structs.replace(key, forms=(key.forms[0], twin))

    found = trace_forms(FormIndex(twins), read_off(key, 1, "S000"))

    assert len(found.best) == 2
    assert found.next_item is None


def test_an_item_that_a_form_lacks_fits_it_not(key: AnswerKey) -> None:
    """Forms need not have the same items; what a form does not show was not seen on it."""
    names = [item.bank_item_id for item in key.forms[0].items[:3]]
    short = msgspec.structs.replace(key.forms[0], items=key.forms[0].items[1:])
    one = msgspec.structs.replace(key, forms=(short,))
    readings = read_off(key, 1, *names)

    assert trace_forms(FormIndex(one), readings).matches[0].wrong == (str(readings[0]),)
    number = Reading(bank_item_id=names[0], number=1)
    assert not trace_forms(FormIndex(one), [number]).matches


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["", "# only a note"],
        ["S000"],
        ["S000="],
        ["S000@0=ABCD"],
        ["S000 S001=ABCD"],
        ["=ABCD"],
        ["X999=ABCD"],
        ["S000/2=ABCD"],
        ["S000=ABC"],
        ["S000=ABCDE"],
        ["S000=AACD"],
        ["S000=ABCE"],
        ["S000=????"],
        ["T001=AB"],
        ["S000=ABCD", "S000=ABDC"],
        ["S000@1", "S000@2"],
        ["S000=ABCD"] * (limits.trace_readings_max + 1),
    ],
)
def test_a_reading_that_says_nothing_is_refused(key: AnswerKey, lines: list[str]) -> None:
    """A slip of the pen is found before it loses the form."""
    with refuses(InputError, "trace.seen"):
        parse_readings(lines, key)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive of four candidates on two forms."""
    path = tmp_path / "a.examarchive"
    write_archive(path, archives.archive())
    return path


def run(*arguments: str | Path) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_the_command_names_candidate_and_seat(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an archive, the form's candidates and their machines are named."""
    assert run("trace", archive, "--seen", "B0001@1", "--seen", "B0002=ABCDE") == 0

    text = capsys.readouterr().out
    assert "第 1 卷，全部读数相符：考生1（20260001），福州市人社局，考点 C01，机位 A01" in text
    assert "考生3" in text
    assert "结论：第 1 卷" in text


def test_the_command_says_what_it_cannot_tell(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forms that show the same are both named; a wrong paper fits none."""
    assert run("trace", archive, "--seen", "B0002=ABCDE") == 0
    assert "不能确定：2 卷同样相符，其余试题也分不开" in capsys.readouterr().out

    assert run("trace", archive, "--seen", "B0001=DCBA", "--seen", "B0002=EDCBA") == 0
    assert "没有一卷相符" in capsys.readouterr().out


def test_readings_come_from_a_file_and_go_to_a_script(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text file of readings, and everything as JSON."""
    seen = tmp_path / "seen.txt"
    seen.write_text("\ufeff# 照片 1\nB0001@6=ABCD\nB0002=ABCD?\n", encoding="utf-8")

    assert run("trace", archive, "--seen-file", seen, "--json") == 0

    said = json.loads(capsys.readouterr().out)
    assert said["readings"] == ["B0001@6", "B0001=ABCD", "B0002=ABCD?"]
    assert [match["form_number"] for match in said["matches"]] == [2, 1]
    assert said["is_unique"] is True
    assert said["matches"][0]["sitters"][0]["seats"] == ["A02"]
    assert said["matches"][1]["wrong"] == ["B0001@6"]


def test_many_matches_are_cut_short(
    key: AnswerKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an answer-key package; the next item is named with its stem, no candidate is known."""
    files = key_files(key, tmp_path)
    seen = f"S000={order_of(key, 20, 'S000')}"

    assert run("trace", *files, "--seen", seen) == 0

    text = capsys.readouterr().out
    assert "卷也相符，未显示" in text
    assert "还不能确定" in text
    assert "再看 C001" in text


def key_files(key: AnswerKey, folder: Path) -> list[Any]:
    """An answer-key package with what opens it, as arguments."""
    package, identity, root = folder / "k.examkey", folder / "id.txt", folder / "root.json"
    package.write_bytes(
        build_key_package(key, [SETTER, APPROVER], [recipient_of(GRADING_IDENTITY)])
    )
    identity.write_text(f"# 阅卷点\n{GRADING_IDENTITY}\n")
    root.write_bytes(encode_root(builders.root()))
    return [package, "--identity", identity, "--root", root]


def test_items_are_found_by_words(
    key: AnswerKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All words must occur; parts, letters and texts are shown; long lists are cut."""
    files = key_files(key, tmp_path)
    assert run("trace-items", *files[:1], "张某", "选项E", *files[1:]) == 0
    text = capsys.readouterr().out
    assert "C001/2" in text
    assert "    E  选项E" in text
    assert "S000" not in text

    assert run("trace-items", *files[:1], "没有这个词", *files[1:]) == 0
    assert "没有试题" in capsys.readouterr().out

    assert run("trace-items", *files[:1], "选项B", *files[1:], "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 14


def test_a_long_list_of_items_says_so(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More items than a person reads are cut, and the number of all is said."""
    monkeypatch.setattr(limits, "trace_items_shown_max", 1)
    assert run("trace-items", archive, "题干") == 0
    assert "共 6 题，只显示前 1 题" in capsys.readouterr().out


@pytest.mark.parametrize("problem", ["no identity", "no root", "two keys", "long file", "missing"])
def test_a_key_package_needs_what_opens_it(key: AnswerKey, problem: str, tmp_path: Path) -> None:
    """Without identity or root, or with a file that is none, the source is refused."""
    package, _, identity, _, root = key_files(key, tmp_path)
    if problem == "two keys":
        identity.write_text(f"{GRADING_IDENTITY}\n" * 2)
    if problem == "long file":
        root.write_bytes(bytes(limits.small_file_bytes_max + 1))
    if problem == "missing":
        package.unlink()
    with refuses(InputError, "trace.source"):
        read_source(
            package,
            identity=None if problem == "no identity" else identity,
            root=None if problem == "no root" else root,
        )


def test_an_altered_key_package_is_not_believed(key: AnswerKey, tmp_path: Path) -> None:
    """A damaged package names no form."""
    package, _, identity, _, root = key_files(key, tmp_path)
    data = bytearray(package.read_bytes())
    data[-1] ^= 1
    package.write_bytes(bytes(data))

    with refuses(IntegrityError, "seal.open"):
        read_source(package, identity=identity, root=root)


def test_a_seen_file_has_a_limit(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no list of readings is not read to its end."""
    seen = tmp_path / "seen.txt"
    seen.write_bytes(bytes(limits.small_file_bytes_max + 1))

    assert run("trace", archive, "--seen-file", seen) == 2
    assert "trace.seen" in capsys.readouterr().err
