"""The use cases of the room: each changes the database in one transaction and logs who did it.

They block; the web layer runs them in threads. What is live (connections) is in `room.hub`.
"""
