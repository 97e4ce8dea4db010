"""What a session is given of this machine: its files, gates and clock. Wires, decides nothing."""

from collections.abc import Callable

from exam_client.config import KioskConfig
from exam_client.journal.files import FileSystem
from exam_client.session.attempt import SessionPorts
from exam_client.session.checkpoint_gate import CheckpointGate
from exam_client.session.keeping import Keeping, boot_id
from exam_client.session.order_gate import OrderGate


def make_ports(
    files: FileSystem,
    config: KioskConfig,
    keeping: Keeping,
    *,
    clock_ms: Callable[[], int],
    collect_pending: Callable[[], None] | None,
    refuse: Callable[[str, str], None],
    alarm: Callable[[str, str], None],
) -> SessionPorts:
    """The ports of every session at this seat.

    Args:
        files: How files are written.
        config: The kiosk.
        keeping: What a session leaves on the disk beside its journal.
        clock_ms: The monotonic clock.
        collect_pending: See `SessionEngine`.
        refuse: Reports a refusal that came from the server: code and message.
        alarm: Told that the record of orders could not be read: code and message.
    """
    centre = config.centre
    return SessionPorts(
        seat_id=config.seat_id,
        clock_ms=clock_ms,
        boot_id=boot_id(),
        keep_resume=keeping.keep_keys,
        drop_resume=keeping.drop_keys,
        keep_evidence=keeping.keep_evidence,
        save_resume=keeping.save,
        collect_pending=collect_pending,
        refuse=refuse,
        centre_key=centre.signing_key,
        orders=OrderGate(
            files,
            config.folder,
            centre_key=centre.signing_key,
            seat_id=config.seat_id,
            alarm=alarm,
        ),
        checkpoints=CheckpointGate(centre_key=centre.signing_key, centre_id=centre.centre_id),
    )
