"""Makes accounts on the command line; an administrator more is an act of two administrators.

The first two are made by whoever sets the program up: there is nobody yet to approve.
"""

from collections.abc import Mapping
from pathlib import Path

from exam_core.errors import StateError, declare
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.pairs import PAIR_ROLE, PAIR_SAME_PERSON
from exam_server.accounts.people import People
from exam_server.accounts.roles import TITLES_ZH, Role, write_roles
from exam_server.command_line import read_secret

ACCOUNT_APPROVAL = declare(
    "account.approval",
    "请两名已有的管理员批准：--approved-by 与 --approval-file 各给两次。",
)

PAIR = 2


def add_account(
    people: People,
    trail: AuditTrail,
    *,
    name: str,
    password: str,
    roles: frozenset[Role],
    administrators: frozenset[Role],
    approvals: Mapping[str, str],
    operator: str,
) -> None:
    """Make an account; slow.

    Args:
        people: The accounts of the program.
        trail: Gets the one line, with both approvers where two were needed.
        name: Of the new account.
        password: Of the new account.
        roles: Of the new account.
        administrators: The roles of which two people must approve a new one.
        approvals: Passwords by the names of who approves.
        operator: Who sits at the command line.

    Raises:
        InputError: `account.name`, `account.password`, `access.refused`.
        StateError: `account.approval`, `pair.same_person`, `pair.role`, `access.wait`.
    """
    is_guarded = bool(roles & administrators) and people.count_with(administrators) >= PAIR
    if is_guarded:
        check_approvals(people, approvals, administrators)
    people.add(name, password, roles)
    trail.record(
        "account_added",
        actors=tuple(approvals) if is_guarded else (operator,),
        subject=name,
        roles=write_roles(roles),
    )


def read_approvals(names: list[str], files: list[Path]) -> dict[str, str]:
    """The approvers' passwords, each from the file that was named in the same place.

    Raises:
        InputError: `secret.file`, `file.unreadable`.
        StateError: `account.approval`, when there are not as many files as names.
    """
    if len(names) != len(files):
        raise StateError(ACCOUNT_APPROVAL, "批准人与密码文件的个数不同")
    return {
        name: read_secret(file, "批准人的密码文件") for name, file in zip(names, files, strict=True)
    }


def check_approvals(
    people: People, approvals: Mapping[str, str], administrators: frozenset[Role]
) -> None:
    """Refuse unless two different administrators approve, each with their password; slow.

    Raises:
        InputError: `access.refused`.
        StateError: `account.approval`, `pair.same_person`, `pair.role`, `access.wait`.
    """
    if not approvals:
        raise StateError(ACCOUNT_APPROVAL, f"须由两名{_titles(administrators)}批准")
    if len(approvals) != PAIR:
        raise StateError(PAIR_SAME_PERSON, "须由两个不同的账号批准")
    for name, password in approvals.items():
        check_person(people, name, password, administrators)


def check_person(people: People, name: str, password: str, roles: frozenset[Role]) -> None:
    """Refuse unless this account has one of the roles and the password is its own; slow.

    Raises:
        InputError: `access.refused`.
        StateError: `pair.role`, `access.wait`.
    """
    person, token = people.sign_in(name, password, "command line")
    people.sign_out(token)
    if not person.roles & roles:
        raise StateError(PAIR_ROLE, f"{name} 不是{_titles(roles)}")


def _titles(roles: frozenset[Role]) -> str:
    return "、".join(TITLES_ZH[role] for role in Role if role in roles)
