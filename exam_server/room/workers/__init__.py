"""Processes that take the kiosks' connections off the room, on PostgreSQL: `serve --workers`.

A worker does TLS and the framing of HTTP and WebSocket (`relay`, run by `process`), the room all
the rest (`link`, started by `desk`): it alone decides, checks, commits and signs.
"""
