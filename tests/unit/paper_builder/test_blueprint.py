"""The blueprint file: exact, strict, with the line of what is wrong."""

from pathlib import Path

import pytest

from exam_core.errors import InputError
from exam_core.keys.model import BlankRule, MultipleChoiceRule, ScoringScheme
from exam_core.model.items import ItemType
from paper_builder.assembly import load_blueprint, parse_blueprint, preset_names, scoring_note
from tests.support.refusals import refuses

GOOD = """[paper]
title = "笔试"
total_items = 10
duration_minutes = 60

[domains]
"就业创业" = 1
"社会保险" = 2.5

[types]
single_choice = 3
case = 0
true_false = "1"

[points]
single_choice = 1.5
true_false = "0.5"
"""


def test_a_small_blueprint_is_read_exactly() -> None:
    """Numbers, decimals and decimal strings become thousandths; what has no share is not there."""
    plan = parse_blueprint(GOOD.encode())
    assert plan.title == "笔试"
    assert (plan.total_items, plan.duration_ms, plan.forms) == (10, 3_600_000, 1)
    assert plan.knowledge_point_max == 0
    assert [(entry.domain, entry.ratio_milli) for entry in plan.domains] == [
        ("就业创业", 1000),
        ("社会保险", 2500),
    ]
    assert [(total.item_type, total.items, total.points_milli) for total in plan.type_totals()] == [
        (ItemType.SINGLE_CHOICE, 8, 1500),
        (ItemType.TRUE_FALSE, 2, 500),
    ]
    assert plan.domain_totals() == (3, 7)
    assert plan.points_milli() == 13_000
    assert plan.scoring == ScoringScheme()


def test_the_digest_is_of_the_meaning() -> None:
    """Comments and spelling do not change it; any value does."""
    digest = parse_blueprint(GOOD.encode()).digest()
    assert parse_blueprint(b"\xef\xbb\xbf# x\n" + GOOD.encode()).digest() == digest
    assert parse_blueprint(GOOD.replace("1.5", '"1.500"').encode()).digest() == digest
    assert parse_blueprint(GOOD.replace("1.5", "1.6").encode()).digest() != digest


def test_seconds_are_for_rehearsals() -> None:
    """The duration may be given in seconds, but not twice."""
    text = GOOD.replace("duration_minutes = 60", "duration_seconds = 45")
    assert parse_blueprint(text.encode()).duration_ms == 45_000
    twice = GOOD.replace("[domains]", "duration_seconds = 45\n[domains]")
    with refuses(InputError, "blueprint.value") as caught:
        parse_blueprint(twice.encode())
    assert caught.value.facts["line"] == 6


def test_the_baicheng_preset_is_the_notice() -> None:
    """20:35:10:25:10 and 50:20:10:10:5:5 over 100 items, 150 points, two hours."""
    plan = load_blueprint("baicheng-2019")
    assert plan.domain_totals() == (20, 35, 10, 25, 10)
    assert [(total.items, total.points_milli) for total in plan.type_totals()] == [
        (50, 1000),
        (20, 1500),
        (10, 1000),
        (10, 1000),
        (5, 4000),
        (5, 6000),
    ]
    assert plan.points_milli() == 150_000
    assert plan.duration_ms == 120 * 60_000


