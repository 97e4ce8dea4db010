"""What an examination of a log found, in sentences for a person."""

from exam_core.errors import IntegrityError
from exam_core.formats.audit_evidence import LogReport
from exam_server.command_line import say

_GROUP = 8


def tell_report(report: LogReport, *, origin: str, as_json: bool) -> None:
    """Print the report, and fail when anything was found.

    Raises:
        IntegrityError: The code of the first finding.
    """
    say(
        report_text(report, origin=origin),
        as_json=as_json,
        origin=origin,
        lines=report.lines,
        covered=report.covered,
        checkpoints=report.checkpoints,
        head=report.head,
        heads=[{"size": one.size, "head": one.head} for one in report.heads],
        findings=[
            {
                "code": finding.code,
                "message": finding.message,
                "first_line": finding.first_line,
                "last_line": finding.last_line,
                "checkpoint": finding.checkpoint,
            }
            for finding in report.findings
        ],
    )
    if report.findings:
        first = report.findings[0]
        raise IntegrityError(first.code, first.message)


def report_text(report: LogReport, *, origin: str) -> str:
    """The report, the gravest first; what is not covered is said as well."""
    lines = [f"日志 {origin}", f"共 {report.lines} 行，检查点 {report.checkpoints} 个。"]
    lines += [f"发现：{finding.message}（{finding.code}）" for finding in report.findings]
    if not report.findings:
        lines.append("没有发现改动。")
    uncovered = report.lines - report.covered
    lines.append(f"与检查点相符的有前 {report.covered} 行。")
    if uncovered > 0:
        lines.append(f"其后 {uncovered} 行还没有检查点可证，只能凭前后相接判断。")
    if report.heads:
        lines.append("各检查点的日志头（与纸面核对）：")
        lines += [f"{one.size:>8} 行  {grouped(one.head)}" for one in report.heads]
    if report.head:
        lines.append(f"日志头（与纸面核对）：{grouped(report.head)}")
    return "\n".join(lines)


def grouped(digits: str) -> str:
    """Hexadecimal digits as people compare them, eight by eight."""
    return " ".join(digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))
