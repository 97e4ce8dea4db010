"""The versions of the marking tables."""
