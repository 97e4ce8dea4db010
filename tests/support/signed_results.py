"""The results of a live room, fixed, signed by two officials and fetched."""

from exam_server.room.services import results
from exam_server.room.services.results_draft import ResultsDraft
from tests.support import builders
from tests.support.live_room import LiveRoom

SIGNERS = tuple(
    results.Signer(account=account, session_key=f"session of {account}")
    for account in ("zhang", "zhao", "sun")
)


def make_draft(live: LiveRoom) -> ResultsDraft:
    """The first step, as the results page runs it."""
    room = live.room
    return results.fix_results(room.store, room.folder, room.trail, actors=("zhao",))


async def fix(live: LiveRoom) -> ResultsDraft:
    """The first step of the running room."""
    return await live.room.hub.steering.fix_results(lambda: make_draft(live))


def sign(live: LiveRoom, digest: str, number: int) -> ResultsDraft:
    """Official `number` signs, from an account and a browser of their own."""
    room = live.room
    return results.add_signature(
        room.store,
        room.folder,
        room.trail,
        SIGNERS[number],
        digest=digest,
        key=builders.OFFICIAL_KEYS[number],
    )


async def close(live: LiveRoom) -> bytes:
    """The last step of the running room."""
    room = live.room
    return await room.hub.steering.close(
        lambda: results.export_results(room.store, room.folder, room.trail)
    )


async def export(live: LiveRoom) -> bytes:
    """All steps; a closed room gives its file again."""
    draft = await fix(live)
    for number in range(len(draft.signed_by), 2):
        sign(live, draft.digest, number)
    return await close(live)
