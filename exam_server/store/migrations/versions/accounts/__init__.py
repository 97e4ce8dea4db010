"""The versions of the accounts tables."""
