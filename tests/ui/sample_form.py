"""A realistic form of 100 items for tests and screenshots, and builders for small ones."""

from itertools import cycle, islice

from exam_core.model.identifiers import ChoiceId, FormNumber, ItemId, PaperId, PartId
from exam_core.model.items import Choice, Form, Item, ItemType, Part

TITLE = "人社窗口单位业务技能练兵比武决赛（上机闭卷考试）"

SINGLE = (
    (
        "按照《中华人民共和国社会保险法》，社会保险制度坚持的方针是（）。",
        (
            "广覆盖、保基本、多层次、可持续",
            "广覆盖、保重点、多层次、可调节",
            "广覆盖、保增长、多渠道、可持续",
            "广覆盖、保基本、多渠道、可调节",
        ),
    ),
    (
        (
            "劳动者与用人单位因确认劳动关系发生争议，当事人不愿协商、协商不成或者达成和解协议后不履行的，"
            "可以向调解组织申请调解；不愿调解、调解不成或者达成调解协议后不履行的，可以向（）申请仲裁。"
        ),
        (
            "劳动合同履行地或者用人单位所在地的劳动争议仲裁委员会",
            "用人单位的上级主管部门",
            "劳动者户籍所在地的人民法院，由其在收到申请之日起五日内作出是否受理的决定并书面通知申请人",
            "工会组织",
        ),
    ),
    (
        "劳动合同期限一年以上不满三年的，试用期不得超过（）。",
        ("一个月", "二个月", "三个月", "六个月"),
    ),
)
MULTIPLE = (
    (
        "下列情形中，用人单位应当向劳动者支付经济补偿的有（）。",
        (
            "用人单位未依法为劳动者缴纳社会保险费，劳动者解除劳动合同的",
            "用人单位提出并与劳动者协商一致解除劳动合同的",
            "劳动者严重违反用人单位的规章制度被解除劳动合同的",
            "劳动者因个人原因提前三十日书面通知用人单位解除劳动合同的",
            "用人单位被依法宣告破产，劳动合同终止的",
        ),
    ),
    (
        "失业人员从失业保险基金中领取失业保险金，应当符合的条件有（）。",
        (
            "失业前用人单位和本人已经缴纳失业保险费满一年的",
            "非因本人意愿中断就业的",
            "已经进行失业登记，并有求职要求的",
            "年满四十五周岁的",
        ),
    ),
)
TRUE_FALSE = (
    "用人单位自用工之日起满一年不与劳动者订立书面劳动合同的，视为已订立无固定期限劳动合同。（）",
    "职工应当参加工伤保险，由职工个人缴纳工伤保险费。（）",
)
BLANKS = (
    ("国家对就业困难人员实行（）和重点帮助，通过公益性岗位安置等办法提供（）。", 2),
    (
        (
            "用人单位应当自用工之日起（）日内为其职工向社会保险经办机构申请办理社会保险登记；"
            "未办理社会保险登记的，由社会保险经办机构（）其应当缴纳的社会保险费。"
        ),
        2,
    ),
)
SHORT = (
    "简述用人单位可以与劳动者约定竞业限制的人员范围、期限，以及竞业限制期限内用人单位的义务。",
    "窗口工作人员受理参保登记时发现申请材料不齐全，应当如何处理？请分点说明。",
)
MATERIAL = (
    "2023年3月1日，赵某入职某科技公司，双方签订期限三年的劳动合同，约定试用期为六个月，"
    "月工资8000元，试用期工资6000元。公司人事部门告知赵某，试用期内暂不缴纳社会保险，转正后补缴。\n"
    "2023年7月，赵某在前往客户单位的途中遭遇非本人主要责任的交通事故，左臂骨折，住院治疗二十天。"
    "公司以赵某尚在试用期、未缴纳工伤保险为由，拒绝支付住院期间的工资和医疗费用。\n"
    "同年9月，公司以赵某“不能胜任工作”为由，口头通知解除劳动合同。赵某不服，"
    "先向当地人力资源社会保障窗口咨询，随后申请劳动争议仲裁。"
)


