"""Puts what was measured into docs/performance.md, between its two marks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.bench.server.figures import Figure, markdown

BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


def with_tables(
    page: str, machine: Sequence[str], tables: Sequence[tuple[str, str, Sequence[Figure]]]
) -> str:
    """The page with these tables in place of those before.

    Args:
        page: The whole page.
        machine: Facts of the machine, one a line.
        tables: Name of the case, title, figures.

    Raises:
        ValueError: The page has no place for them.
    """
    before, mark, rest = page.partition(BEGIN)
    _, end_mark, after = rest.partition(END)
    if not mark or not end_mark:
        message = f"the page has no {BEGIN} … {END}"
        raise ValueError(message)
    lines = [f"- {fact}" for fact in machine]
    for name, title, figures in tables:
        lines += ["", f"### {title}", f'`make bench-server ARGS="--only {name}"`', ""]
        lines.append(markdown(figures))
    return "\n".join([before + BEGIN, *lines, END + after])
