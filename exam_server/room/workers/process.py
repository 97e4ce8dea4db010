"""A worker process: `python -m exam_server.room.workers.process`, started by the room alone.

It ends when the room does, however that ends: then nothing it relays has a meaning any more.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from exam_server import limits
from exam_server.hardening import harden
from exam_server.room.folder import RoomFolder
from exam_server.room.workers.channel import Channel
from exam_server.room.workers.relay import Relay
from exam_server.serving import Listener, serve_until_stopped
from exam_server.tls import server_context


def main(arguments: list[str]) -> None:
    """Serve until the channel breaks; the arguments are the room's.

    Args:
        arguments: The data folder, the host to listen on, and the descriptors of the channel and
            of the socket that is bound to the kiosk port.
    """
    os.umask(0o077)
    harden()
    data, channel_end, port_socket = arguments
    folder = RoomFolder(Path(data))
    end = socket.socket(fileno=int(channel_end))
    listening = socket.socket(fileno=int(port_socket))
    _Worker(folder, end, listening).run()


class _Worker:
    def __init__(self, folder: RoomFolder, end: socket.socket, listening: socket.socket) -> None:
        self._folder = folder
        self._end = end
        self._listening = listening
        self._stop = asyncio.Event()
        self._relay = Relay()

    def run(self) -> None:
        """Serve until the room is gone, or a signal comes."""
        self._listening.listen(limits.listen_backlog)
        listener = Listener(
            application=self._relay,
            open_socket=self._relay.open_socket,
            listening=self._listening,
            context=server_context(
                certificate_file=self._folder.server_certificate_file,
                client_authority_file=self._folder.authority_file,
            ),
            report=self._relay.refused,
        )
        serve_until_stopped(
            (listener,),
            life=self._life,
            on_ready=self._relay.tell_listening,
            on_stop=self._relay.end_all,
            stop=self._stop,
        )

    @contextlib.asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        channel = await Channel.over(self._end)
        self._relay.speak_over(channel)
        listening = asyncio.create_task(self._listen(channel))
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            channel.close()

    async def _listen(self, channel: Channel) -> None:
        while (message := await channel.receive()) is not None:
            self._relay.came(message)
        self._relay.end_all()
        self._stop.set()


if __name__ == "__main__":
    main(sys.argv[1:])
