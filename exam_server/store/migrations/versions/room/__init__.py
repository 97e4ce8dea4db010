"""The versions of the room tables."""
