"""Processes that take the kiosks' connections off the room, on PostgreSQL: `serve --workers`.

The room process stays the only one that decides. A worker does TLS and WebSocket framing and
relays what it receives (`relay`, `desk`).
"""