@pytest.mark.parametrize("name", ["fujian-2019", "fujian-2024", "jiangsu-2022", "sichuan-2020"])
def test_presets_say_what_their_notice_leaves_open(name: str) -> None:
    """Nothing is invented: the message lists what the organiser has to decide."""
    assert name in preset_names()
    with refuses(InputError, "blueprint.open") as caught:
        load_blueprint(name)
    assert caught.value.facts["open"] == (
        "paper.total_items",
        "paper.duration_minutes",
        "domains",
        "types",
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "place"),
    [
        ("total_items = 10", "total_items = 0", 3, "paper.total_items"),
        ("total_items = 10", "total_items = 501", 3, "paper.total_items"),
        ("total_items = 10", "total_items = 1.5", 3, "paper.total_items"),
        ("total_items = 10", "total_items = true", 3, "paper.total_items"),
        ("duration_minutes = 60", "duration_minutes = 721", 4, "paper.duration_minutes"),
        ('title = "笔试"', 'title = " "', 2, "paper.title"),
        ('title = "笔试"', "title = 7", 2, "paper.title"),
        ('title = "笔试"', "titel = 7", 2, "paper.titel"),
        ('"社会保险" = 2.5', '"社会保险" = -1', 8, "domains.社会保险"),
        ('"社会保险" = 2.5', '"社会保险" = "多"', 8, "domains.社会保险"),
        ('"社会保险" = 2.5', '"社会保险" = true', 8, "domains.社会保险"),
        ('"社会保险" = 2.5', '"社会保险" = 1.2345', 8, "domains.社会保险"),
        ('"社会保险" = 2.5', '"社会保险" = 1e300', 8, "domains.社会保险"),
        ('"社会保险" = 2.5', '"社会保险" = nan', 8, "domains.社会保险"),
        ('"社会保险" = 2.5', "' ' = 1", 8, "domains. "),
        ("single_choice = 3", "essay = 3", 11, "types.essay"),
        ("single_choice = 1.5", "single_choice = 0", 16, "points.single_choice"),
        ("[points]", "[scoring]\nfill_blank = 'x'\n[points]", 16, "scoring.fill_blank"),
        ("[points]", "[extra]\n[points]", 15, "extra"),
        ("[paper]", "types = 3\n[paper]", 1, "types"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(old: str, new: str, line: int, place: str) -> None:
    """Place and line, so that the reader can go there."""
    text = GOOD.replace(old, new, 1)
    if place == "types":
        text = text.replace("[types]", "[other]")
    with refuses(InputError, "blueprint.value") as caught:
        parse_blueprint(text.encode())
    assert (caught.value.facts["place"], caught.value.facts["line"]) == (place, line)


def test_a_value_that_no_line_shows_is_named_without_one() -> None:
    """TOML can hide a key in an inline table; then the name must do."""
    text = (
        'domains = {"就业创业" = -1}\n' + GOOD.replace("[domains]", "[points]").split("[points]")[0]
    )
    with refuses(InputError, "blueprint.value") as caught:
        parse_blueprint(text.encode())
    assert caught.value.facts["line"] == 0


def test_ratios_that_are_all_zero_are_refused() -> None:
    """Nothing can be shared by nothing."""
    text = GOOD.replace('"就业创业" = 1', '"就业创业" = 0').replace("2.5", "0")
    with refuses(InputError, "blueprint.value") as caught:
        parse_blueprint(text.encode())
    assert caught.value.facts["place"] == "domains"


def test_a_type_without_points_is_open() -> None:
    """Points are never guessed."""
    with refuses(InputError, "blueprint.open") as caught:
        parse_blueprint(GOOD.replace('true_false = "0.5"', "").encode())
    assert caught.value.facts["open"] == ("points.true_false",)


@pytest.mark.parametrize(
    ("data", "where"),
    [(b"[paper\n", "第 1 行"), (b'[paper]\ntitle = "', "末尾"), (b"\xff\xfe", "UTF-8")],
)
def test_what_is_no_toml_is_refused(data: bytes, where: str) -> None:
    """With the line where TOML gives it."""
    with refuses(InputError, "blueprint.syntax") as caught:
        parse_blueprint(data)
    assert where in caught.value.message


def test_a_blueprint_file_is_read_by_path(tmp_path: Path) -> None:
    """A path that is no preset is a file."""
    path = tmp_path / "own.toml"
    path.write_text(GOOD)
    assert load_blueprint(path) == parse_blueprint(GOOD.encode())
    with refuses(InputError, "builder.file"):
        load_blueprint(tmp_path / "none.toml")


def test_scoring_rules_are_read_and_told() -> None:
    """The rules by their glossary names; the note is what candidates read."""
    text = GOOD + "[scoring]\nmultiple_choice = 'per_choice'\nfill_blank = 'all_or_nothing'\n"
    scoring = parse_blueprint(text.encode()).scoring
    assert scoring == ScoringScheme(
        multiple_choice=MultipleChoiceRule.PER_CHOICE, fill_blank=BlankRule.ALL_OR_NOTHING
    )
    assert scoring_note(scoring) == (
        "多选题全部选对得满分，少选按选对的比例得分，错选不得分；填空题各空全部填对得分。"
    )
