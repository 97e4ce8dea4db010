"""`paper-builder`: the item bank and the papers made from it, on the command line."""

import sys
from collections.abc import Callable

import typer

from exam_core.crypto.selftest import run_self_test
from exam_core.errors import ExamError
from paper_builder.commands import bank, paper, publish
from paper_builder.commands.console import show_refusal

app = typer.Typer(
    help="贡院命题：题库、组卷、封装、印制。所有文件只在本机处理。",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("template", bank.template, "写出空白的题库表（.xlsx）：列名、下拉列表、填写说明和例子。"),
    ("import", bank.import_, "导入题库表或文本题库：有问题的题逐条报告并略过，其余一次入库。"),
    ("export", bank.export, "把题库中每题的当前版本写成题库表（.xlsx），可原样再导入。"),
    ("coverage", bank.coverage, "显示题库的覆盖表：领域 × 题型。"),
    ("draw", paper.draw, "抽题组卷：同样的题库、蓝图和种子，得到同样的试卷。"),
    ("print", paper.print_, "把指定各卷印成 PDF：试卷，以及答案及评分标准。"),
    ("sign-centre", publish.sign_centre, "签名考点文件，考点的服务器和考试机凭它互认。"),
    ("seal", publish.seal, "封装试卷：试卷包、各考点启封包、答案包；显示启封码。"),
)
for _name, _command, _help in _COMMANDS:
    app.command(_name, help=_help)(_command)
app.add_typer(publish.keys, name="keys")


def main() -> None:
    """Run the command line; a refusal is one clear message and its family's exit status."""
    try:
        run_self_test()
        app()
    except ExamError as error:
        show_refusal(error)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
