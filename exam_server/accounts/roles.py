"""The roles a person can have at a centre or a grading site."""

from collections.abc import Iterable
from enum import StrEnum

from exam_core.errors import InputError, declare

ACCOUNT_ROLE = declare("account.role", "角色请从列出的名称中选择，多个角色之间用逗号。")


class Role(StrEnum):
    """What a person may do; a route names the roles it lets in."""

    CHIEF = "chief"  # 主考: types the opening code, decides
    IT = "it"  # 技术: brings the opening key, looks after machines
    PROCTOR = "proctor"
    STAFF = "staff"  # 考务: imports, records, exports
    AUDITOR = "auditor"  # reads everything, changes nothing
    LEAD = "lead"  # 阅卷组长
    MARKER = "marker"


TITLES_ZH = {
    Role.CHIEF: "主考",
    Role.IT: "技术",
    Role.PROCTOR: "监考",
    Role.STAFF: "考务",
    Role.AUDITOR: "监督",
    Role.LEAD: "阅卷组长",
    Role.MARKER: "阅卷员",
}

ROOM_ROLES = (Role.CHIEF, Role.IT, Role.PROCTOR, Role.STAFF, Role.AUDITOR)
GRADING_ROLES = (Role.LEAD, Role.MARKER, Role.STAFF, Role.AUDITOR)

ROOM_ADMINISTRATORS = frozenset({Role.CHIEF, Role.IT})
GRADING_ADMINISTRATORS = frozenset({Role.LEAD})
"""Who decides over others; from the third one on, two of them must approve a new one."""

RESULTS_SIGNERS = frozenset({Role.STAFF, Role.CHIEF})
"""With whose accounts the officials fix, sign and export a room's results."""


def parse_roles(text: str, allowed: Iterable[Role]) -> frozenset[Role]:
    """The roles written with commas between.

    Raises:
        InputError: `account.role`, for none, an unknown one, one that this program does not have,
            or the auditor together with a role that acts.
    """
    known = {str(role): role for role in allowed}
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise InputError(
            ACCOUNT_ROLE, f"没有角色“{'、'.join(unknown)}”；可用：{'、'.join(known)}", roles=unknown
        )
    roles = frozenset(known[name] for name in names)
    if Role.AUDITOR in roles and len(roles) > 1:
        raise InputError(ACCOUNT_ROLE, "监督不能同时担任其他角色")
    return roles


def write_roles(roles: Iterable[Role]) -> str:
    """The roles as they are stored: in the order of the enumeration."""
    present = set(roles)
    return ",".join(role for role in Role if role in present)