def choice_part(key: str, item_type: ItemType, stem: str, texts: tuple[str, ...]) -> Part:
    """A part with choices `<key>-1`, `<key>-2` and so on."""
    choices = tuple(
        Choice(choice_id=ChoiceId(f"{key}-{n}"), text=text) for n, text in enumerate(texts, 1)
    )
    points = 2000 if item_type is ItemType.MULTIPLE_CHOICE else 1000
    return Part(
        part_id=PartId(key), item_type=item_type, stem=stem, points_milli=points, choices=choices
    )


def single(key: str, index: int = 0) -> Item:
    """A single-choice item."""
    part = choice_part(f"{key}p", ItemType.SINGLE_CHOICE, *SINGLE[index % len(SINGLE)])
    return Item(item_id=ItemId(key), item_type=ItemType.SINGLE_CHOICE, parts=(part,))


def multiple(key: str, index: int = 0) -> Item:
    """A multiple-choice item."""
    part = choice_part(f"{key}p", ItemType.MULTIPLE_CHOICE, *MULTIPLE[index % len(MULTIPLE)])
    return Item(item_id=ItemId(key), item_type=ItemType.MULTIPLE_CHOICE, parts=(part,))


def true_false(key: str, index: int = 0) -> Item:
    """A true-or-false item."""
    stem = TRUE_FALSE[index % len(TRUE_FALSE)]
    part = choice_part(f"{key}p", ItemType.TRUE_FALSE, stem, ("正确", "错误"))
    return Item(item_id=ItemId(key), item_type=ItemType.TRUE_FALSE, parts=(part,))


def blanks(key: str, index: int = 0) -> Item:
    """A fill-in item with two blanks."""
    stem, count = BLANKS[index % len(BLANKS)]
    part = Part(
        part_id=PartId(f"{key}p"),
        item_type=ItemType.FILL_BLANK,
        stem=stem,
        points_milli=1500,
        blank_count=count,
    )
    return Item(item_id=ItemId(key), item_type=ItemType.FILL_BLANK, parts=(part,))


def short(key: str, index: int = 0) -> Item:
    """A short-answer item."""
    part = Part(
        part_id=PartId(f"{key}p"),
        item_type=ItemType.SHORT_ANSWER,
        stem=SHORT[index % len(SHORT)],
        points_milli=5000,
    )
    return Item(item_id=ItemId(key), item_type=ItemType.SHORT_ANSWER, parts=(part,))


def case(key: str) -> Item:
    """A case: single choice, multiple choice and short answer under one material."""
    parts = (
        choice_part(
            f"{key}p1",
            ItemType.SINGLE_CHOICE,
            "公司与赵某约定的试用期最长可以是（）。",
            ("一个月", "二个月", "三个月", "六个月"),
        ),
        choice_part(
            f"{key}p2",
            ItemType.MULTIPLE_CHOICE,
            "赵某可以向劳动争议仲裁委员会提出的请求有（）。",
            ("补足试用期工资差额", "支付工伤保险待遇", "支付违法解除的赔偿金", "公开赔礼道歉"),
        ),
        Part(
            part_id=PartId(f"{key}p3"),
            item_type=ItemType.SHORT_ANSWER,
            stem="公司未缴纳工伤保险费，赵某的工伤保险待遇由谁支付？说明依据。",
            points_milli=6000,
        ),
    )
    return Item(item_id=ItemId(key), item_type=ItemType.CASE, parts=parts, material=MATERIAL)


def form_of(*items: Item) -> Form:
    """A form of these items."""
    return Form(paper_id=PaperId("P1"), form_number=FormNumber(7), title=TITLE, items=items)


def one_of_each() -> Form:
    """Six items, one of each type: i1 to i6."""
    return form_of(
        single("i1"), multiple("i2"), true_false("i3"), blanks("i4"), short("i5"), case("i6")
    )


def whole_form() -> Form:
    """100 items by type 50 : 20 : 10 : 10 : 5 : 5, as in the notice."""
    makers = (
        (single, 50),
        (multiple, 20),
        (true_false, 10),
        (blanks, 10),
        (short, 5),
        (lambda key, _index: case(key), 5),
    )
    items: list[Item] = []
    for maker, count in makers:
        for index in islice(cycle(range(6)), count):
            items.append(maker(f"q{len(items) + 1}", index))
    return form_of(*items)
