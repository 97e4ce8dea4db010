"""How the kiosk reaches the room: TLS, the few HTTP requests, the WebSocket, what is still to send.

Nothing here knows what a response is; frames are bytes.
"""
