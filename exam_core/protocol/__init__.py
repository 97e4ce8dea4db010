"""What kiosk and server say to each other on the LAN: values and their bytes, no sockets.

Specified in `docs/spec/lan-protocol.md`.
"""

VERSION = 2
"""The protocol version; both sides name it and refuse any other."""
